"""Judges a teacher: whether it can teach a student at all, and whether tuning made it better than its base."""

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from gsam_edge.coco.errors import InvalidDatasetError
from gsam_edge.coco.needs import is_not_needed
from gsam_edge.metrics.bootstrap import LEAST_IMAGES, LEVEL, Interval
from gsam_edge.teachers.config import FloorConfig
from gsam_edge.teachers.errors import UselessTeacherError

if TYPE_CHECKING:
    from gsam_edge.teachers.compose import TunedTeachers

logger = logging.getLogger(__name__)

#: Figures of the verdict: boxes, masks in given boxes, masks of found objects. Tuning selects by the first two.
_JUDGED_BY = ("map50", "mask_iou", "mask_map50")

USELESS, SUFFICIENT = "useless", "above the floor"
BETTER, WORSE = "better than its base", "worse than its base"
NO_DIFFERENT = "no different from its base within the interval"
UNKNOWN = "not known: too few validation images"


def verdict(
    name: str,
    base: Mapping[str, float],
    tuned: Mapping[str, float] | None,
    *,
    interval: Interval | None,
    labels: Mapping[str, float],
    score_threshold: float,
    floor: FloorConfig,
) -> dict[str, str]:
    """Returns what a teacher is worth, and logs a warning where it is useless or tuning did not help.

    The adapter is used in any case: tuning never falls back to the untuned base, so that a run does what was configured
    and reports the result.

    Args:
        name: name of the teacher, for the warning.
        base: its figures (0..1) before tuning.
        tuned: its figures after; None for a teacher that is used as it is. Of its validations the best one's weights
            were kept, so they flatter it a little where the images are the same, as in the report.
        interval: by how much tuning changed the judged figure; None where the images are too few to tell.
        labels: `recall` and `precision` of its labels on the same images; empty for a teacher that is given the boxes.
        score_threshold: labels that score less are not counted in them (0..1).
        floor: what a teacher must reach.

    Returns:
        `verdict`, one of this module's constants, and `why`, by AP50 or mask IoU; or nothing where the images have no
        such figure, or for a teacher that is used as it is and reaches the floor.
    """
    last = base if tuned is None else tuned
    figure = next((figure for figure in _JUDGED_BY if figure in base and figure in last), None)
    if figure is None:
        return {}
    faults = [*_below(last, floor), *_too_few(labels, floor)]
    held = _in_words(labels, "it would find", "would be right", f" from a score of {score_threshold:g} on")
    if faults:
        why = "; ".join([*held, *faults])
        logger.warning("%s is useless as a teacher: %s", name, why)
        return {"verdict": USELESS, "why": why}
    if tuned is None:
        return {}
    words = _compared(interval)
    change = (
        f"{figure} {tuned[figure]:.3f}, base {base[figure]:.3f} on the validation images, which also chose its weights"
    )
    if interval is None:
        change += f"; {LEAST_IMAGES} of them at least must hold objects to tell it from luck"
        logger.warning("whether tuning helped %s is %s: %s; give split.val a larger share", name, words, change)
    else:
        change += f" (difference {interval.difference:+.3f}, {LEVEL:.0%} interval {interval.low:+.3f} to "
        change += f"{interval.high:+.3f} over {interval.images} images)"
    if words in (WORSE, NO_DIFFERENT):
        logger.warning(
            "%s is %s after tuning: %s; the adapter is used all the same. Try a lower learning rate, more steps or "
            "more images",
            name,
            words,
            change,
        )
    return {"verdict": words, "why": "; ".join([change, *held])}


