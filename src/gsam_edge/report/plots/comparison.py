"""The plot that sets artefacts side by side: bars of their figures, and accuracy against latency."""

from collections.abc import Mapping, Sequence
from textwrap import wrap
from typing import TYPE_CHECKING, Any

from gsam_edge.metrics.figures import FIGURES, PANELS, RATIOS, Bar
from gsam_edge.metrics.rows import MOST_SPREAD, finds_nothing, is_disturbed
from gsam_edge.report.draw import PALETTE
from gsam_edge.report.plots.classes import FIGURE_DPI
from gsam_edge.report.plots.trade_off import draw_trade_off, has_intervals, matplotlib_colour

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_INK, _PALE, _GRID = "#262626", "#6e6e6e", "#e6e6e6"
#: Room for the numbers beside the longest bar, in lengths of the axis.
_ROOM = {"accuracy": 1.95, "latency": 1.75}
_LEAST_ROOM = 1.45
#: Most characters of a line of text below the plot.
_CHARACTERS = 180


def plot_comparison(rows: Sequence[Mapping[str, Any]], told: Sequence[str] = ()) -> "Figure":
    """Plots bars of accuracy, latency, size and memory, one line per artefact, and below accuracy against latency.

    Accuracy has an axis from 0 to 1, so that a bar's length is what it says. A 95th percentile that is more than three
    medians is written and not drawn to its end, which would leave no room for the others.

    Args:
        rows: see `comparison.comparison_row`; what is absent has no bar. An artefact's name is written over its
            runtime, which says whether it was given the true boxes. Lines on bars of accuracy, and those through the
            points below, are the `intervals` (95 %). Beside latency and size is the factor against the first row,
            beside latency only where both ran on the same device, and for none that finds next to nothing.
        told: sentences below the plot, such as which differences mean nothing.

    Raises:
        ValueError: if there are no rows.
    """
    from matplotlib.figure import Figure

    if not rows:
        raise ValueError("rows: expected at least one artefact, got none")
    heights = (1.0 + 0.62 * len(rows), 3.6 + 0.12 * len(rows))
    lines = [line for sentence in told for line in wrap(sentence, _CHARACTERS)]
    figure = Figure(figsize=(15, sum(heights) + 0.2 * len(lines)), layout="constrained", dpi=FIGURE_DPI)
    halves = figure.add_gridspec(2, 1, height_ratios=heights)
    grid = halves[0].subgridspec(1, len(PANELS), width_ratios=[_ROOM.get(name, _LEAST_ROOM) for name in PANELS])
    first = figure.add_subplot(grid[0])
    panels = [first, *(figure.add_subplot(grid[column], sharey=first) for column in range(1, len(PANELS)))]
    for axes, (name, panel) in zip(panels, PANELS.items(), strict=True):
        bars = {key: known.bar for key, known in FIGURES.items() if known.bar is not None and known.bar.panel == name}
        shown = {key: bar for key, bar in bars.items() if any(key in row for row in rows)}
        _draw_bars(axes, rows, shown, room=_ROOM.get(name, _LEAST_ROOM), whole=1.0 if name == "accuracy" else None)
        axes.set_title(panel.title, loc="left", fontsize=11, fontweight="bold", color=_INK)
        unit = panel.unit + (", lines: 95 % intervals" if has_intervals(rows, shown) else "")
        axes.set_xlabel(unit, loc="left", fontsize=9, color=_PALE)
        axes.tick_params(axis="y", labelleft=axes is first)
        if len(shown) > 1:
            axes.legend(
                fontsize=8, frameon=False, loc="lower left", bbox_to_anchor=(0.42, 1.0), ncols=2, borderaxespad=0
            )
    labels = ["\n".join([row["artefact"], *row["runtime"].split(", ")]) for row in rows]
    first.set_yticks(range(len(rows)), labels, fontsize=9, color=_INK)
    first.set_ylim(len(rows) - 0.45, -0.55)
    below = halves[1].subgridspec(1, 2, width_ratios=[4, 1])
    draw_trade_off(figure.add_subplot(below[0]), figure.add_subplot(below[1]), rows)
    if lines:
        figure.supxlabel("\n".join(lines), x=0.01, ha="left", fontsize=9, color=_INK)
    return figure


