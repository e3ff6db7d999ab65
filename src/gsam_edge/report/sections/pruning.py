"""What a pruned student lost and saved, for the terminal."""

from collections.abc import Mapping
from statistics import fmean
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.table import Table

#: By whose figures: a key of the report's `test`, and its name for people.
_STUDENTS = {
    "student": "student",
    "pruned": "pruned, not trained yet",
    "recovered": "pruned and trained",
    "longer": "student, trained as much longer",
}


def pruning_summary(report: Mapping[str, Any]) -> "Table":
    """Builds a table of the `pruning_report`: the figures of each student, means over the seeds, and the verdict.

    Args:
        report: see `distill.pruning.prune_and_recover`; its `latency` see `evaluate.in_turns.latency_in_turns`.
    """
    from rich.markup import escape
    from rich.table import Table

    figures = list(report["test"]["student"][0])
    latency = report["latency"]
    speed = latency["why"] if "why" in latency else f"ONNX, in turns: {latency['ratio']:.2f} times as fast"
    caption = escape(f"{report['verdict']}. {speed}")
    table = Table(
        title="Pruned student on the test images",
        title_justify="left",
        header_style="bold",
        caption=caption,
        caption_justify="left",
    )
    table.add_column("student", no_wrap=True)
    for name in figures:
        table.add_column(name, justify="right", no_wrap=True)
    for key, title in _STUDENTS.items():
        if rows := report["test"].get(key):
            table.add_row(title, *(f"{fmean(row[name] for row in rows):.3f}" for name in figures))
    return table
