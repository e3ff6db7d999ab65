"""The table of the sections of a run's summary, in their order."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from rich.console import RenderableType

from gsam_edge.report.console import import_summary, validation_summary
from gsam_edge.report.sections.arms import arms_summary
from gsam_edge.report.sections.artefacts import artefacts_summary
from gsam_edge.report.sections.comparison import (
    comparison_summary,
    differences_summary,
    recommendation_summary,
    threshold_summary,
)
from gsam_edge.report.sections.inference import inference_summary
from gsam_edge.report.sections.pruning import pruning_summary
from gsam_edge.report.sections.review import failures_summary, import_review_summary, review_summary
from gsam_edge.report.sections.teachers import teachers_summary

#: A rendered section: anything that rich prints.
Fragment: TypeAlias = RenderableType


@dataclass(frozen=True)
class Section:
    """One section of a run's summary.

    Attributes:
        name: its subject.
        needs: catalog names of the reports that it requires.
        render: makes it from the reports of the run, by catalog name; those of `needs` are among them. None where
            another section replaces it.
    """

    name: str
    needs: tuple[str, ...]
    render: Callable[[Mapping[str, Any]], Fragment | None]


SECTIONS: Mapping[str, Section] = {
    section.name: section
    for section in (
        Section("comparison", ("comparison",), lambda reports: comparison_summary(reports["comparison"])),
        Section("in use", ("evaluation_report",), lambda reports: threshold_summary(reports["evaluation_report"])),
        Section(
            "differences", ("evaluation_report",), lambda reports: differences_summary(reports["evaluation_report"])
        ),
        # A whole run validates too: then only its results are shown.
        Section(
            "validation",
            ("validation_report",),
            lambda reports: None if "comparison" in reports else validation_summary(reports["validation_report"]),
        ),
        Section(
            "artefacts", ("optimization_report",), lambda reports: artefacts_summary(reports["optimization_report"])
        ),
        Section("failures", ("failure_report",), lambda reports: failures_summary(reports["failure_report"])),
        Section("review", ("review_report",), lambda reports: review_summary(reports["review_report"])),
        Section(
            "import_review",
            ("import_review_report",),
            lambda reports: import_review_summary(reports["import_review_report"]),
        ),
        Section("teachers", ("teacher_report",), lambda reports: teachers_summary(reports["teacher_report"])),
        Section("arms", ("distillation_report",), lambda reports: arms_summary(reports["distillation_report"])),
        Section("pruning", ("pruning_report",), lambda reports: pruning_summary(reports["pruning_report"])),
        Section("inference", ("inference_report",), lambda reports: inference_summary(reports["inference_report"])),
        Section(
            "pruned artefacts",
            ("optimization_pruned_report",),
            lambda reports: artefacts_summary(reports["optimization_pruned_report"], of="Pruned students"),
        ),
        Section(
            "pruned comparison",
            ("pruning_comparison",),
            lambda reports: comparison_summary(reports["pruning_comparison"], "Pruned student on the test split"),
        ),
        # The answer stands last, next to the prompt.
        Section(
            "recommendation", ("recommendation",), lambda reports: recommendation_summary(reports["recommendation"])
        ),
        Section("import", ("import_report",), lambda reports: import_summary(reports["import_report"])),
    )
}


def fragments(reports: Mapping[str, Any]) -> list[Fragment]:
    """Renders the sections whose reports are there, in the order of `SECTIONS`.

    Args:
        reports: the reports of the run, by catalog name.
    """
    rendered = [section.render(reports) for section in SECTIONS.values() if reports.keys() >= set(section.needs)]
    return [fragment for fragment in rendered if fragment is not None]
