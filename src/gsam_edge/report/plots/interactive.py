"""The style of the plots that are plotly figures: white paper, one bold title, axes with units, no text of a name run.

Their numbers are plain lists: plotly packs arrays into base64, which the older plotly.js of kedro-viz may not read.
"""

from collections.abc import Iterable
from html import escape
from typing import TYPE_CHECKING, Any

from gsam_edge.report.draw import PALETTE

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

INK, PALE, GRID, BLUE, ORANGE = "#262626", "#6e6e6e", "#e6e6e6", "#0072b2", "#d55e00"


def plain(text: str) -> str:
    """Escapes a name from outside: plotly reads tags, links among them, in every text that it writes."""
    return escape(text, quote=False)


def colour(index: int) -> str:
    """Returns the palette's colour of a number, from the beginning again behind its last."""
    red, green, blue = PALETTE[index % len(PALETTE)]
    return f"rgb({red}, {green}, {blue})"


def styled(figure: "Figure", title: str, *, below: Iterable[str] = (), **layout: Any) -> "Figure":
    """Gives a figure the common style and returns it.

    Args:
        figure: the figure.
        title: written above it, escaped where it holds names.
        below: lines under the figure, escaped likewise.
        layout: what else plotly's layout is told.
    """
    lines = list(below)
    figure.update_layout(
        template={},
        title={"text": f"<b>{title}</b>", "x": 0.01, "xanchor": "left", "font": {"size": 14, "color": INK}},
        paper_bgcolor="white",
        plot_bgcolor="white",
        font={"size": 11, "color": INK},
        hovermode="closest",
        margin={"l": 60, "r": 20, "t": 60, "b": 60 + 14 * len(lines)},
    )
    figure.update_layout(**layout)
    axis = {"gridcolor": GRID, "zeroline": False, "linecolor": PALE, "automargin": True, "title_font_color": PALE}
    figure.update_xaxes(**axis)
    figure.update_yaxes(**axis)
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
