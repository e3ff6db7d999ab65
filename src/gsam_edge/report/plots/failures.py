"""The images that a model fails on most: the truth beside what was found, with the reasons in words."""

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gsam_edge.report.draw import LineStyle, draw_detections, drawn_aspect
from gsam_edge.report.fonts import font_families, literal
from gsam_edge.vision import Detections

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_INK, _PALE = "#262626", "#595959"
_IMAGE_INCH = 3.2
_LINE_INCH = 0.155
#: Characters of a line of text under the two drawings of an image, and most lines.
_LINE, _MOST_LINES = 88, 6


@dataclass(frozen=True)
class FailedImage:
    """One image of the plot.

    Attributes:
        image: uint8 [H, W, 3] RGB.
        file_name: its name.
        truth: its objects.
        found: what the model finds there.
        lost: which objects were not found, or badly.
        wrong: which detections are wrong.
        title: how many failures of which kind.
        reasons: each failure in a sentence.
    """

    image: NDArray[np.uint8]
    file_name: str
    truth: Detections
    found: Detections
    lost: Sequence[bool]
    wrong: Sequence[bool]
    title: str
    reasons: Sequence[str]


def plot_failures(
    rows: Sequence[FailedImage], class_names: Sequence[str], totals: Mapping[str, Any], *, image_width: int
) -> "Figure":
    """Plots images, two in a row, each with its truth on the left and what was found on the right; the worst first.

    Args:
        rows: the images.
        class_names: by class id.
        totals: those of `failure_report`.
        image_width: pixels of one drawing with its margin.
    """
    title = (
        f"Images that fail most: {totals['with_failures']} of {totals['images']} have failures; of {totals['objects']} "
        f"objects {totals['missed']} are missed, {totals['confused']} confused, {totals['outlined']} badly outlined; "
        f"{totals['invented']} detections are invented"
    )
    return plot_pairs(
        rows,
        class_names,
        title=title,
        nothing="No image has a failure.",
        legend=(
            "truth on the left, found on the right",
            "right",
            "a failure: not found or badly (left), wrong (right)",
        ),
        image_width=image_width,
    )


def plot_pairs(
    rows: Sequence[FailedImage],
    class_names: Sequence[str],
    *,
    title: str,
    nothing: str,
    legend: tuple[str, str, str],
    image_width: int,
) -> "Figure":
    """Plots images, two in a row, each drawn twice, with sentences below.

    Args:
        rows: the images.
        class_names: by class id.
        title: what is shown.
        nothing: what is written where there are no images.
        legend: what is on which side, and what solid and dotted boxes mean.
        image_width: pixels of one drawing with its margin.
    """
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    lines = [rows[at : at + 2] for at in range(0, len(rows), 2)]
    columns = 2 * min(2, max(1, len(rows)))
    wrapped = textwrap.wrap(title, 50 * columns)
    texts = [[_told(row.reasons) for row in line] for line in lines]
    heights = [
        _IMAGE_INCH * max(drawn_aspect(row.image) for row in line) + 0.3 + _LINE_INCH * max(map(len, told))
        for line, told in zip(lines, texts, strict=True)
    ]
    head, foot = 0.15 + 0.19 * len(wrapped), 0.3
    figure = Figure(
        figsize=(columns * _IMAGE_INCH, sum(heights) + head + foot), dpi=image_width / _IMAGE_INCH, facecolor="white"
    )
    width, height = figure.get_size_inches()
    if not rows:
        figure.text(0.5, 0.5, nothing, ha="center", va="center", fontsize=10, color=_INK)
        return figure
    figure.text(0.06 / width, 1 - 0.06 / height, "\n".join(wrapped), va="top", fontsize=10, color=_INK)
    fonts = font_families([*class_names, *(row.file_name for row in rows)])
    top = height - head
    for line, told, tall in zip(lines, texts, heights, strict=True):
        for column, (row, text) in enumerate(zip(line, told, strict=True)):
            left = 2 * column * _IMAGE_INCH
            drawn = (_IMAGE_INCH - 0.08) * drawn_aspect(row.image)
            name = f"{_end(row.file_name)}: {row.title}"
            place: dict[str, Any] = {"fontsize": 8.5, "fontweight": "bold", "color": _INK}
            place |= {"fontfamily": fonts, "va": "top"}
            figure.text((left + 0.06) / width, (top - 0.04) / height, literal(name), **place)
            for side, (shown, failed) in enumerate(((row.truth, row.lost), (row.found, row.wrong))):
                start = (left + side * _IMAGE_INCH + 0.04) / width
                box = (start, (top - 0.22 - drawn) / height, (_IMAGE_INCH - 0.08) / width, drawn / height)
                axes = figure.add_axes(box)
                axes.set_axis_off()
                axes.set_anchor("N")
                styles: list[LineStyle] = ["dotted" if each else "solid" for each in failed]
                axes.imshow(
                    draw_detections(
                        row.image, shown, class_names, width=image_width, with_scores=side == 1, lines=styles
                    )
                )
            place = {"fontsize": 8, "color": _PALE, "fontfamily": fonts, "va": "top", "linespacing": 1.25}
            figure.text((left + 0.06) / width, (top - 0.25 - drawn) / height, literal("\n".join(text)), **place)
        top -= tall
    marks = [Line2D([], [], color=_INK, linestyle=style, linewidth=1.6) for style in ("-", ":")]
    handles = [Line2D([], [], linestyle="none"), *marks]
    place = {"loc": "lower left", "ncols": 3, "frameon": False, "handlelength": 3.0, "fontsize": 8}
    figure.legend(handles, legend, labelcolor=_INK, borderaxespad=0.1, **place)
    return figure


def _told(reasons: Sequence[str]) -> list[str]:
    """Returns the lines of text under an image; what does not fit is counted."""
    lines: list[str] = []
    for row, reason in enumerate(reasons):
        wrapped = textwrap.wrap(reason, _LINE, subsequent_indent="   ")
        left = len(reasons) - row
        if len(lines) + len(wrapped) > _MOST_LINES - (left > 1):
            return [*lines, f"… and {left} more"]
        lines += wrapped
    return lines


def _end(text: str) -> str:
    return text if len(text) <= 40 else f"…{text[-39:]}"
