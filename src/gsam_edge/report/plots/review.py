"""Images whose labels are in doubt, and images to label next."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gsam_edge.report.draw import draw_detections, drawn_aspect
from gsam_edge.report.fonts import font_families, literal
from gsam_edge.report.plots.failures import FailedImage, plot_pairs
from gsam_edge.vision import Detections

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_INK, _PALE = "#262626", "#595959"
_IMAGE_INCH = 2.6
_LINE_INCH = 0.15
_COLUMNS = 4
#: Characters of a name and of a line of text that fit below one image.
_NAME, _LINE = 30, 42


@dataclass(frozen=True)
class DoubtfulImage:
    """One image whose labels are in doubt.

    Attributes:
        image: uint8 [H, W, 3] RGB.
        file_name: its name.
        split: the split that it is in.
        truth: its labelled objects.
        doubted: which of them are in doubt.
        seen: what student or teacher see instead; the score is how far they are believed.
        reasons: each doubt in a sentence.
    """

    image: NDArray[np.uint8]
    file_name: str
    split: str
    truth: Detections
    doubted: Sequence[bool]
    seen: Detections
    reasons: Sequence[str]


def plot_review(rows: Sequence[DoubtfulImage], class_names: Sequence[str], *, image_width: int) -> "Figure":
    """Plots the images whose labels are most in doubt, two in a row: labels on the left, what models see on the right.

    Args:
        rows: the most doubtful image first.
        class_names: by class id.
        image_width: pixels of one drawing with its margin.
    """
    shown = [
        FailedImage(
            image=row.image,
            file_name=row.file_name,
            truth=row.truth,
            found=row.seen,
            lost=row.doubted,
            wrong=[False] * len(row.seen),
            title=f"{len(row.reasons)} in doubt ({row.split})",
            reasons=row.reasons,
        )
        for row in rows
    ]
    return plot_pairs(
        shown,
        class_names,
        title="Labels that may be wrong: look at these first",
        nothing="No label is in doubt.",
        legend=("labels on the left, what models see on the right", "not in doubt, or seen", "label in doubt"),
        image_width=image_width,
    )


@dataclass(frozen=True)
class ProposedImage:
    """One image to label.

    Attributes:
        image: uint8 [H, W, 3] RGB.
        file_name: its name.
        found: what the student finds there.
        why: why it is worth a label.
    """

    image: NDArray[np.uint8]
    file_name: str
    found: Detections
    why: str


def plot_next_to_label(
    rows: Sequence[ProposedImage], class_names: Sequence[str], *, of: int, image_width: int
) -> "Figure":
    """Plots the images to label first, four in a row, with what the student finds in them.

    Args:
        rows: the images in their order.
        class_names: by class id.
        of: how many unlabelled images were looked at.
        image_width: pixels of one image with its margin.
    """
    from matplotlib.figure import Figure

    columns = min(_COLUMNS, max(1, len(rows)))
    lines = [rows[at : at + columns] for at in range(0, len(rows), columns)]
    fonts = font_families([*class_names, *(row.file_name for row in rows)])
    texts = [[textwrap.wrap(row.why, _LINE) for row in line] for line in lines]
    heights = [
        _IMAGE_INCH * max(drawn_aspect(row.image) for row in line) + 0.28 + _LINE_INCH * max(map(len, told))
        for line, told in zip(lines, texts, strict=True)
    ]
    head = 0.4 if columns > 1 else 0.58  # the title takes two lines there
    size = (columns * _IMAGE_INCH, max(sum(heights) + head, 1.2))
    figure = Figure(figsize=size, dpi=image_width / _IMAGE_INCH, facecolor="white")
    width, height = figure.get_size_inches()
    if not rows:
        figure.text(0.5, 0.5, "There is no\nunlabelled image.", ha="center", va="center", fontsize=9, color=_INK)
        return figure
    title = "\n".join(textwrap.wrap(f"Label these first, of {of} unlabelled images", 36 * columns))
    figure.text(0.06 / width, 1 - 0.08 / height, title, va="top", fontsize=10, color=_INK)
    top = height - head
    number = 0
    for line, told, tall in zip(lines, texts, heights, strict=True):
        for column, (row, text) in enumerate(zip(line, told, strict=True)):
            number += 1
            left, drawn = column * _IMAGE_INCH, (_IMAGE_INCH - 0.08) * drawn_aspect(row.image)
            place: dict[str, Any] = {"fontfamily": fonts, "va": "top"}
            name = f"{number}. {_end(row.file_name)}"
            figure.text(
                (left + 0.05) / width,
                (top - 0.02) / height,
                literal(name),
                fontsize=8,
                fontweight="bold",
                color=_INK,
                **place,
            )
            box = ((left + 0.04) / width, (top - 0.19 - drawn) / height, (_IMAGE_INCH - 0.08) / width, drawn / height)
            axes = figure.add_axes(box)
            axes.set_axis_off()
            axes.set_anchor("N")
            axes.imshow(draw_detections(row.image, row.found, class_names, width=image_width))
            below = (top - 0.21 - drawn) / height
            figure.text(
                (left + 0.05) / width,
                below,
                literal("\n".join(text)),
                fontsize=7.5,
                color=_PALE,
                linespacing=1.2,
                **place,
            )
        top -= tall
    return figure


def _end(text: str) -> str:
    return text if len(text) <= _NAME else f"…{text[1 - _NAME :]}"
