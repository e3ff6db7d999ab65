"""Counts and sizes of what annotations hold."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from gsam_edge.coco.annotations import Annotations

#: The points at which a distribution is reported.
QUANTILES = {"min": 0.0, "p05": 0.05, "median": 0.5, "p95": 0.95, "max": 1.0}


def statistics(annotations: Annotations) -> dict[str, Any]:
    """Figures of one set of annotations, as plain JSON values.

    Returns:
        `images`, `annotations`, `images_without_annotations`; `crowds` and `masks` where there are any; `per_class`
        (name to number of annotations), `images_per_class`, `share_per_class` (0..1); and quantiles (min, p05, median,
        p95, max) of `annotations_per_image`, `box_width`, `box_height` (pixels) and `box_share` (0..1 of the image's
        area). Figures of what is absent are absent.
    """
    objects, images = annotations.objects, annotations.images
    names = {category["id"]: category["name"] for category in annotations.categories}
    per_class = Counter(names[record["category_id"]] for record in objects)
    shown = Counter(names[category] for _, category in {(r["image_id"], r["category_id"]) for r in objects})
    per_image = [len(records) for records in annotations.objects_of_image.values()]
    result: dict[str, Any] = {
        "images": len(images),
        "annotations": len(objects),
        "images_without_annotations": per_image.count(0),
        "per_class": {name: per_class[name] for name in annotations.class_names},
        "images_per_class": {name: shown[name] for name in annotations.class_names},
    }
    present = {
        "crowds": sum(bool(record.get("iscrowd")) for record in objects),
        "masks": sum(bool(record.get("segmentation")) for record in objects),
    }
    result |= {name: count for name, count in present.items() if count}
    if objects:
        result["share_per_class"] = {name: per_class[name] / len(objects) for name in annotations.class_names}
    if images:
        result["annotations_per_image"] = _quantiles(per_image)
    return result | _box_sizes(annotations)


def _box_sizes(annotations: Annotations) -> dict[str, Any]:
    boxed = [record for record in annotations.objects if record.get("bbox")]
    if not boxed:
        return {}
    sides = np.array([record["bbox"][2:4] for record in boxed], float)
    frames = (annotations.image_by_id[record["image_id"]] for record in boxed)
    areas = np.array([image["width"] * image["height"] for image in frames], float)
    return {
        "box_width": _quantiles(sides[:, 0]),
        "box_height": _quantiles(sides[:, 1]),
        "box_share": _quantiles(sides.prod(axis=1) / areas),
    }


def _quantiles(values: Sequence[float] | np.ndarray[Any, Any]) -> dict[str, float]:
    points = np.quantile(np.asarray(values, float), list(QUANTILES.values()))
    return {name: float(point) for name, point in zip(QUANTILES, points, strict=True)}
