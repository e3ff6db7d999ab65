"""Plots of a dataset: box sizes, images per class, a heat map of the boxes, and the worst findings."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gsam_edge.coco.annotations import Annotations
from gsam_edge.coco.geometry.segmentation import decode_segmentation
from gsam_edge.coco.health.heat_map import annotation_heat_map
from gsam_edge.report.draw import class_colour, draw_detections
from gsam_edge.report.fonts import font_families, literal
from gsam_edge.report.plots.classes import FIGURE_DPI, shown_classes
from gsam_edge.report.plots.sheet import image_sheet
from gsam_edge.vision import Detections
from gsam_edge.vision.boxes import xywh_to_xyxy
from gsam_edge.vision.images import ImageSource

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_INK, _PALE, _BLUE = "#262626", "#8c8c8c", "#0072b2"
#: Scatter plots draw at most so many objects of a class, evenly spread over them.
_MOST_POINTS = 4000
_CELLS = 64
#: The contact sheet: columns, width of an image in pixels, most characters of a caption's line.
_COLUMNS, _IMAGE, _CAPTION = 4, 480, 44
#: What a sheet without a case says.
NOTHING_ODD = "Nothing odd was found in the images; plot_labelled_samples shows some of them."
#: Most boxes drawn into an image that is shown beside others; more would hide it.
_MOST_BOXES = 50
#: A case about an object smaller than this share of its image's side is shown enlarged, with so much around it.
_CLOSE, _AROUND = 0.25, 3.0


def plot_box_sizes(annotations: Annotations, smallest_side: float) -> "Figure":
    """Plots width against height of all boxes, crowds aside, a colour for each class; the area of tiny boxes is shaded.

    Args:
        annotations: checked and completed annotations.
        smallest_side: pixels, see `HealthConfig.smallest_box_side`.
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import LogLocator, NullFormatter

    columns = annotations.columns
    figure = Figure(figsize=(7, 7), layout="constrained", dpi=FIGURE_DPI)
    axes = figure.subplots()
    points, labels = [], []
    for class_id in shown_classes(annotations.image_class_counts.sum(axis=0).tolist()):
        category_id = annotations.categories[class_id]["id"]
        rows = np.flatnonzero((columns.category_id == category_id) & columns.has_box & ~columns.is_crowd)
        if not len(rows):
            continue
        shown = rows[np.linspace(0, len(rows) - 1, min(len(rows), _MOST_POINTS)).astype(int)]
        colour = [channel / 255 for channel in class_colour(class_id)]
        labels.append(f"{annotations.class_names[class_id]}: {len(rows)}, median {_median_size(columns.xywh[rows])}")
        points.append(
            axes.scatter(columns.xywh[shown, 2], columns.xywh[shown, 3], s=9, color=colour, alpha=0.45, linewidths=0)
        )
    axes.set(xscale="log", yscale="log")
    sides = columns.xywh[columns.has_box][:, 2:]
    limits = max(0.5, sides.min() * 0.8), sides.max() * 1.25
    axes.set(xlim=limits, ylim=limits, aspect="equal")
    if smallest_side > limits[0]:
        for shade in (axes.axhspan, axes.axvspan):
            shade(limits[0], smallest_side, color=_PALE, alpha=0.15, linewidth=0)
        axes.text(smallest_side, limits[1], f" {smallest_side:g} px", fontsize=8, color=_PALE, va="top")
    _title(axes, "Box sizes", "width in pixels", "height in pixels")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.set_major_formatter("{x:g}")
        axis.set_minor_formatter(NullFormatter())
    figure.legend(
        points,
        [literal(label) for label in labels],
        loc="outside lower center",
        ncols=2,
        frameon=False,
        prop={"family": font_families(labels), "size": 9},
        markerscale=2,
    )
    return figure


def _median_size(xywh: NDArray[np.float64]) -> str:
    width, height = np.median(xywh[:, 2:], axis=0)
    return f"{width:.0f} x {height:.0f} px"


