"""The plot that sets artefacts side by side: accuracy against latency, and bars of their figures."""

from collections.abc import Iterator, Mapping, Sequence
from textwrap import wrap
from typing import TYPE_CHECKING, Any

from gsam_edge.metrics.figures import FIGURES, PANELS, RATIOS, Bar
from gsam_edge.metrics.rows import MOST_SPREAD, finds_nothing, is_disturbed, main_figure
from gsam_edge.report.plots.interactive import PALE, colour, interval_lines, plain, say, styled

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

#: Diameter of the largest artefact's point, in pixels.
_LARGEST = 34.0
#: Most characters of a line of text below the plot.
_CHARACTERS = 150
#: From this ratio of the slowest to the fastest on, the axis of latency is logarithmic.
_LOGARITHMIC_FROM = 8.0
#: Room for the numbers beside the longest bar, in lengths of the axis.
_ROOM = 1.7
#: Marks of a logarithmic axis, in milliseconds.
_TICKS = [digit * 10.0**power for power in range(-2, 6) for digit in (1, 2, 5)]
#: Of the first and the second bar of a line.
_TINTS = (colour(1), colour(0))


def plot_comparison(rows: Sequence[Mapping[str, Any]], told: Sequence[str] = ()) -> "Figure":
    """Plots accuracy against latency, and below it bars of accuracy, latency, size and memory, a line per artefact.

    Accuracy has an axis from 0 to 1, so that a bar's length is what it says. A 95th percentile that is more than three
    medians is written and not drawn to its end, which would leave no room for the others.

    Args:
        rows: see `comparison.comparison_row`; what is absent has no bar. What an artefact ran in stands under the
            pointer, also whether it was given the true boxes. Lines on bars of accuracy, and those through the points,
            are the `intervals` (95 %). Beside latency and size is the factor against the first row, beside latency
            only where both ran on the same device, and for none that finds next to nothing.
        told: sentences below the plot, such as which differences mean nothing.

    Raises:
        ValueError: if there are no rows.
    """
    from plotly.subplots import make_subplots

    if not rows:
        raise ValueError("rows: expected at least one artefact, got none")
    name = main_figure(rows)
    figure = make_subplots(
        2, len(PANELS), specs=[[{"colspan": len(PANELS)}, *[None] * (len(PANELS) - 1)], [{}] * len(PANELS)],
        row_heights=[0.56, 0.44], vertical_spacing=0.2, horizontal_spacing=0.02, shared_yaxes="rows",
        subplot_titles=["", *(f"<b>{panel.title}</b><br>{panel.unit}" for panel in PANELS.values())],
    )  # fmt: skip
    _draw_trade_off(figure, rows, name)
    for column, panel in enumerate(PANELS, start=1):
        bars = {key: known.bar for key, known in FIGURES.items() if known.bar is not None and known.bar.panel == panel}
        shown = {key: bar for key, bar in bars.items() if any(key in row for row in rows)}
        _draw_bars(figure, column, rows, shown, 1.0 if panel == "accuracy" else None)
        if len(shown) > 1:
            figure.layout.annotations[column - 1].text += "<br>" + ", ".join(
                f'<span style="color: {tint}">{bar.label}</span>'
                for tint, bar in zip(_TINTS, shown.values(), strict=False)
            )
    # The points have numbers: names of points that lie close together would hide one another.
    names = [f"{plain(row['artefact'])}  {number}" for number, row in enumerate(rows, start=1)]
    for column in range(1, len(PANELS) + 1):
        figure.update_yaxes(
            row=2, col=column, range=[len(rows) - 0.5, -0.5], tickvals=list(range(len(rows))), ticktext=names,
            showgrid=False,
        )  # fmt: skip
    figure.update_annotations(font={"size": 10})
    below = [plain(line) for sentence in told for line in wrap(sentence, _CHARACTERS)]
    title = "Accuracy against latency: up and to the left is better (numbers: lines below)"
    return styled(figure, title, below=below, height=560 + 26 * len(rows) + 14 * len(below), legend={"title": "on"})


