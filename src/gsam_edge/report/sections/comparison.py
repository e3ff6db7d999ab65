"""What the artefacts came to, for the terminal: their figures, what they miss in use, and which one to ship."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from gsam_edge.metrics.figures import FIGURES, Figure, count_names
from gsam_edge.metrics.rows import finds_nothing
from gsam_edge.report.differences import NOT_DISTINGUISHABLE, SAME, SHOWN, heading_of, points, verdict_of

if TYPE_CHECKING:
    from rich.console import Group
    from rich.table import Table

_COLOURS = {"better": "green", "worse": "red", NOT_DISTINGUISHABLE: "dim", SAME: "dim"}
#: How the reason begins of a format that nobody asked for: such formats share one line.
NOT_ASKED = "not asked for"


def comparison_summary(rows: Sequence[Mapping[str, Any]], title: str = "Comparison on the test split") -> "Table":
    """Builds a table of the rows of `comparison` (see `evaluate.comparison.comparison_row`); what is absent is a dash.

    The best value of a column is bold where several rows have one, for figures that have a best value; where figures
    have intervals, so are those whose interval meets the best one's, and none if that is true of all. Under a figure
    stands its 95 % interval, under one that is a mean over objects the number of objects.
    """
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    present = {name for row in rows for name in row}
    columns = {name: figure for name, figure in FIGURES.items() if figure.heading and name in present}
    best = {name: _best(rows, name, figure) for name, figure in columns.items()}
    over = f": {rows[0]['images']} images, {rows[0]['objects']} objects" if rows else ""
    intervals = ", below accuracies their 95 % intervals" if any(row.get("intervals") for row in rows) else ""
    table = Table(
        title=f"{title}{over}{intervals}",
        title_justify="left",
        header_style="bold",
        box=SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        pad_edge=False,
    )
    # Where the console is narrow, the runtime is wrapped, never a name or a number.
    table.add_column("artefact\nruntime", min_width=max((len(row["artefact"]) for row in rows), default=0))
    for figure in columns.values():
        table.add_column(figure.heading, justify="right", no_wrap=True)
    for row in rows:
        cells = [_cell(row, name, figure, row["artefact"] in best[name]) for name, figure in columns.items()]
        notes = [f"[dim]{part}[/]" for part in row["runtime"].split(", ")]
        notes += [f"[yellow]{note}[/]" for note in _notes(row)]
        table.add_row("\n".join([row["artefact"], *notes]), *cells)
    return table


def _cell(row: Mapping[str, Any], name: str, figure: Figure, is_best: bool) -> str:
    if name not in row:
        return "-"
    text = f"{row[name]:.{figure.decimals}f}"
    if is_best:
        text = f"[bold green]{text}[/]"
    if name in row.get("intervals", {}):
        low, high = row["intervals"][name]
        text += f"\n[dim]{low:.2f}-{high:.2f}[/]"
    counts = [str(row[count]) for count in count_names(name) if count in row]
    return f"{text}\n{'/'.join(counts)}" if counts else text


def _best(rows: Sequence[Mapping[str, Any]], name: str, figure: Figure) -> set[str]:
    """Returns the artefacts that have the best value of a column, or one that may as well be the best."""
    having = [row for row in rows if name in row]
    if len(having) < 2 or figure.better is None:
        return set()
    best = (max if figure.better == "higher" else min)(row[name] for row in having)
    first = next(row for row in having if row[name] == best)
    if name not in first.get("intervals", {}):
        return {row["artefact"] for row in having if row[name] == best}
    low, high = first["intervals"][name]
    meeting = {
        row["artefact"]
        for row in having
        if row["intervals"].get(name, [row[name]])[-1] >= low and row["intervals"].get(name, [row[name]])[0] <= high
    }
    return meeting if len(meeting) < len(having) else set()


def _notes(row: Mapping[str, Any]) -> list[str]:
    """Returns what must be known of a row's figures, each in a few words."""
    from rich.markup import escape

    notes = []
    if finds_nothing(row):
        notes.append("finds next to nothing")
    if row.get("latency_disturbed"):
        notes.append("p95 above 3 x p50, twice: times disturbed")
    if "latency_why" in row:
        notes.append(escape(f"not timed: {row['latency_why']}"))
    return notes


