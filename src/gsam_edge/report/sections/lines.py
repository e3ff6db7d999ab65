"""One line for each step that has ended: what it came to, in its own figures."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gsam_edge.report.sections.artefacts import NOT_ASKED as NOT_BUILT
from gsam_edge.report.sections.comparison import NOT_ASKED as NOT_MEASURED

#: Figures of teachers as people write them.
_FIGURES = {"map50": "box mAP50", "mask_map50": "mask mAP50", "mask_iou": "mask IoU"}


@dataclass(frozen=True)
class Line:
    """What a step says of itself.

    Attributes:
        needs: catalog names of the reports that it is made of, all of them outputs of the step.
        tell: makes it from these reports, by catalog name: half a sentence without a full stop.
    """

    needs: tuple[str, ...]
    tell: Callable[[Mapping[str, Any]], str]


def _validation(report: Mapping[str, Any]) -> str:
    images, objects = report["images"], report["annotations"]
    lost = images["dropped"] + objects["dropped"]
    splits = ", ".join(f"{name} {part['images']}" for name, part in report["splits"].items())
    dropped = f", {images['dropped']} images and {objects['dropped']} objects dropped" if lost else ", nothing dropped"
    return f"{images['in']} images with {objects['in']} objects{dropped}; {splits}"


def _teachers(report: Mapping[str, Mapping[str, Any]]) -> str:
    told = []
    for name, part in report.items():
        stage = "tuned" if "tuned" in part else "base"
        if figures := part.get(stage):
            figure, value = next(iter(figures.items()))
            told.append(f"{name} {_FIGURES.get(figure, figure)} {value:.2f}, {part['verdict']}")
    return "; ".join(told) or "no teacher is needed"


def _distillation(report: Mapping[str, Any]) -> str:
    figure, value = next(iter(report["arms"]["distilled"].items()))
    return f"student {figure.replace('_map50', ' mAP50')} {value['mean']:.2f} on the test images; {report['verdict']}"


def _artefacts(rows: Sequence[Mapping[str, Any]]) -> str:
    asked = [row for row in rows if not row["verdict"].startswith(NOT_BUILT)]
    return "; ".join(f"{row['artefact']} {row['verdict'].partition(':')[0]}" for row in asked) or "no format is named"


def _recommendation(report: Mapping[str, Any]) -> str:
    others = [o for o in report["others"] if not any(why.startswith(NOT_MEASURED) for why in o["misses"])]
    ship = f"ship {report['ship']}" if report["ship"] else "nothing to ship"
    return f"{ship}, {len(others)} others compared"


def _review(failures: Mapping[str, Any], review: Mapping[str, Any]) -> str:
    if why := failures.get("why"):
        return str(why)
    totals, doubtful = failures["totals"], review["handed_out"]["images"]
    return (
        f"of {totals['objects']} objects {totals['missed']} missed, {totals['confused']} confused, "
        f"{totals['invented']} invented; {doubtful} images with doubtful labels"
    )


def _import(report: Mapping[str, Any]) -> str:
    left = sum(entry["count"] for entry in report["skipped"])
    return f"{report['images']} images with {report['annotations']} objects taken, {left} cases left behind"


def _inference(report: Mapping[str, Any]) -> str:
    return f"{report['images']} images, {sum(report['objects'].values())} objects found"


#: By step; steps that are not here say how long they took.
LINES: Mapping[str, Line] = {
    "data_validation": Line(("validation_report",), lambda reports: _validation(reports["validation_report"])),
    "teacher_finetune": Line(("teacher_report",), lambda reports: _teachers(reports["teacher_report"])),
    "distillation": Line(("distillation_report",), lambda reports: _distillation(reports["distillation_report"])),
    "optimization": Line(("optimization_report",), lambda reports: _artefacts(reports["optimization_report"])),
    "evaluation": Line(("recommendation",), lambda reports: _recommendation(reports["recommendation"])),
    "review": Line(
        ("failure_report", "review_report"),
        lambda reports: _review(reports["failure_report"], reports["review_report"]),
    ),
    "import_dataset": Line(("import_report",), lambda reports: _import(reports["import_report"])),
    "pruning": Line(("pruning_report",), lambda reports: str(reports["pruning_report"]["verdict"])),
    "inference": Line(("inference_report",), lambda reports: _inference(reports["inference_report"])),
}
