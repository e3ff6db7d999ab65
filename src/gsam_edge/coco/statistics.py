"""Statistics of annotations: counts and sizes."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gsam_edge.coco.annotations import Annotations

#: The quantiles of a distribution that are reported.
QUANTILES = {"min": 0.0, "p05": 0.05, "median": 0.5, "p95": 0.95, "max": 1.0}

#: Number of image sizes that are reported, the most frequent ones.
_MOST_SIZES = 10


def statistics(annotations: Annotations) -> dict[str, Any]:
    """Returns figures of one set of annotations, as plain JSON values.

    Returns:
        `images`, `annotations`, `images_without_annotations`; `crowds` and `masks` where there are any; `per_class`
        (name to number of annotations), `images_per_class`, `share_per_class` (0..1); `image_sizes` (the most frequent,
        "width x height" in pixels to number of images) and their number `different_image_sizes`; and quantiles (min,
        p05, median, p95, max) of `annotations_per_image`, `box_width`, `box_height` (pixels), `box_share` (0..1 of the
        image's area), `box_aspect` and `image_aspect` (width by height). Figures that do not apply are absent.
    """
    columns, images = annotations.columns, annotations.images
    counts = _with_crowds(annotations)
    per_class = dict(zip(annotations.class_names, counts.sum(axis=0).tolist(), strict=True))
    per_image = counts.sum(axis=1)
    result: dict[str, Any] = {
        "images": len(images),
        "annotations": len(columns),
        "images_without_annotations": int((per_image == 0).sum()),
        "per_class": per_class,
        "images_per_class": dict(zip(annotations.class_names, (counts > 0).sum(axis=0).tolist(), strict=True)),
    }
    present = {"crowds": int(columns.is_crowd.sum()), "masks": int(columns.has_mask.sum())}
    result |= {name: count for name, count in present.items() if count}
    if len(columns):
        result["share_per_class"] = {name: count / len(columns) for name, count in per_class.items()}
    if images:
        result["annotations_per_image"] = _quantiles(per_image)
    return result | _image_sizes(annotations) | _box_sizes(annotations)


def _with_crowds(annotations: Annotations) -> NDArray[np.int32]:
    """Returns `image_class_counts` with the crowds, int32 [images, classes]."""
    counts = annotations.image_class_counts.copy()
    columns = annotations.columns
    crowds = np.flatnonzero(columns.is_crowd)
    if len(crowds):
        row_of_image = {image["id"]: row for row, image in enumerate(annotations.images)}
        rows = [row_of_image[image_id] for image_id in columns.image_id[crowds].tolist()]
        classes = [annotations.class_id_of_category[i] for i in columns.category_id[crowds].tolist()]
        np.add.at(counts, (rows, classes), 1)
    return counts


def _image_sizes(annotations: Annotations) -> dict[str, Any]:
    if not annotations.images:
        return {}
    sizes = Counter((image["width"], image["height"]) for image in annotations.images)
    return {
        "image_sizes": {f"{width} x {height}": count for (width, height), count in sizes.most_common(_MOST_SIZES)},
        "different_image_sizes": len(sizes),
        "image_aspect": _quantiles([image["width"] / image["height"] for image in annotations.images]),
    }


def _box_sizes(annotations: Annotations) -> dict[str, Any]:
    columns = annotations.columns
    boxed = columns.has_box
    if not boxed.any():
        return {}
    area_of_image = {image["id"]: float(image["width"] * image["height"]) for image in annotations.images}
    areas = np.array([area_of_image[image_id] for image_id in columns.image_id[boxed].tolist()])
    width, height = columns.xywh[boxed, 2], columns.xywh[boxed, 3]
    return {
        "box_width": _quantiles(width),
        "box_height": _quantiles(height),
        "box_share": _quantiles(width * height / areas),
        "box_aspect": _quantiles(width / height),
    }


def _quantiles(values: Sequence[float] | NDArray[Any]) -> dict[str, float]:
    points = np.quantile(np.asarray(values, float), list(QUANTILES.values()))
    return {name: float(point) for name, point in zip(QUANTILES, points, strict=True)}
