"""Plots: a grid of images, classes per split.

They are built on matplotlib's `Figure` itself, not on pyplot: no display, no global state, nothing to close.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gsam_edge.coco.annotations import Annotations
from gsam_edge.report.draw import PALETTE, class_colour, draw_detections
from gsam_edge.report.fonts import font_families, literal
from gsam_edge.vision import Detections

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_INK, _PALE = "#262626", "#8c8c8c"
TRUTH_COLUMN = "truth"
#: Of more classes, a figure shows the most frequent and the rarest.
_MOST_CLASSES = 24
#: Dots per inch of the figures that are no grids of images: legible in kedro-viz and MLflow alike.
FIGURE_DPI = 140
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
    aspects = [image.shape[0] / image.shape[1] for image in images]
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
        [Patch(color=_matplotlib(class_colour(class_id))) for class_id in sorted(drawn)],
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


def shown_classes(counts: Sequence[int]) -> list[int]:
    """Returns the classes, by id, that fit in a figure: all in their order, or the most frequent and then the rarest.

    Args:
        counts: objects of each class.
    """
    if len(counts) <= _MOST_CLASSES:
        return list(range(len(counts)))
    order = sorted(range(len(counts)), key=lambda class_id: -counts[class_id])
    return order[: _MOST_CLASSES // 2] + order[-(_MOST_CLASSES // 2) :]


def plot_class_distribution(splits: Mapping[str, Mapping[str, Any]]) -> "Figure":
    """Plots the objects of each class in each split, with each split's share of the class.

    Args:
        splits: `validation_report["splits"]`: split names to {images, per_class: {class name: count}}.

    Raises:
        ValueError: if there are no splits.
    """
    from matplotlib.figure import Figure

    if not splits:
        raise ValueError("splits: expected at least one, got none")
    every = list(dict.fromkeys(name for split in splits.values() for name in split["per_class"]))
    of_all = [sum(split["per_class"].get(name, 0) for split in splits.values()) for name in every]
    shown = shown_classes(of_all)
    names, totals = [every[class_id] for class_id in shown], [of_all[class_id] for class_id in shown]
    figure = Figure(figsize=(9, 1.5 + 0.32 * len(names) * len(splits)), layout="constrained", dpi=FIGURE_DPI)
    axes = figure.subplots()
    height = 0.8 / len(splits)
    for index, (split_name, split) in enumerate(splits.items()):
        counts = [split["per_class"].get(name, 0) for name in names]
        at = [row + (index - (len(splits) - 1) / 2) * height for row in range(len(names))]
        label = f"{split_name.replace('_', ' ')}: {split['images']} images, {sum(split['per_class'].values())} objects"
        bars = axes.barh(at, counts, height * 0.9, color=_matplotlib(PALETTE[index % len(PALETTE)]), label=label)
        shares = [
            f"{count}  ({count / total:.0%})" if total else "0" for count, total in zip(counts, totals, strict=True)
        ]
        axes.bar_label(bars, shares, padding=4, fontsize=8, color=_INK)
    axes.set_yticks(range(len(names)), map(literal, names), fontfamily=font_families(names), fontsize=10, color=_INK)
    axes.invert_yaxis()
    some = "" if len(names) == len(every) else f", the most frequent and the rarest of {len(every)} classes"
    axes.set_title(f"Objects per class and split{some}", loc="left", fontsize=11, fontweight="bold", color=_INK)
    axes.legend(fontsize=8, frameon=False, loc="upper left", bbox_to_anchor=(0, -0.01), ncols=2)
    _tidy(axes)
    return figure


def _tidy(axes: "Axes") -> None:
    """Removes frame, grid and the axis's numbers, and makes room for the numbers beside the bars."""
    axes.spines[["top", "right", "bottom"]].set_visible(False)
    axes.spines["left"].set_color(_PALE)
    axes.tick_params(length=0)
    axes.set_xticks([])
    axes.set_xlim(0, 1.45 * axes.get_xlim()[1])


def _matplotlib(colour: tuple[int, int, int]) -> tuple[float, ...]:
    """Converts RGB 0..255 to matplotlib's 0..1."""
    return tuple(channel / 255 for channel in colour)
