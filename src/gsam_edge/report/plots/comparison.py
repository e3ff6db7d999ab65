"""The plot that sets artefacts side by side: bars of their figures, and accuracy against latency."""

from collections.abc import Iterator, Mapping, Sequence
from math import pi
from textwrap import wrap
from typing import TYPE_CHECKING, Any

from gsam_edge.metrics.figures import FIGURES, PANELS, RATIOS, Bar
from gsam_edge.metrics.rows import MOST_SPREAD, finds_nothing, is_disturbed, main_figure
from gsam_edge.report.draw import PALETTE
from gsam_edge.report.plots.classes import FIGURE_DPI

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_INK, _PALE, _GRID = "#262626", "#6e6e6e", "#e6e6e6"
#: Room for the numbers beside the longest bar, in lengths of the axis.
_ROOM = {"accuracy": 1.95, "latency": 1.75}
_LEAST_ROOM = 1.45
#: Area of the largest artefact's point, in square points.
_LARGEST_AREA = 900.0
#: Most characters of a line of text below the plot.
_CHARACTERS = 180
#: From this ratio of the slowest to the fastest on, the axis of latency is logarithmic.
_LOGARITHMIC_FROM = 8.0
#: Where a name may stand beside its point, in points to the right of its edge and up; the first that is free is taken.
_PLACES = [(right, up) for up in (-3, 11, -17, 25, -31, 39, -45, 53, -59) for right in (3, 16)]
#: Marks of a logarithmic axis, in milliseconds.
_TICKS = [digit * 10.0**power for power in range(-2, 6) for digit in (1, 2, 5)]
#: Width of a character of such a name, in points.
_CHARACTER = 4.9


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
        unit = panel.unit + (", lines: 95 % intervals" if _intervals_of(rows, shown) else "")
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
    _draw_trade_off(figure.add_subplot(below[0]), figure.add_subplot(below[1]), rows)
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
        axes.barh(at, values, height * 0.92, color=_matplotlib(colours[index % len(colours)]), label=bar.label)
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


def _intervals_of(rows: Sequence[Mapping[str, Any]], names: Mapping[str, Any]) -> bool:
    return any(name in row.get("intervals", {}) for row in rows for name in names)


