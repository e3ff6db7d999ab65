"""Sheets of the images that a teacher labels worst: the truth beside its labels."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from gsam_edge.coco.annotations import Annotations
from gsam_edge.coco.packed import PackedDetections
from gsam_edge.metrics.label_quality import worst_images
from gsam_edge.report.draw import LineStyle, draw_detections, drawn_aspect
from gsam_edge.report.fonts import font_families, literal
from gsam_edge.vision import Detections
from gsam_edge.vision.images import ImageSource

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_INK = "#262626"
#: Width of an image in inches, which sets the size of its text.
_IMAGE_INCH = 3.2
_LINES: Mapping[LineStyle, str] = {"solid": "-", "dashed": "--", "dotted": ":"}


class WorstImagesConfig(BaseModel):
    """Settings of a sheet of the teachers' worst images."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    count: int = Field(gt=0, description="most images, two in a row")
    image_width: int = Field(gt=0, description="pixels, of one image with its margin")


@dataclass(frozen=True)
class WorstImage:
    """One image of the sheet.

    Attributes:
        image: uint8 [H, W, 3] RGB.
        file_name: its name.
        truth: its objects.
        found: what the teacher would label there.
        why: why it is among the worst.
        truth_lines: the line of each box of the truth; empty for solid ones.
        found_lines: that of each label's box.
    """

    image: NDArray[np.uint8]
    file_name: str
    truth: Detections
    found: Detections
    why: str
    truth_lines: Sequence[LineStyle] = ()
    found_lines: Sequence[LineStyle] = ()


def worst_rows(
    truth: Annotations,
    images: ImageSource,
    found: Mapping[int, PackedDetections],
    *,
    score_threshold: float,
    match_iou: float,
    prompted: bool,
    count: int,
) -> tuple[list[WorstImage], str]:
    """Returns the images that a teacher labels worst, see `worst_images`, and by what they are ranked.

    Args:
        truth: the split.
        images: by file name.
        found: image ids to what the teacher found.
        score_threshold: detections that score less are no labels (0..1); all are where it was given the true boxes.
        match_iou: see `worst_images`.
        prompted: see `worst_images`.
        count: most images returned.
    """
    labels = found
    if not prompted:
        labels = {image_id: each.select(each.unmasked.scores >= score_threshold) for image_id, each in found.items()}
    rows = []
    for ranked in worst_images(truth, labels, match_iou=match_iou, prompted=prompted, count=count):
        file_name, shown = truth.image_by_id[ranked.image_id]["file_name"], labels[ranked.image_id].unpack()
        objects = truth.truth(ranked.image_id, masks=shown.held_masks is not None)
        rows.append(WorstImage(images[file_name], file_name, objects, shown, ranked.why))
    if prompted:
        return rows, "lowest mean IoU of the masks in the true boxes"
    return rows, f"lowest F1 of labels (score from {score_threshold:g}, box IoU from {match_iou:g})"


def plot_worst_images(
    rows: Sequence[WorstImage],
    class_names: Sequence[str],
    *,
    title: str,
    image_width: int,
    legend: Mapping[LineStyle, str],
) -> "Figure":
    """Plots the worst images, two in a row, each with its truth on the left and the teacher's labels on the right.

    Args:
        rows: the worst image first.
        class_names: by class id.
        title: what is shown, and by what it is ranked.
        image_width: pixels of one image with its margin.
        legend: what the lines of the boxes mean; empty where all are solid.
    """
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    lines = [rows[at : at + 2] for at in range(0, len(rows), 2)]
    aspects = [max(drawn_aspect(row.image) for row in line) for line in lines]
    columns = 2 * min(2, max(1, len(rows)))
    figure = Figure(
        figsize=(columns * _IMAGE_INCH, _IMAGE_INCH * sum(aspects) + 0.25 * len(lines) + 0.6),
        layout="constrained",
        dpi=image_width / _IMAGE_INCH,
    )
    if not rows:
        nothing = f"{title}\nno image holds objects, nor was anything found"
        figure.text(0.5, 0.5, nothing, ha="center", va="center", fontsize=10, color=_INK)
        return figure
    figure.suptitle(title, fontsize=10, color=_INK)
    if legend:
        lines_of = [Line2D([], [], color=_INK, linestyle=_LINES[style], linewidth=1.6) for style in legend]
        place = {"loc": "outside lower left", "ncols": len(legend), "frameon": False, "handlelength": 3.5}
        figure.legend(lines_of, legend.values(), fontsize=8, labelcolor=_INK, **place)
    grid = figure.subplots(len(lines), columns, squeeze=False, height_ratios=aspects)
    fonts = font_families([row.file_name for row in rows])
    for axes in grid.flat:
        axes.set_axis_off()
        axes.set_anchor("N")
    for (left, right), row in zip(grid.reshape(-1, 2), rows, strict=False):
        for side, shown, of_boxes, with_scores in (
            (left, row.truth, row.truth_lines, False),
            (right, row.found, row.found_lines, True),
        ):
            drawn = draw_detections(
                row.image, shown, class_names, width=image_width, with_scores=with_scores, lines=of_boxes
            )
            side.imshow(drawn)
        left.set_title(f"truth: {literal(_end(row.file_name))}", fontsize=8, color=_INK, fontfamily=fonts, loc="left")
        right.set_title(row.why, fontsize=8, color=_INK, loc="left")
    return figure


def _end(text: str) -> str:
    """Returns the end of a name, which is where file names differ."""
    return text if len(text) <= 40 else f"…{text[-39:]}"