def _draw_bars(
    figure: "Figure", column: int, rows: Sequence[Mapping[str, Any]], shown: Mapping[str, Bar], whole: float | None
) -> None:
    """Draws horizontal bars of one panel by their figures' names, the numbers at their ends.

    Args:
        figure: the plot.
        column: the panel's, from 1 on.
        rows: the artefacts.
        shown: the figures.
        whole: the largest value that there can be, to which the axis goes; None: to the largest that there is.
    """
    height = 0.76 / max(1, len(shown))
    drawn_to = [_reach(row, name, bar) for name, bar in shown.items() for row in rows if name in row]
    longest = whole if whole is not None else max(drawn_to, default=0.0) or 1.0
    for index, (name, bar) in enumerate(shown.items()):
        lines = [line for line, row in enumerate(rows) if name in row]
        at = [line + (index - (len(shown) - 1) / 2) * height for line in lines]
        own = [rows[line] for line in lines]
        ends = [row.get("intervals", {}).get(name, (row[name], _reach(row, name, bar))) for row in own]
        figure.add_bar(
            x=[row[name] for row in own], y=at, orientation="h", width=0.92 * height, row=2, col=column,
            marker={"color": _TINTS[index]}, showlegend=False, hoverinfo="text",
            hovertext=[f"{_named(row)}<br>{bar.label} {_text(name, row, rows[0])}" for row in own],
            error_x=interval_lines([row[name] for row in own], ends, PALE),
        )  # fmt: skip
        # Beside the line's end, not the bar's: plotly would write over the line.
        figure.add_scatter(
            x=[max(row[name], high) for row, (_, high) in zip(own, ends, strict=True)], y=at, mode="text", row=2,
            col=column, text=[f" {_number(name, row)}" for row in own], textposition="middle right",
            textfont={"size": 9}, hoverinfo="skip", showlegend=False,
        )  # fmt: skip
    ticks = {"tickvals": [0, whole / 2, whole], "showgrid": True} if whole is not None else {"showticklabels": False}
    figure.update_xaxes(row=2, col=column, range=[0, _ROOM * longest], **ticks)


def _reach(row: Mapping[str, Any], name: str, bar: Bar) -> float:
    """Returns the value up to which a bar with its line is drawn."""
    end = row[name]
    if bar.line_to is not None and bar.line_to in row:
        end = min(row[bar.line_to], MOST_SPREAD * row[name])
    return float(end)


def _number(name: str, row: Mapping[str, Any]) -> str:
    """Returns what is written beside a bar."""
    decimals, value = FIGURES[name].decimals, row[name]
    return f"{value:.{decimals}f}" if decimals > 1 else f"{value:.0f}" if value >= 100 else f"{value:.1f}"


def _text(name: str, row: Mapping[str, Any], first: Mapping[str, Any]) -> str:
    """Returns what a bar says under the pointer: the number, its interval, and the factor where it is above 1."""
    text = _number(name, row)
    if name in row.get("intervals", {}):
        low, high = row["intervals"][name]
        text += f"  ({low:.2f} to {high:.2f})"
    bar = FIGURES[name].bar
    line_to = None if bar is None else bar.line_to
    if line_to is not None and line_to in row and is_disturbed(row[name], row[line_to]):
        text += f"  (p95 {row[line_to]:,.0f}: disturbed)"
    for ratio in RATIOS:
        if ratio.figure != name or ratio.word is None:
            continue
        factor = ratio.of(row, first)
        if factor is not None and factor > 1 and not finds_nothing(row) and not finds_nothing(first):
            text += f"  ({factor:.1f}x {ratio.word})"
    return text