def _draw_trade_off(axes: "Axes", beside: "Axes", rows: Sequence[Mapping[str, Any]]) -> None:
    """Draws accuracy against latency: a point for each artefact, its area the size, and what no other one beats.

    Artefacts of different devices have no common line: their times are not set against one another.
    """
    beside.set_axis_off()
    name = main_figure(rows)
    shown = [row for row in rows if name in row and "latency_ms_median" in row]
    heading = FIGURES[name].heading.replace("\n", " ")
    axes.set_title(
        "Accuracy against latency: up and to the left is better", loc="left", fontsize=11, fontweight="bold", color=_INK
    )
    axes.set_ylabel(f"{heading}, 95 % interval" if _intervals_of(shown, {name: None}) else heading, color=_PALE)
    axes.set_ylim(0, 1.0)
    axes.grid(color=_GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(_PALE)
    axes.tick_params(labelsize=8, labelcolor=_PALE, color=_PALE)
    if not shown:
        axes.text(0.5, 0.5, "no artefact has both", transform=axes.transAxes, ha="center", color=_PALE)
        return
    times = [row["latency_ms_median"] for row in shown]
    unit = "ms of one image, median"
    if max(times) > _LOGARITHMIC_FROM * min(times) > 0:
        axes.set_xscale("log")
        axes.set_xlim(min(times) / 1.6, max(times) * 3)
        axes.set_xticks([value for value in _TICKS if min(times) / 1.6 <= value <= 3 * max(times)])
        unit += ", logarithmic"
    else:
        axes.set_xlim(0, 1.45 * max(times))
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.xaxis.set_minor_formatter(lambda value, _: "")
    axes.set_xlabel(f"{unit}; area: size in MB; line: no artefact is both faster and better", color=_PALE, loc="left")
    devices = list(dict.fromkeys(row["device"] for row in shown))
    areas = dict(zip(map(id, shown), _areas(shown), strict=True))
    for number, device in enumerate(devices):
        colour = _matplotlib(PALETTE[(1, 5, 2)[number % 3]])
        own = [row for row in shown if row["device"] == device]
        best = list(_unbeaten(own, name))
        axes.step(
            [row["latency_ms_median"] for row in best], [row[name] for row in best], where="post", color=colour,
            linewidth=1.2, alpha=0.6, zorder=1,
        )  # fmt: skip
        for row in own:
            if name in row.get("intervals", {}):
                axes.vlines(row["latency_ms_median"], *row["intervals"][name], color=colour, linewidth=1.4, zorder=2)
        axes.scatter(
            [row["latency_ms_median"] for row in own], [row[name] for row in own], [areas[id(row)] for row in own],
            color=[colour], alpha=0.55, edgecolors=[colour], linewidths=1, zorder=3, clip_on=False, label=device,
        )  # fmt: skip
    if len(devices) > 1:
        legend = axes.legend(title="on", fontsize=8, title_fontsize=8, frameon=False, loc="lower right")
        for handle in legend.legend_handles:
            handle.set_sizes([60])  # type: ignore[union-attr]
    _write_names(axes, beside, shown, name)


def _unbeaten(rows: Sequence[Mapping[str, Any]], name: str) -> Iterator[Mapping[str, Any]]:
    """Yields the rows than which no other is both faster and more accurate, the fastest first."""
    best = 0.0
    for row in sorted(rows, key=lambda row: (row["latency_ms_median"], -row[name])):
        if row[name] > best and not finds_nothing(row):
            best = row[name]
            yield row


def _write_names(axes: "Axes", beside: "Axes", rows: Sequence[Mapping[str, Any]], name: str) -> None:
    """Writes each artefact's name beside its point; where there is no room for all names, numbers and a list of them.

    Args:
        axes: the panel of the points.
        beside: the place for the list.
        rows: the artefacts.
        name: the figure of the vertical axis.
    """
    axes.get_figure(root=True).draw_without_rendering()  # type: ignore[union-attr] # until then the layout, and so where the points are, is not known
    ordered = sorted(rows, key=lambda row: row["latency_ms_median"])
    points = [(row["latency_ms_median"], row[name]) for row in ordered]
    names = [_label(row) for row in ordered]
    radii = [(area / pi) ** 0.5 for area in _areas(ordered)]
    texts, places = names, _free_places(axes, points, radii, names)
    if None in places:
        texts = [str(number) for number in range(1, len(names) + 1)]
        places = _free_places(axes, points, radii, texts)
        listed = "\n".join(f"{number}   {text}" for number, text in zip(texts, names, strict=True))
        beside.text(0, 1, listed, va="top", fontsize=8.5, color=_INK, linespacing=1.5, transform=beside.transAxes)
    for text, point, place in zip(texts, points, places, strict=True):
        axes.annotate(
            text, point, place or (8, -3), textcoords="offset points", fontsize=8.5, color=_INK, zorder=4,
            arrowprops={
                "arrowstyle": "-", "color": _PALE, "linewidth": 0.6, "shrinkA": 0, "shrinkB": 0, "relpos": (0, 0.4)
            },
        )  # fmt: skip


def _areas(rows: Sequence[Mapping[str, Any]]) -> list[float]:
    """Returns the areas of the points of all artefacts of the plot, in square points."""
    largest = max((row["size_mb"] for row in rows if "size_mb" in row), default=1.0)
    return [_LARGEST_AREA * row.get("size_mb", largest) / largest for row in rows]


def _label(row: Mapping[str, Any]) -> str:
    size = f"  {row['size_mb']:.1f} MB" if "size_mb" in row else ""
    return f"{row['artefact']}{size}" + ("  finds next to nothing" if finds_nothing(row) else "")


def _free_places(
    axes: "Axes", points: Sequence[tuple[float, float]], radii: Sequence[float], texts: Sequence[str]
) -> list[tuple[float, float] | None]:
    """Returns for each text a place of `_PLACES` where no other text and no point stands; None where there is none."""
    from matplotlib.transforms import Bbox

    pixels = axes.figure.dpi / 72
    centres = axes.transData.transform(points)
    taken = [
        Bbox.from_bounds(x - radius * pixels, y - radius * pixels, 2 * radius * pixels, 2 * radius * pixels)
        for (x, y), radius in zip(centres, radii, strict=True)
    ]
    places: list[tuple[float, float] | None] = []
    for (x, y), radius, text in zip(centres, radii, texts, strict=True):
        for right, up in _PLACES:
            box = Bbox.from_bounds(
                x + (radius + right) * pixels, y + (up - 2) * pixels, _CHARACTER * pixels * len(text), 11 * pixels
            )
            inside = axes.bbox.y0 <= box.y0 and box.y1 <= axes.bbox.y1 and box.x1 <= axes.bbox.x1
            if inside and not box.count_overlaps(taken):
                taken.append(box)
                places.append((radius + right, up))
                break
        else:
            places.append(None)
    return places


def _tidy(axes: "Axes") -> None:
    """Removes the frame and the axis's numbers."""
    axes.spines[["top", "right", "bottom"]].set_visible(False)
    axes.spines["left"].set_color(_PALE)
    axes.tick_params(length=0)
    axes.set_xticks([])


def _matplotlib(colour: tuple[int, int, int]) -> tuple[float, ...]:
    """Converts RGB 0..255 to matplotlib's 0..1."""
    return tuple(channel / 255 for channel in colour)
