"""What the gate measured of each exported student, for the terminal."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Group

#: The colour of a verdict by its first word.
_COLOURS = {"accepted": "green", "refused": "yellow", "rejected": "red"}
#: How the verdict on a format begins that nobody asked for: such formats share one line.
NOT_ASKED = "not built: not asked for"


def artefacts_summary(rows: Sequence[Mapping[str, Any]], of: str = "Exported students") -> "Group":
    """Builds a table of the `optimization_report` (see `evaluate.gate.gate_artefacts`); what is absent is a dash.

    Under a time is the time of single precision in the same turns, under a drop its 95 % interval.

    Args:
        rows: the report.
        of: what was exported, as the title begins.
    """
    from rich.console import Group
    from rich.markup import escape
    from rich.table import Table

    measured = next((row for row in rows if "accuracy" in row), None)
    over = f" by {measured['accuracy']['images']} validation images" if measured else ""
    table = Table(title=f"{of}, judged{over}", title_justify="left", header_style="bold")
    table.add_column("artefact", no_wrap=True)
    for heading in ("size\nMB", "ms\n[dim]FP32[/]", "times\nas fast"):
        table.add_column(heading, justify="right", no_wrap=True)
    kinds = [kind for kind in ("box", "mask") if any(f"{kind}_map50_95" in row.get("accuracy", {}) for row in rows)]
    for kind in kinds:
        table.add_column(f"{kind} mAP50-95\n[dim]points lost[/]", justify="right", no_wrap=True)
    table.add_column("verdict", overflow="fold")
    for row in rows:
        if row["verdict"].startswith(NOT_ASKED):
            continue
        accuracy, latency = row.get("accuracy", {}), row.get("latency", {})
        word, _, why = row["verdict"].partition(": ")
        told = [f"[{_COLOURS.get(word, 'dim')}]{word}[/]: {escape(why)}"]
        told += [f"[dim]{escape(note)}[/]" for note in row.get("notes", ())]
        table.add_row(
            row["artefact"],
            _number(row.get("size_mb"), 1),
            _number(latency.get("ms"), 1) + (f"\n[dim]{latency['fp32_ms']:.1f}[/]" if "fp32_ms" in latency else ""),
            _number(latency.get("ratio"), 2),
            *(_drop(accuracy, kind) for kind in kinds),
            "\n".join(told),
        )
    unasked = [row["artefact"].removeprefix("student_") for row in rows if row["verdict"].startswith(NOT_ASKED)]
    line = [f"[dim]not asked for (--params=formats=...): {', '.join(unasked)}[/]"] if unasked else []
    return Group(table, *line)


def _drop(accuracy: Mapping[str, Any], kind: str) -> str:
    """Returns a figure, and below it what was lost with its interval."""
    text = _number(accuracy.get(f"{kind}_map50_95"), 3)
    if f"{kind}_drop" in accuracy:
        text += f"\n[dim]{accuracy[f'{kind}_drop']:.1f}"
        if f"{kind}_drop_ci95" in accuracy:
            low, high = accuracy[f"{kind}_drop_ci95"]
            text += f" ({low:.1f} to {high:.1f})"
        text += "[/]"
    return text


def _number(value: float | None, decimals: int) -> str:
    return "-" if value is None else f"{value:.{decimals}f}"