def _draw_trade_off(figure: "Figure", rows: Sequence[Mapping[str, Any]], name: str) -> None:
    """Draws accuracy against latency: a point for each artefact, its area the size, and what no other one beats.

    Artefacts of different devices have no common line: their times are not set against one another.
    """
    shown = [row for row in rows if name in row and "latency_ms_median" in row]
    heading = FIGURES[name].heading.replace("\n", " ")
    if any(name in row.get("intervals", {}) for row in shown):
        heading += ", 95 % interval"
    figure.update_yaxes(row=1, col=1, range=[0, 1], dtick=0.2, title=heading)
    if not shown:
        say(figure, "no artefact has both")
        return
    times = [row["latency_ms_median"] for row in shown]
    logarithmic = max(times) > _LOGARITHMIC_FROM * min(times) > 0
    unit = "ms of one image, median" + (", logarithmic" if logarithmic else "")
    marks = {"type": "log", "tickvals": _TICKS, "ticktext": [f"{tick:g}" for tick in _TICKS]}
    figure.update_xaxes(
        row=1, col=1, title=f"{unit}; area: size in MB; line: no artefact is both faster and better",
        **(marks if logarithmic else {"range": [0, 1.3 * max(times)]}),
    )  # fmt: skip
    largest = max((row["size_mb"] for row in shown if "size_mb" in row), default=1.0)
    devices = list(dict.fromkeys(row["device"] for row in shown))
    for number, device in enumerate(devices):
        tint = colour((1, 5, 2)[number % 3])
        own = [row for row in shown if row["device"] == device]
        best = list(_unbeaten(own, name))
        figure.add_scatter(
            x=[row["latency_ms_median"] for row in best], y=[row[name] for row in best], mode="lines", row=1, col=1,
            line={"color": tint, "width": 1, "shape": "hv"}, hoverinfo="skip", showlegend=False,
        )  # fmt: skip
        ends = [row.get("intervals", {}).get(name, (row[name], row[name])) for row in own]
        figure.add_scatter(
            x=[row["latency_ms_median"] for row in own], y=[row[name] for row in own], mode="markers+text",
            row=1, col=1, name=plain(device), showlegend=len(devices) > 1, cliponaxis=False,
            text=[str(1 + rows.index(row)) for row in own], textfont={"size": 10}, textposition=_sides(own),
            hoverinfo="text", hovertext=[_said(row, rows[0]) for row in own],
            marker={
                "color": tint, "opacity": 0.55, "line": {"color": tint, "width": 1}, "sizemode": "area",
                "size": [row.get("size_mb", largest) for row in own], "sizeref": 2 * largest / _LARGEST**2,
                "sizemin": 3,
            },
            error_y=interval_lines([row[name] for row in own], ends, tint),
        )  # fmt: skip


def _sides(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Returns where each number stands, neighbours in time on different sides."""
    order = sorted(range(len(rows)), key=lambda index: rows[index]["latency_ms_median"])
    places = ("top right", "bottom right", "top left", "bottom left")
    return [places[order.index(index) % len(places)] for index in range(len(rows))]


def _unbeaten(rows: Sequence[Mapping[str, Any]], name: str) -> Iterator[Mapping[str, Any]]:
    """Yields the rows than which no other is both faster and more accurate, the fastest first."""
    best = 0.0
    for row in sorted(rows, key=lambda row: (row["latency_ms_median"], -row[name])):
        if row[name] > best and not finds_nothing(row):
            best = row[name]
            yield row


def _named(row: Mapping[str, Any]) -> str:
    blind = "<br>finds next to nothing" if finds_nothing(row) else ""
    return f"<b>{plain(row['artefact'])}</b><br>{plain(row['runtime'])}{blind}"


def _said(row: Mapping[str, Any], first: Mapping[str, Any]) -> str:
    """Returns all that the bars show of an artefact, for its point."""
    known = {name: figure.bar for name, figure in FIGURES.items() if figure.bar is not None and name in row}
    lines = [
        f"{PANELS[bar.panel].title}, {bar.label}, {PANELS[bar.panel].unit.split(',')[0]}: {_text(name, row, first)}"
        for name, bar in known.items()
    ]
    return "<br>".join([_named(row), *lines])
