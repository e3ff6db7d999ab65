"""A grid of images: sources in columns, their detections drawn in."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from gsam_edge.coco.annotations import Annotations
from gsam_edge.report.draw import class_colour, draw_detections, drawn_aspect
from gsam_edge.report.fonts import font_families, literal
from gsam_edge.vision import Detections

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_INK = "#262626"
TRUTH_COLUMN = "truth"
#: Width of an image of the grid in inches, which sets the size of its text; the caller sets its pixels.
_IMAGE_INCH = 3.0


def plot_image_grid(
    images: Sequence[NDArray[np.uint8]],
    columns: Mapping[str, Sequence[Detections]],
    class_names: Sequence[str],
    *,
    score_threshold: float,
    image_width: int,
) -> "Figure":
    """Plots images in rows and sources (truth, teacher, student …) in columns, with their detections drawn in.

    Args:
        images: uint8 [H, W, 3] RGB.
        columns: a source's name to its Detections, one per image; the column `TRUTH_COLUMN` is drawn without scores.
        class_names: by class id; a class has the same colour in every image, named in the legend.
        score_threshold: detections below it are not drawn (0..1).
        image_width: pixels of one image with its margin; the figure is as many times as wide as it has columns.

    Raises:
        ValueError: if there are no images or columns, or a column has not one Detections per image.
    """
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch

    if not images or not columns:
        raise ValueError(f"expected at least one image and one column, got {len(images)} and {len(columns)}")
    for name, found in columns.items():
        if len(found) != len(images):
            raise ValueError(f"column {name!r}: expected {len(images)} Detections, one per image, got {len(found)}")
    aspects = [drawn_aspect(image) for image in images]
    figure = Figure(
        figsize=(_IMAGE_INCH * len(columns), _IMAGE_INCH * sum(aspects) + 0.7),
        layout="constrained",
        dpi=image_width / _IMAGE_INCH,
    )
    drawn: set[int] = set()
    grid = figure.subplots(len(images), len(columns), squeeze=False, height_ratios=aspects)
    for line, image in zip(range(len(images)), images, strict=True):
        for column, (name, found) in enumerate(columns.items()):
            detections = found[line]
            shown = detections.select(detections.scores >= score_threshold)
            drawn.update(shown.class_ids.tolist())
            axes = grid[line, column]
            axes.imshow(draw_detections(image, shown, class_names, width=image_width, with_scores=name != TRUTH_COLUMN))
            axes.set_axis_off()
            if line == 0:
                axes.set_title(name, fontsize=11, fontweight="bold", color=_INK)
    names = [class_names[class_id] for class_id in sorted(drawn)]
    figure.legend(
        [Patch(color=[channel / 255 for channel in class_colour(class_id)]) for class_id in sorted(drawn)],
        [literal(name) for name in names],
        loc="outside lower center",
        ncols=6,
        frameon=False,
        prop={"family": font_families(names), "size": 9},
    )
    return figure


def choose_images(truth: Annotations, count: int) -> list[int]:
    """Chooses image ids for an image grid, evenly spread over the images that hold objects (over all, if none does).

    Fewer than `count` only if there are fewer such images. The same truth gives the same choice.
    """
    labelled = [image["id"] for image in truth.images if truth.objects_of_image[image["id"]]]
    candidates = labelled or [image["id"] for image in truth.images]
    picks = np.linspace(0, len(candidates) - 1, min(count, len(candidates))).round().astype(int)
    return [candidates[pick] for pick in picks]
