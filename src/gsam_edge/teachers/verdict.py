"""Whether tuning was worth it: a tuned teacher against its base, said where nobody can miss it."""

import logging
from collections.abc import Mapping

logger = logging.getLogger(__name__)

#: What a teacher is judged by: boxes, masks in given boxes, masks of found objects. Tuning chooses by the first two.
_JUDGED_BY = ("map50", "mask_iou", "mask_map50")


def verdict(name: str, base: Mapping[str, float], tuned: Mapping[str, float]) -> dict[str, str]:
    """What tuning made of a teacher, with a warning where it did not make it better.

    The adapter is kept in any case: tuning never takes the untuned base as its result, so that a run does what it was
    told, and says what came of it.

    Args:
        name: of the teacher, for the warning.
        base: its figures (0..1) before tuning.
        tuned: its figures after.

    Returns:
        `verdict`: "better than its base", "no better than its base" or "worse than its base", by AP50 or mask IoU; or
        nothing where the split holds nothing to judge by.
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