def _draw_bars(
    axes: "Axes", rows: Sequence[Mapping[str, Any]], shown: Mapping[str, Bar], *, room: float, whole: float | None
) -> None:
    """Draws horizontal bars of one panel by their figures' names, the numbers at their ends.

    Args:
        axes: the panel.
        rows: the artefacts.
        shown: the figures.
        room: how much wider than the longest bar the panel is.
        whole: the largest value that there can be, to which the axis goes; None: to the largest that there is.
    """
    height = 0.72 / max(1, len(shown))
    colours = (PALETTE[1], PALETTE[0], *PALETTE[2:])
    drawn_to = [_reach(row, name, bar) for name, bar in shown.items() for row in rows if name in row]
    longest = whole if whole is not None else max(drawn_to, default=0.0) or 1.0
    for index, (name, bar) in enumerate(shown.items()):
        lines = [line for line, row in enumerate(rows) if name in row]
        at = [line + (index - (len(shown) - 1) / 2) * height for line in lines]
        values = [rows[line][name] for line in lines]
        axes.barh(at, values, height * 0.92, color=matplotlib_colour(colours[index % len(colours)]), label=bar.label)
        for line, y in zip(lines, at, strict=True):
            row = rows[line]
            end = _reach(row, name, bar)
            if bar.line_to is not None and bar.line_to in row:
                axes.hlines(y, row[name], end, color=_INK, linewidth=1)
                if row[bar.line_to] > end:
                    axes.plot(end, y, marker=5, color=_INK, markersize=5)  # an arrow's head: it goes on
            if name in row.get("intervals", {}):
                low, high = row["intervals"][name]
                axes.hlines(y, low, high, color=_INK, linewidth=1.4)
                end = max(end, high)
            axes.annotate(
                _text(name, row, rows[0]), (end, y), (6, 0), textcoords="offset points", va="center", fontsize=8.5,
                color=_INK,
            )  # fmt: skip
    _tidy(axes)
    axes.set_xlim(0, room * longest)
    if whole is not None:
        axes.set_xticks([0, whole / 2, whole], ["0", f"{whole / 2:g}", f"{whole:g}"], fontsize=8, color=_PALE)
        for value in (whole / 2, whole):
            axes.axvline(value, color=_GRID, linewidth=0.8, zorder=0)


def _reach(row: Mapping[str, Any], name: str, bar: Bar) -> float:
    """Returns the value up to which a bar with its line is drawn."""
    end = row[name]
    if bar.line_to is not None and bar.line_to in row:
        end = min(row[bar.line_to], MOST_SPREAD * row[name])
    return float(end)


def _text(name: str, row: Mapping[str, Any], first: Mapping[str, Any]) -> str:
    """Returns what is written beside a bar: the number, its interval, and the factor where it is above 1 and fair."""
    decimals = FIGURES[name].decimals
    value = row[name]
    text = f"{value:.{decimals}f}" if decimals > 1 else f"{value:.0f}" if value >= 100 else f"{value:.1f}"
    if name in row.get("intervals", {}):
        low, high = row["intervals"][name]
        text += f"  ({low:.2f} to {high:.2f})"
    bar = FIGURES[name].bar
    line_to = None if bar is None else bar.line_to
    if line_to is not None and line_to in row and is_disturbed(value, row[line_to]):
        text += f"  (p95 {row[line_to]:,.0f}: disturbed)"
    for ratio in RATIOS:
        if ratio.figure != name or ratio.word is None:
            continue
        factor = ratio.of(row, first)
        if factor is not None and factor > 1 and not finds_nothing(row) and not finds_nothing(first):
            text += f"  ({factor:.1f}x {ratio.word})"
    return text


def _tidy(axes: "Axes") -> None:
    """Removes the frame and the axis's numbers."""
    axes.spines[["top", "right", "bottom"]].set_visible(False)
    axes.spines["left"].set_color(_PALE)
    axes.tick_params(length=0)
    axes.set_xticks([])
