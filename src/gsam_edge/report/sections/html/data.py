"""The images and labels that all of it rests on."""

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from gsam_edge.report.facts.facts import Facts
from gsam_edge.report.sections.html.environment import rendered
from gsam_edge.report.svg.cells import stacked

#: What each split is there for.
_SPLITS = {
    "train": ("training", "the model learns from their labels"),
    "held_back": ("labels not used", "training images that the teachers label; their own labels serve for comparison"),
    "val": ("validation", "choices are made on them"),
    "test": ("test", "nothing is learnt from them or chosen by them: they say how good the model is"),
}
#: Severities in their order, and how they are called.
_SEVERITIES = {"error": ("content lost or at risk", "bad"), "warning": ("look at it", "warn"), "info": ("to know", "")}
_DONE = {"keep": "kept as they are", "fix": "repaired", "drop": "left out"}


def data_health(facts: Facts) -> Markup:
    """Shows counts, splits, classes and findings of the data."""
    report = facts.reports["validation_report"]
    order = list(_SEVERITIES)
    findings = sorted(report["findings"], key=lambda finding: order.index(finding["severity"]))
    found = report["splits"]
    splits = [
        (name, *_SPLITS.get(name, (name, "")), found[name])
        for name in dict.fromkeys([*_SPLITS, *found])
        if name in found
    ]
    return rendered(
        "sections/data.html",
        report=report,
        splits=splits,
        classes=_classes(report, [name for name, *_ in splits]),
        findings=findings,
        severities=_SEVERITIES,
        done=_DONE,
    )


def _classes(report: Mapping[str, Any], splits: Sequence[str]) -> list[tuple[str, int, list[int], Markup]]:
    """Returns of each class its name, its objects in all and in each split, and these as a bar."""
    totals = report["statistics"]["per_class"]
    most = max(totals.values(), default=0) or 1
    rows = []
    for name, total in totals.items():
        counts = [report["splits"][split]["per_class"].get(name, 0) for split in splits]
        rows.append((name, total, counts, stacked(dict(zip(splits, counts, strict=True)), most=most)))
    return rows


def data_advice(facts: Facts) -> Sequence[str]:
    """Advises to label more of rare classes, and to look at severe findings."""
    report = facts.reports["validation_report"]
    severe = [
        f"Look at '{finding['code']}' ({finding['count']}): {finding['meaning']} (all cases: validation_report.json)."
        for finding in report["findings"]
        if finding["severity"] == "error"
    ]
    few = [
        f"Class '{each.name}' has {each.objects} objects in the test images: label more before trusting its figures."
        for each in facts.classes
        if each.few
    ]
    missing = [
        f"No image of the split {name} shows '{class_name}': label some, or split anew."
        for name, part in report["splits"].items()
        for class_name in part.get("classes_missing", ())
    ]
    return [*severe, *few, *missing]
