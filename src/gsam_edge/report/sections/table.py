"""The sections of what a run says at its end, in their order."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from rich.console import RenderableType

from gsam_edge.report.console import comparison_summary, import_summary, validation_summary

#: A part of a page: what rich prints.
Fragment: TypeAlias = RenderableType


@dataclass(frozen=True)
class Section:
    """One part of what a run says.

    Attributes:
        name: what it is about.
        needs: catalog names of the reports without which there is nothing to say.
        render: makes it from the reports that the run left, by catalog name; those of `needs` are among them. None
            where another section says more.
    """

    name: str
    needs: tuple[str, ...]
    render: Callable[[Mapping[str, Any]], Fragment | None]


SECTIONS: Mapping[str, Section] = {
    section.name: section
    for section in (
        Section("comparison", ("comparison",), lambda reports: comparison_summary(reports["comparison"])),
        # A whole run validates too: its results then stand alone.
        Section(
            "validation",
            ("validation_report",),
            lambda reports: None if "comparison" in reports else validation_summary(reports["validation_report"]),
        ),
        Section("import", ("import_report",), lambda reports: import_summary(reports["import_report"])),
    )
}


def fragments(reports: Mapping[str, Any]) -> list[Fragment]:
    """The sections that have something to say, in the order of `SECTIONS`.

    Args:
        reports: what the run left, by catalog name.
    """
    rendered = [section.render(reports) for section in SECTIONS.values() if reports.keys() >= set(section.needs)]
    return [fragment for fragment in rendered if fragment is not None]
