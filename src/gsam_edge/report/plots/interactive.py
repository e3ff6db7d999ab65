"""The style of the plots that are plotly figures: one bold title, axes with units, no text of a name run.

Their numbers are plain lists: plotly packs arrays into base64, which the older plotly.js of kedro-viz may not read.

kedro-viz lays its theme over a figure: paper, margins (60 pixels above, 70 below), title and the colour of texts that
have none of their own. So texts have none, grey is one that is read on dark and on white paper, and the title is an
annotation: kedro-viz would put plotly's own into the plot.
"""

from collections.abc import Iterable, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

from gsam_edge.report.draw import PALETTE

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

INK, PALE, GRID, BLUE, ORANGE = "#262626", "#767676", "rgba(128, 128, 128, 0.25)", "#0072b2", "#d55e00"
#: Pixels of a line of the title.
_TITLE_LINE = 16


def plain(text: str) -> str:
    """Escapes a name from outside: plotly reads tags, links among them, in every text that it writes."""
    return escape(text, quote=False)


def colour(index: int) -> str:
    """Returns the palette's colour of a number, from the beginning again behind its last."""
    red, green, blue = PALETTE[index % len(PALETTE)]
    return f"rgb({red}, {green}, {blue})"


def interval_lines(values: Sequence[float], ends: Sequence[tuple[float, float]], tint: str) -> dict[str, Any]:
    """Returns plotly's error bars of N values from the low to the high end of each one's interval, in one colour."""
    return {
        "type": "data", "symmetric": False, "thickness": 1.5, "width": 3, "color": tint,
        "array": [high - value for value, (_, high) in zip(values, ends, strict=True)],
        "arrayminus": [value - low for value, (low, _) in zip(values, ends, strict=True)],
    }  # fmt: skip


def styled(
    figure: "Figure", title: str, *, below: Iterable[str] = (), headings: bool = False, **layout: Any
) -> "Figure":
    """Gives a figure the common style and returns it.

    Args:
        figure: the figure.
        title: written above it, escaped where it holds names; lines are parted by <br>.
        below: lines under the figure, escaped likewise.
        headings: whether the upper panels have titles of their own.
        layout: what else plotly's layout is told.
    """
    lines, lift = list(below), 22 if headings else 6
    height = _TITLE_LINE * (1 + title.count("<br>"))
    figure.update_layout(
        template={},
        paper_bgcolor="white",
        plot_bgcolor="white",
        font={"size": 11, "color": INK},
        hovermode="closest",
        margin={"l": 60, "r": 20, "t": max(60, 24 + height + lift), "b": 60 + 14 * len(lines)},
    )
    figure.update_layout(**layout)
    axis = {"gridcolor": GRID, "zeroline": False, "linecolor": PALE, "automargin": True, "title_font_color": PALE}
    figure.update_xaxes(**axis)
    figure.update_yaxes(**axis)
    figure.add_annotation(
        text=f"<b>{title}</b>", xref="paper", yref="paper", x=0, y=1, yshift=lift, xanchor="left", yanchor="bottom",
        align="left", showarrow=False, font={"size": 13},
    )  # fmt: skip
    if lines:
        figure.add_annotation(
            text="<br>".join(lines), xref="paper", yref="paper", x=0, y=0, yshift=-45, xanchor="left", yanchor="top",
            align="left", showarrow=False, font={"size": 10, "color": PALE},
        )  # fmt: skip
    return figure


def say(figure: "Figure", text: str, **place: Any) -> None:
    """Writes why there is nothing to draw in the middle of the figure, or of the panel that `place` names."""
    at = {"x": 0.5, "y": 0.5, "xref": "x domain", "yref": "y domain"} | place
    figure.add_annotation(text=text, showarrow=False, font={"color": PALE}, **at)
