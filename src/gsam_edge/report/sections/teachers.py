"""What the tuning of the teachers gave, for the terminal."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.table import Table

#: Verdicts that are good news; all others are shown as a warning.
_GOOD = ("better than its base",)


def teachers_summary(report: Mapping[str, Mapping[str, Any]]) -> "Table":
    """Builds a table of the `teacher_report`: each teacher's figure before and after, and its verdict with the reason.

    Args:
        report: see `teachers.report.teacher_report`.
    """
    from rich.markup import escape
    from rich.table import Table

    table = Table(title="Teachers on the validation images", title_justify="left", header_style="bold")
    table.add_column("teacher", no_wrap=True)
    table.add_column("figure", no_wrap=True)
    for stage in ("base", "tuned"):
        table.add_column(stage, justify="right", no_wrap=True)
    table.add_column("verdict", overflow="fold")
    for name, part in report.items():
        figure = next(iter(part.get("base", {})), "")
        figures = [f"{part[stage][figure]:.3f}" if figure and stage in part else "-" for stage in ("base", "tuned")]
        words, why = part.get("verdict", part["status"]), part.get("why", "")
        colour = "dim" if "verdict" not in part else "green" if words in _GOOD else "yellow"
        between = "\n" if "verdict" in part else ": "
        told = f"[{colour}]{words}[/]" + (f"[dim]{between}{escape(why)}[/]" if why else "")
        table.add_row(name, figure or "-", *figures, told)
    return table