def label_verdict(
    figures: Mapping[str, float], gated: Mapping[str, Any], floor: FloorConfig, *, never_found: Mapping[str, int]
) -> dict[str, str]:
    """Returns `verdict` and `why` of a teacher's labels; warns where they are useless, or few pass the gate.

    Args:
        figures: `recall`, `precision` and `mask_iou` (0..1) of the labels on the validation images, from
            `floor.score_threshold` on; those that do not apply are absent.
        gated: `recall` (0..1) of those that are objects behind the gate, which may be absent.
        floor: what they must reach. The masks of a finder's labels are judged as those in given boxes are.
        never_found: classes to the number of their validation objects, of which no label holds one at any score. In
            images without labels they would be background to the student.
    """
    rough = _below({name: figures[name] for name in ("mask_iou",) if name in figures}, floor)
    missed = [f"none of the {objects} validation objects of {name!r} is found" for name, objects in never_found.items()]
    faults = [*rough, *_too_few(figures, floor), *missed]
    passed = [f"of 100 objects about {100 * gated['recall']:.0f} pass the gate"] if "recall" in gated else []
    where = f" on the validation images from a score of {floor.score_threshold:g} on"
    why = "; ".join([*_in_words(figures, "the labels hold", "are right", where), *passed, *faults])
    if faults:
        logger.warning("the labels are useless for a student: %s", why)
    elif gated.get("recall", 1.0) < floor.recall:
        logger.warning(
            "few labels pass the gate: %s; the others are ignored. A better teacher, or a lower "
            "labelling.gate.precision, lets more through; label_report says what to try about each class",
            why,
        )
    return {"verdict": USELESS if faults else SUFFICIENT, "why": why or "the labels lie in the true boxes"}


def refuse_useless(parts: Mapping[str, Mapping[str, Any]], floor: FloorConfig) -> None:
    """Ends the run where a verdict says useless and `floor.below` does not say to go on.

    Args:
        parts: names of teachers, or of labels, to what holds their `verdict` and `why`.
        floor: what they must reach.

    Raises:
        UselessTeacherError: naming each of them, with its reason.
    """
    useless = {name: part["why"] for name, part in parts.items() if part.get("verdict") == USELESS}
    if useless and floor.below == "error":
        reasons = "\n".join(f"{name}: {why}" for name, why in useless.items())
        raise UselessTeacherError(
            f"expected a teacher that a student can learn from, got one that is useless.\n{reasons}\n"
            "plot_teacher_worst.png shows what it gets wrong. Tune it with more steps, a higher learning rate or more "
            "images (pipeline teacher_finetune), or name another base in the catalog. Where labels are few but right, "
            "a lower teacher_floor.score_threshold counts more of them (--from-nodes=teacher_finetune.report_teachers "
            "measures them without tuning again), and a lower labelling.gate.precision lets more through; label_report "
            "says what to try about each class. To go on all the same, set teacher_floor.below=keep; "
            "distillation.losses.detection=0 then leaves its labels out of the student's training"
        )


def refuse_useless_teachers(report: Mapping[str, Any], teachers: "TunedTeachers", floor: FloorConfig) -> None:
    """Ends the run where the report calls a teacher useless, see `refuse_useless`.

    Args:
        report: the `teacher_report`.
        teachers: the teachers of which it must be.
        floor: what they must reach.

    Raises:
        InvalidDatasetError: if it is of other adapters.
        UselessTeacherError: see `refuse_useless`.
    """
    for name, (_, adapter) in teachers.items():
        if not is_not_needed(adapter) and report.get(name, {}).get("adapter") != adapter.digest:
            raise InvalidDatasetError(
                f"teacher_report: expected the report of the present {name}_adapter, got one of another; run the "
                "pipeline teacher_finetune"
            )
    refuse_useless(report, floor)


def _in_words(labels: Mapping[str, float], hold: str, right: str, where: str) -> list[str]:
    """Returns recall and precision as counts of a hundred, one clause or none."""
    clauses = []
    if "recall" in labels:
        clauses.append(f"of 100 objects {hold} about {100 * labels['recall']:.0f}{where}")
    if "precision" in labels:
        clauses.append(f"of 100 labels about {100 * labels['precision']:.0f} {right}")
    return [", and ".join(clauses)] if clauses else []


def _below(figures: Mapping[str, float], floor: FloorConfig) -> list[str]:
    least = {"map50": "map50", "mask_map50": "map50", "mask_iou": "mask_iou"}
    return [
        f"{name} {figures[name]:.3f} is below teacher_floor.{key} ({getattr(floor, key):g})"
        for name, key in least.items()
        if name in figures and figures[name] < getattr(floor, key)
    ]


def _too_few(labels: Mapping[str, float], floor: FloorConfig) -> list[str]:
    if labels.get("recall", 1.0) >= floor.recall:
        return []
    return [f"too few to teach a student (teacher_floor.recall is {floor.recall:g})"]


def _compared(interval: Interval | None) -> str:
    if interval is None:
        return UNKNOWN
    if not interval.excludes_zero:
        return NO_DIFFERENT
    return BETTER if interval.low > 0 else WORSE
