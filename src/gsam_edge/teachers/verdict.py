"""Compares a tuned teacher with its base and warns where tuning did not help."""

import logging
from collections.abc import Mapping

logger = logging.getLogger(__name__)

#: Metrics of the verdict: boxes, masks in given boxes, masks of found objects. Tuning selects by the first two.
_JUDGED_BY = ("map50", "mask_iou", "mask_map50")


def verdict(name: str, base: Mapping[str, float], tuned: Mapping[str, float]) -> dict[str, str]:
    """Returns whether tuning improved a teacher, and logs a warning where it did not.

    The adapter is used in any case: tuning never falls back to the untuned base, so that a run does what was configured
    and reports the result.

    Args:
        name: name of the teacher, for the warning.
        base: its metrics (0..1) before tuning.
        tuned: its metrics after.

    Returns:
        `verdict`: "better than its base", "no better than its base" or "worse than its base", by AP50 or mask IoU; or
            nothing where the split has no such metric.
    """
    figure = next((figure for figure in _JUDGED_BY if figure in base and figure in tuned), None)
    if figure is None:
        return {}
    before, after = base[figure], tuned[figure]
    if after > before:
        return {"verdict": "better than its base"}
    words = "worse than its base" if after < before else "no better than its base"
    logger.warning(
        "%s: after tuning %s (%s %.3f, base %.3f on the validation images); the adapter is used all the same. "
        "Try a lower learning rate, more steps or more images",
        name,
        words,
        figure,
        after,
        before,
    )
    return {"verdict": words}
