"""What distillation gave beside its controls, for the terminal."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from gsam_edge.metrics.figures import FIGURES

if TYPE_CHECKING:
    from rich.console import Group

#: Figures of the table.
_SHOWN = ("box_map50", "box_map50_95", "mask_map50", "mask_map50_95")
_GOOD = "distillation adds"


def arms_summary(report: Mapping[str, Any]) -> "Group":
    """Builds a table of the arms with their intervals, and says in one sentence what distillation adds.

    Args:
        report: see `distill.reports.distillation_report`.
    """
    from rich.box import SIMPLE_HEAD
    from rich.console import Group
    from rich.markup import escape
    from rich.table import Table

    figures_of = {**report["arms"], "teacher": report.get("teacher")}
    rows = {title: figures_of[name] for name, title in report["titles"].items()}
    shown = [name for name in _SHOWN if any(name in figures for figures in rows.values())]
    images, seeds = report["images"], report["seeds"]
    luck = f"{len(seeds)} seeds" if len(seeds) > 1 else "one seed"
    counts = f"trained on {images['labelled']} labelled images and {images['pool']} without a label in use"
    intervals = any("ci95" in figure for figures in rows.values() for figure in figures.values())
    title = f"Students on the test split ({images['test']} images)" + (", with 95 % intervals" if intervals else "")
    table = Table(title=title, title_justify="left", header_style="bold", box=SIMPLE_HEAD, pad_edge=False, min_width=80)
    table.add_column("trained on", no_wrap=True)
    for name in shown:
        table.add_column(FIGURES[name].heading, justify="right", no_wrap=True)
    for name, figures in rows.items():
        cells = [_cell(figures[figure]) if figure in figures else "-" for figure in shown]
        table.add_row(name, *cells, style="bold" if name == "distilled" else None)
    lines = [f"[dim]{escape(f'not trained: {name}, {why}')}[/]" for name, why in report.get("left_out", {}).items()]
    colour = "green" if report["verdict"].startswith(_GOOD) else "yellow"
    return Group(
        table,
        f"[dim]{counts}, {luck}[/]",
        *lines,
        f"[{colour}]{escape(report['verdict'][0].upper() + report['verdict'][1:])}.[/]",
    )


def _cell(figure: Mapping[str, Any]) -> str:
    if "ci95" not in figure:
        return f"{figure['mean']:.3f}"
    low, high = figure["ci95"]
    return f"{figure['mean']:.3f} [dim]{low:.3f} to {high:.3f}[/]"