def plot_images_per_class(annotations: Annotations) -> "Figure":
    """Plots how many images show each class, and how many objects an image shows."""
    from matplotlib.figure import Figure

    counts = annotations.image_class_counts
    shown = shown_classes(counts.sum(axis=0).tolist())
    figure = Figure(figsize=(11, max(3.2, 1.2 + 0.3 * len(shown))), layout="constrained", dpi=FIGURE_DPI)
    bars, histogram = figure.subplots(1, 2)
    images = (counts > 0).sum(axis=0)
    values = [int(images[class_id]) for class_id in shown]
    bars.barh(range(len(shown)), values, color=[[c / 255 for c in class_colour(class_id)] for class_id in shown])
    for row, value in enumerate(values):
        text = f" {value} ({value / len(counts):.0%})"
        bars.annotate(text, (value, row), va="center", fontsize=9, color=_INK)
    names = [annotations.class_names[class_id] for class_id in shown]
    bars.set_yticks(range(len(shown)), map(literal, names), fontfamily=font_families(names), fontsize=10)
    bars.set(xlim=(0, 1.25 * max(values)), ylim=(len(shown) - 0.4, -0.6), xticks=[])
    _title(bars, f"Images that show a class, of {len(counts)}", _left_out(len(shown), counts.shape[1]), "")
    bars.spines["bottom"].set_visible(False)
    objects = counts.sum(axis=1)
    edges = np.unique(np.linspace(0, objects.max() + 1, min(objects.max() + 2, 41)).astype(int)) - 0.5
    histogram.hist(objects, bins=edges, color=_BLUE, rwidth=0.92)
    histogram.axvline(float(np.median(objects)), color=_INK, linewidth=1)
    histogram.text(
        np.median(objects), histogram.get_ylim()[1], f" median {np.median(objects):g}", va="top", fontsize=9, color=_INK
    )
    histogram.locator_params("x", integer=True)
    _title(histogram, "Objects of an image", "objects", "images")
    return figure


def plot_heat_map(annotations: Annotations) -> "Figure":
    """Plots where the boxes of all images lie, each image stretched to the same square."""
    from matplotlib.figure import Figure

    heat = annotation_heat_map(annotations, _CELLS)
    figure = Figure(figsize=(6.4, 5.2), layout="constrained", dpi=FIGURE_DPI)
    axes = figure.subplots()
    image = axes.imshow(heat, cmap="viridis", extent=(0, 1, 1, 0), vmin=0, interpolation="bilinear")
    figure.colorbar(image, ax=axes, label="boxes over a point, a mean image")
    _title(axes, "Where the objects lie", "left to right, share of the width", "top to bottom, share of the height")
    return figure


def plot_worst_findings(
    annotations: Annotations, images: ImageSource, findings: Sequence[Mapping[str, Any]]
) -> "Figure":
    """Draws a contact sheet of the worst cases of each finding that is about images, with their objects.

    Args:
        annotations: checked and completed annotations.
        images: by file name.
        findings: of `coco.health` or `coco.audit`; an example with `image_id` and `annotation_ids` is drawn with just
            these objects, boxes and masks, enlarged where they are small; one with `image_ids` as these images side by
            side with their boxes, the first fifty.
    """
    from matplotlib.figure import Figure

    cases = [
        (finding, example)
        for finding in findings
        for example in _chosen([e for e in finding["examples"] if {"image_id", "image_ids"} & e.keys()])
    ]
    if not cases:
        figure = Figure(figsize=(7, 0.6), dpi=FIGURE_DPI)
        figure.text(0.5, 0.5, NOTHING_ODD, ha="center", va="center", fontsize=11, color=_INK)
        return figure
    captions = [_caption(finding, example) for finding, example in cases]
    drawn = [_case(annotations, images, example) for _, example in cases]
    return image_sheet(drawn, captions, columns=_COLUMNS, fonts=font_families(captions), foot=0)


