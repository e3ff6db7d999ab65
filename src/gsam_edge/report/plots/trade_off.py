"""Accuracy against latency: a point for each artefact, with its name where there is room."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import pi
from typing import TYPE_CHECKING, Any

from gsam_edge.metrics.figures import FIGURES
from gsam_edge.metrics.rows import finds_nothing, main_figure
from gsam_edge.report.draw import PALETTE

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_INK, _PALE, _GRID = "#262626", "#6e6e6e", "#e6e6e6"
#: Area of the largest artefact's point, in square points.
_LARGEST_AREA = 900.0
#: From this ratio of the slowest to the fastest on, the axis of latency is logarithmic.
_LOGARITHMIC_FROM = 8.0
#: Where a name may stand beside its point, in points to the right of its edge and up; the first that is free is taken.
_PLACES = [(right, up) for up in (-3, 11, -17, 25, -31, 39, -45, 53, -59) for right in (3, 16)]
#: Marks of a logarithmic axis, in milliseconds.
_TICKS = [digit * 10.0**power for power in range(-2, 6) for digit in (1, 2, 5)]
#: Width of a character of such a name, in points.
_CHARACTER = 4.9


def draw_trade_off(axes: "Axes", beside: "Axes", rows: Sequence[Mapping[str, Any]]) -> None:
    """Draws accuracy against latency: a point for each artefact, its area the size, and what no other one beats.

    Artefacts of different devices have no common line: their times are not set against one another.

    Args:
        axes: the panel of the points.
        beside: the place for a list of names, where they have no room beside their points.
        rows: see `plot_comparison`; an artefact without accuracy or latency has no point.
    """
    beside.set_axis_off()
    name = main_figure(rows)
    shown = [row for row in rows if name in row and "latency_ms_median" in row]
    heading = FIGURES[name].heading.replace("\n", " ")
    axes.set_title(
        "Accuracy against latency: up and to the left is better", loc="left", fontsize=11, fontweight="bold", color=_INK
    )
    axes.set_ylabel(f"{heading}, 95 % interval" if has_intervals(shown, [name]) else heading, color=_PALE)
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
        colour = matplotlib_colour(PALETTE[(1, 5, 2)[number % 3]])
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


def has_intervals(rows: Sequence[Mapping[str, Any]], names: Iterable[str]) -> bool:
    """Whether a row has the interval of one of these figures."""
    return any(name in row.get("intervals", {}) for row in rows for name in names)


def matplotlib_colour(colour: tuple[int, int, int]) -> tuple[float, ...]:
    """Converts RGB 0..255 to matplotlib's 0..1."""
    return tuple(channel / 255 for channel in colour)