def threshold_summary(report: Mapping[str, Any]) -> "Table | None":
    """Builds a table of what each artefact finds, misses and invents in use; None where that is known of none.

    Args:
        report: `evaluation_report`.
    """
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    used_by = {name: part["at_threshold"] for name, part in report["artefacts"].items() if "at_threshold" in part}
    if not used_by:
        return None
    objects = 100 * report["objects"] / report["images"]
    table = Table(
        title=f"In use: on 100 test images with their {objects:.0f} objects",
        title_justify="left",
        header_style="bold",
        box=SIMPLE_HEAD,
        pad_edge=False,
    )
    table.add_column("artefact", no_wrap=True)
    for heading in ("objects\nfound", "objects\nmissed", "false\nalarms", "precision", "recall"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("from the score", overflow="fold")
    for name, used in used_by.items():
        counts = [f"{used['per_100_images'][key]:.0f}" for key in ("found", "missed", "false_alarms")]
        shares = [_share(used, key) for key in ("precision", "recall")]
        table.add_row(name, *counts, *shares, _threshold(used))
    return table


def _share(used: Mapping[str, Any], name: str) -> str:
    if name not in used:
        return "-"
    if name not in used.get("ci95", {}):
        return f"{used[name]:.2f}"
    low, high = used["ci95"][name]
    return f"{used[name]:.2f} [dim]{low:.2f}-{high:.2f}[/]"


def _threshold(used: Mapping[str, Any]) -> str:
    """Returns the threshold in words: one for all classes, or the range of those of the classes."""
    from rich.markup import escape

    if used["threshold"] != "recommended":
        return f"{used['threshold']:g} [dim]for all classes[/]"
    each = {name: part["threshold"] for name, part in used.get("per_class", {}).items() if "threshold" in part}
    if not each:
        return "recommended"
    if len(set(each.values())) == 1:
        return f"{next(iter(each.values())):g} [dim]recommended[/]"
    if len(each) <= 4:
        return ", ".join(f"{value:g} [dim]{escape(name)}[/]" for name, value in each.items())
    return f"{min(each.values()):g} to {max(each.values()):g} [dim]recommended, by class[/]"


def differences_summary(report: Mapping[str, Any]) -> "Table | None":
    """Builds a table of how artefacts differ from the one that they are compared with; None where none does.

    Args:
        report: `evaluation_report`.
    """
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    found = report.get("differences", {})
    shown = [name for name in SHOWN if any(name in entry["figures"] for entry in found.values())]
    if not shown:
        return None
    against = ", ".join(dict.fromkeys(entry["against"] for entry in found.values()))
    table = Table(
        title=f"Against {against}, in points (hundredths) with 95 % intervals",
        title_justify="left",
        header_style="bold",
        box=SIMPLE_HEAD,
        pad_edge=False,
    )
    table.add_column("artefact", no_wrap=True)
    for name in shown:
        table.add_column(heading_of(name), no_wrap=True)
    for artefact, entry in found.items():
        cells = []
        for name in shown:
            if name not in entry["figures"]:
                cells.append("-")
                continue
            verdict = verdict_of(entry["figures"][name])
            told = "" if verdict == SAME else f"{points(entry['figures'][name])} "
            cells.append(f"{told}[{_COLOURS.get(verdict, 'yellow')}]{verdict}[/]")
        table.add_row(artefact, *cells)
    return table


def recommendation_summary(recommendation: Mapping[str, Any]) -> "Group":
    """Says which artefact to ship and why, and what the others miss.

    Args:
        recommendation: see `evaluate.budget.recommend`.
    """
    from rich.box import SIMPLE_HEAD
    from rich.console import Group
    from rich.markup import escape
    from rich.table import Table

    ship = recommendation["ship"]
    head = f"[bold green]Ship {ship}[/]" if ship else "[bold red]Nothing to ship[/]"
    limits = [f"{name} {value:g}" for name, value in recommendation["budget"].items() if value is not None]
    within = f" [dim](budget: {', '.join(limits)})[/]" if limits else ""
    table = Table("the others", "", box=SIMPLE_HEAD, pad_edge=False, header_style="bold")
    table.columns[0].no_wrap = True
    table.columns[1].overflow = "fold"
    unasked = []
    for other in recommendation["others"]:
        if any(reason.startswith(NOT_ASKED) for reason in other["misses"]):
            unasked.append(other["artefact"].removeprefix("student_"))
            continue
        table.add_row(other["artefact"], escape("; ".join(other["misses"])))
    parts: list[Any] = [f"{head}: {escape(recommendation['why'])}{within}"]
    if table.row_count:
        parts.append(table)
    if unasked:
        parts.append(f"[dim]not asked for (--params=formats=...): {', '.join(unasked)}[/]")
    return Group(*parts)
