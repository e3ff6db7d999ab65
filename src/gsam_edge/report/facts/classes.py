"""What is known of each class."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gsam_edge.report.facts.estimate import Estimate, share


@dataclass(frozen=True)
class ClassFacts:
    """One class.

    Attributes:
        name: its name.
        objects: in the test images; None where not counted.
        trained_on: objects in the training images whose labels are used; None where not counted.
        found: share of its objects that are found at the recommended score (0..1).
        right: share of the answers of this class that are right (0..1).
        false_alarms: answers of this class where no object of it is; None where not counted.
        f1: of both (0..1).
        map50: accuracy over all scores (0..1): of masks where there are any, else of boxes.
        threshold: the recommended score; None without one.
        borrowed: whether that score is the one of all classes, since this class has too few objects.
        few: whether there are too few objects in the test images to rely on.
        curve: pairs of recall and precision (0..1), by rising recall; empty where not known.
    """

    name: str
    objects: int | None
    trained_on: int | None
    found: Estimate | None
    right: Estimate | None
    false_alarms: int | None
    f1: Estimate | None
    map50: Estimate | None
    threshold: float | None
    borrowed: bool
    few: bool
    curve: tuple[tuple[float, float], ...]


def class_facts(
    names: Sequence[str],
    row: Mapping[str, Any],
    evaluated: Mapping[str, Any],
    reports: Mapping[str, Any],
    *,
    few_objects: int,
) -> tuple[ClassFacts, ...]:
    """Collects what the reports say of each class.

    Args:
        names: of the classes, by their ids.
        row: the artefact's row of `comparison`; may be empty.
        evaluated: its part of `evaluation_report`; may be empty.
        reports: by their catalog names.
        few_objects: a class with fewer in the test images is marked.
    """
    splits = reports.get("validation_report", {}).get("splits", {})
    thresholds = reports.get("student_thresholds", {}).get("classes", {})
    curves = evaluated.get("curves", {})
    shown = (row.get("at_threshold") or evaluated.get("at_threshold") or {}).get("per_class", {})
    known = []
    for name in names:
        of_class = {**row.get("per_class", {}).get(name, {}), **evaluated.get("per_class", {}).get(name, {})}
        counts = {split: part["per_class"].get(name) for split, part in splits.items()}
        at, chosen = shown.get(name, {}), thresholds.get(name, {})
        objects = at.get("objects", of_class.get("objects", counts.get("test")))
        map50 = next((of_class[key] for key in ("mask_map50", "box_map50") if key in of_class), None)
        answers = at.get("found", 0) + at.get("false_alarms", 0)
        known.append(
            ClassFacts(
                name=name,
                objects=objects,
                trained_on=counts.get("train"),
                found=_with_interval(of_class.get("recall"), at.get("found"), objects),
                right=_with_interval(of_class.get("precision"), at.get("found"), answers),
                false_alarms=at.get("false_alarms"),
                f1=Estimate.of(of_class.get("f1", at.get("f1"))),
                map50=Estimate.of(map50),
                threshold=chosen.get("threshold", at.get("threshold")),
                borrowed=chosen.get("from") == "all",
                few=objects is not None and objects < few_objects,
                curve=tuple((float(recall), float(precision)) for recall, precision in curves.get(name, ())),
            )
        )
    return tuple(known)


def _with_interval(figure: Any, part: int | None, whole: int | None) -> Estimate | None:
    """Returns a figure as the report holds it; without its interval there, the share of counts with Wilson's."""
    known = Estimate.of(figure)
    if known is not None and known.ci95 is not None:
        return known
    return share(part, whole) if part is not None and whole else known