def _chosen(examples: list[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Returns the worst case, and the last that is written out: the second may be a copy of the first."""
    return examples if len(examples) < 2 else [examples[0], examples[-1]]


def _caption(finding: Mapping[str, Any], example: Mapping[str, Any]) -> str:
    detail = f"{len(example['image_ids'])} images" if "image_ids" in example else example["detail"]
    return f"{finding['code']} ({finding['count']})\n{_short(detail)}\n{_short(example['where'])}"


def _case(annotations: Annotations, images: ImageSource, example: Mapping[str, Any]) -> NDArray[np.uint8]:
    if "image_ids" in example:
        several = [_drawn(annotations, images, image_id, None, _IMAGE // 2) for image_id in example["image_ids"][:4]]
        height = max(image.shape[0] for image in several)
        filled = [np.pad(p, ((0, height - len(p)), (2, 2), (0, 0)), constant_values=255) for p in several]
        rows = [np.hstack(filled[at : at + 2]) for at in range(0, len(filled), 2)]
        if len(rows) == 2 and rows[1].shape != rows[0].shape:
            rows[1] = np.pad(rows[1], ((0, 0), (0, rows[0].shape[1] - rows[1].shape[1]), (0, 0)), constant_values=255)
        return np.vstack(rows)
    return _drawn(annotations, images, example["image_id"], example["annotation_ids"], _IMAGE)


def _drawn(
    annotations: Annotations, images: ImageSource, image_id: int, ids: Sequence[int] | None, width: int
) -> NDArray[np.uint8]:
    """Draws an image with the boxes of its objects, or with the objects of `ids` alone, enlarged where small."""
    image = images[annotations.image_by_id[image_id]["file_name"]]
    records = [record for record in annotations.objects_of_image[image_id] if not record.get("iscrowd")]
    chosen = records[:_MOST_BOXES] if ids is None else [record for record in records if record["id"] in ids]
    xyxy = xywh_to_xyxy([record["bbox"] for record in chosen])
    masks, window = None, (slice(0, image.shape[0]), slice(0, image.shape[1]))
    if ids is not None:
        window = _window(xyxy, image.shape[:2])
        masks = np.stack([_mask(record, image.shape[:2])[window].copy() for record in chosen])  # decoded one by one
    objects = Detections(
        xyxy - np.array([window[1].start, window[0].start] * 2, np.float32),
        np.ones(len(chosen), np.float32),
        np.array([annotations.class_id_of_category[record["category_id"]] for record in chosen], np.int64),
        masks,
    )
    return draw_detections(image[window], objects, annotations.class_names, width=width, with_scores=False)


def _mask(record: Mapping[str, Any], image_hw: tuple[int, int]) -> NDArray[np.bool_]:
    """Returns the mask of an object, bool [H, W]; empty where it has none."""
    segmentation = record.get("segmentation")
    return decode_segmentation(segmentation, image_hw) if segmentation else np.zeros(image_hw, bool)


def _window(xyxy: NDArray[np.float32], image_hw: tuple[int, int]) -> tuple[slice, slice]:
    """Returns the rows and columns of the image around boxes; all of it where they are large."""
    height, width = image_hw
    left, top = xyxy[:, :2].min(axis=0)
    right, bottom = xyxy[:, 2:].max(axis=0)
    side = max(right - left, bottom - top)
    if side > _CLOSE * max(height, width):
        return slice(0, height), slice(0, width)
    half = max(_AROUND * side, 16) / 2
    x, y = (left + right) / 2, (top + bottom) / 2
    return (
        slice(max(0, int(y - half)), min(height, int(np.ceil(y + half)))),
        slice(max(0, int(x - half)), min(width, int(np.ceil(x + half)))),
    )


def _short(text: str) -> str:
    """Returns the end of a text, which is where file names differ."""
    return text if len(text) <= _CAPTION else f"…{text[1 - _CAPTION :]}"


def _left_out(shown: int, classes: int) -> str:
    return "" if shown == classes else f"the most frequent and the rarest {shown} of {classes} classes"


def _title(axes: "Axes", title: str, x: str, y: str) -> None:
    axes.set_title(title, loc="left", fontsize=11, fontweight="bold", color=_INK)
    axes.set_xlabel(x, fontsize=9, color=_PALE)
    axes.set_ylabel(y, fontsize=9, color=_PALE)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=9, color=_PALE)
