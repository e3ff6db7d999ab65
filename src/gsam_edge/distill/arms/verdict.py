"""Says in words whether distillation pays on this data."""

from collections.abc import Mapping
from typing import NamedTuple

from gsam_edge.distill.arms.table import ARMS, CONTROLS
from gsam_edge.metrics.bootstrap import Estimate

#: Beginnings of the verdicts.
PAYS, UNPROVEN, PAYS_NOT, UNKNOWN = "distillation adds", "no gain is proven", "does not pay here", "not known"
LEARNT_NOTHING = "the student learnt nothing"
#: What helps a student that learnt nothing.
WHAT_TO_DO = "give distillation.training.steps more, or student.image_size, or label more images"
NOTHING_TO_TEACH = "nothing for the teacher to teach"


class Gain(NamedTuple):
    """By how much the distilled student is better than a control.

    Attributes:
        mean: difference of mAP50-95 of boxes (0..1), with its interval.
        of_classes: the same of each class that has an interval, by its name.
    """

    mean: Estimate
    of_classes: Mapping[str, Estimate]


def distillation_verdict(
    gains: Mapping[str, Gain],
    *,
    learnt: bool,
    seeds: int,
    enough: bool,
    no_pool: str | None,
    taught: bool,
    listens: bool,
) -> str:
    """Returns the verdict. A gain is claimed only over both controls, with both intervals above 0.

    Args:
        gains: over each control that was trained, by its name.
        learnt: whether a distilled student finds any object of the validation or the test images.
        seeds: trainings of each arm.
        enough: whether enough test images hold objects for an interval.
        no_pool: why there are no images for the teacher to label, or None where there are some.
        taught: whether the distilled student learnt from any label of the pool.
        listens: whether a loss of the teacher's has a weight.
    """
    if not learnt:
        return f"{LEARNT_NOTHING}: it finds no object of the validation images nor of the test images; {WHAT_TO_DO}"
    if no_pool is not None and not listens:
        return f"{NOTHING_TO_TEACH}: {no_pool}, and no loss of the teacher's has a weight"
    if not (taught or listens):
        return f"{PAYS_NOT}: none of the pool's labels could be trusted (label_report.json), so none was learnt from"
    if not enough:
        return f"{UNKNOWN}: too few images of the test split hold objects for an interval"
    return _judged(gains, CONTROLS if no_pool is None else CONTROLS[:1], seeds)


def _judged(gains: Mapping[str, Gain], needed: tuple[str, ...], seeds: int) -> str:
    """Returns the verdict by the controls that were trained of those that a claim needs; a loss needs one of them."""
    compared = [name for name in needed if name in gains]
    missing = [name for name in needed if name not in gains]
    if not compared:
        return f"{UNKNOWN}: no control was trained (distillation.control: [{', '.join(needed)}])"
    figures = _figures([f"{_points(gains[name].mean)} over {ARMS[name].title}" for name in compared])
    luck = " (one seed: another may say otherwise)" if seeds == 1 else f" ({seeds} seeds)"
    if lost := [name for name in compared if gains[name].mean.high < 0]:
        return f"{PAYS_NOT}: {figures}; it is worse than {_titles(lost)}{luck}"
    if doubtful := [name for name in compared if gains[name].mean.low <= 0]:
        better = all(gains[name].mean.value > 0 for name in compared)
        word = UNPROVEN if better else PAYS_NOT
        return f"{word}: {figures}; over {_titles(doubtful)} none is shown, since 0 lies in the interval{luck}"
    if missing:
        return (
            f"{UNKNOWN}: {figures}{luck}; whether that is the teacher's merit is not known without {_titles(missing)} "
            "(distillation.control)"
        )
    return f"{PAYS} {figures}{_most(gains[needed[0]].of_classes)}{luck}"


def _figures(told: list[str]) -> str:
    first, *others = told
    return " and ".join([first.replace(" over ", " mAP50-95 over ", 1), *others])


def _titles(names: list[str]) -> str:
    return " and ".join(ARMS[name].title for name in names)


def _most(of_classes: Mapping[str, Estimate]) -> str:
    """Names the class that gains most, of several; none where no class is sure to gain."""
    sure = {name: gain.value for name, gain in of_classes.items() if gain.low > 0}
    return f"; most for '{max(sure, key=sure.__getitem__)}'" if sure and len(of_classes) > 1 else ""


def _points(gain: Estimate) -> str:
    """Returns a difference with its interval in points of mAP (hundredths)."""
    value, low, high = (round(100 * each, 1) + 0.0 for each in gain)  # + 0.0: no "-0.0"
    return f"{value:.1f} ({low:.1f} to {high:.1f})"
