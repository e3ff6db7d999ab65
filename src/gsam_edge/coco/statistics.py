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
        `images`, `annotations` (objects and crowds), `images_without_annotations`; `crowds` where there are any.
        Of the objects, crowds aside: `masks` where there are any; `per_class` (name to number), `images_per_class`,
        `share_per_class` (0..1); quantiles (min, p05, median, p95, max) of `box_width`, `box_height` (pixels),
        `box_share` (0..1 of the image's area) and `box_aspect` (width by height). Of the images: `image_sizes` (the
        most frequent, "width x height" in pixels to number of images) and their number `different_image_sizes`;
        quantiles of `annotations_per_image` (objects and crowds) and `image_aspect`. What does not apply is absent.
    """
    columns, images = annotations.columns, annotations.images
    counts, is_object = annotations.image_class_counts, ~columns.is_crowd
    per_class = dict(zip(annotations.class_names, counts.sum(axis=0).tolist(), strict=True))
    per_image = _annotations_per_image(annotations)
    result: dict[str, Any] = {
        "images": len(images),
        "annotations": len(columns),
        "images_without_annotations": int((per_image == 0).sum()),
        "per_class": per_class,
        "images_per_class": dict(zip(annotations.class_names, (counts > 0).sum(axis=0).tolist(), strict=True)),
    }
    present = {"crowds": int(columns.is_crowd.sum()), "masks": int((columns.has_mask & is_object).sum())}
    result |= {name: count for name, count in present.items() if count}
    if objects := int(is_object.sum()):
        result["share_per_class"] = {name: count / objects for name, count in per_class.items()}
    if images:
        result["annotations_per_image"] = _quantiles(per_image)
    return result | _image_sizes(annotations) | _box_sizes(annotations)


def _annotations_per_image(annotations: Annotations) -> NDArray[np.int64]:
    """Returns how many annotations each image has, crowds among them, int64 [images]."""
    counts = annotations.image_class_counts.sum(axis=1, dtype=np.int64)
    crowds = Counter(annotations.columns.image_id[annotations.columns.is_crowd].tolist())
    if crowds:
        counts += np.array([crowds[image["id"]] for image in annotations.images], np.int64)
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
    boxed = columns.has_box & ~columns.is_crowd
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
