"""Says in words whether distillation pays on this data."""

from collections.abc import Mapping
from typing import NamedTuple

from gsam_edge.distill.arms import ARMS, CONTROLS
from gsam_edge.metrics.bootstrap import Estimate

#: Beginnings of the verdicts.
PAYS, PAYS_NOT, UNKNOWN = "distillation adds", "does not pay here", "not known"
NOTHING_TO_TEACH = "nothing for the teacher to teach"


class Gain(NamedTuple):
    """By how much the distilled student is better than a control.

    Attributes:
        mean: difference of mAP50-95 of boxes (0..1), with its interval.
        of_classes: class names to the same of each class.
    """

    mean: Estimate
    of_classes: Mapping[str, Estimate]


def distillation_verdict(
    gains: Mapping[str, Gain], *, seeds: int, enough: bool, no_pool: str | None, listens: bool
) -> str:
    """Returns the verdict. A gain is claimed only over both controls, with both intervals above 0.

    Args:
        gains: over each control that was trained, by its name.
        seeds: trainings of each arm.
        enough: whether enough test images hold objects for an interval.
        no_pool: why there is no image for the teacher to label, or None.
        listens: whether a loss of the teacher's has a weight.
    """
    if no_pool and not listens:
        return f"{NOTHING_TO_TEACH}: {no_pool}; and no loss of the teacher's has a weight (distillation.losses)"
    if not enough:
        return f"{UNKNOWN}: too few images of the test split hold objects for an interval"
    needed = CONTROLS[:1] if no_pool else CONTROLS
    missing = [name for name in needed if name not in gains]
    if len(missing) == len(needed):
        return f"{UNKNOWN}: no control was trained (distillation.control: [{', '.join(needed)}])"
    compared = [name for name in needed if name in gains]
    told = [f"{_points(gains[name].mean)} over {ARMS[name].title}" for name in compared]
    figures = _figures(told)
    luck = " (one seed: another may say otherwise)" if seeds == 1 else f" ({seeds} seeds)"
    if missing:
        return (
            f"{UNKNOWN}: {figures}{luck}; whether that is the teacher's merit is not known without "
            f"{' and '.join(ARMS[name].title for name in missing)} (distillation.control)"
        )
    if all(gains[name].mean.low > 0 for name in needed):
        best = max(gains[needed[0]].of_classes.items(), key=lambda item: item[1].value, default=None)
        most = f"; most for '{best[0]}'" if best is not None and len(gains[needed[0]].of_classes) > 1 else ""
        return f"{PAYS} {figures}{most}{luck}"
    lost = [name for name in needed if gains[name].mean.high < 0]
    if lost:
        why = "it is worse than " + " and ".join(ARMS[name].title for name in lost)
    else:
        equal = " and ".join(ARMS[name].title for name in needed if gains[name].mean.low <= 0)
        why = f"no gain over {equal} within the interval"
    return f"{PAYS_NOT}: {figures}; {why}{luck}"


def _figures(told: list[str]) -> str:
    first, *others = told
    return " and ".join([first.replace(" over ", " mAP50-95 over ", 1), *others])


def _points(gain: Estimate) -> str:
    """Returns a difference in points of mAP (hundredths) with its margin."""
    return f"{100 * gain.value:.1f} ± {100 * gain.margin:.1f}"
