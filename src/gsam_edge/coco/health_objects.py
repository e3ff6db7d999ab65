"""Objects that are sound one by one and still unlikely: too small, labelled twice, box and mask at odds."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gsam_edge.coco.annotations import Annotations
from gsam_edge.vision.masks import segmentation_area, segmentation_to_rle

#: From this share of its sides on, a box covers the whole image.
_WHOLE = 0.99


def tiny_boxes(annotations: Annotations, smallest_side: float) -> NDArray[np.int64]:
    """Rows of the objects, crowds aside, whose box has a side shorter than `smallest_side` pixels; smallest first."""
    columns = annotations.columns
    shorter = columns.xywh[:, 2:].min(axis=1)
    rows = np.flatnonzero((shorter < smallest_side) & ~columns.is_crowd)
    return rows[np.argsort(shorter[rows], kind="stable")]


def boxes_as_images(annotations: Annotations) -> NDArray[np.int64]:
    """Rows of the objects, crowds aside, whose box covers its image."""
    columns = annotations.columns
    size_of_image = {image["id"]: (image["width"], image["height"]) for image in annotations.images}
    frames = np.array([size_of_image[image_id] for image_id in columns.image_id.tolist()]).reshape(-1, 2)
    covers = (columns.xywh[:, 2:] >= _WHOLE * frames).all(axis=1)
    return np.flatnonzero(covers & ~columns.is_crowd)


def overlapping_duplicates(annotations: Annotations, least_iou: float) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Pairs of objects of one image and class that are nearly one.

    Args:
        annotations: checked and completed annotations; crowds are passed over.
        least_iou: overlap of their boxes, and where both have one of their masks, from which two objects are a pair.

    Returns:
        Rows of the objects, int64 [K, 2], and the overlap of each pair, float64 [K]; largest overlap first.
    """
    columns = annotations.columns
    rows = np.flatnonzero(columns.has_box & ~columns.is_crowd)
    left = columns.xywh[rows, 0]
    rows = rows[np.lexsort((left, columns.category_id[rows], columns.image_id[rows]))]
    xywh, kind = columns.xywh[rows], np.column_stack([columns.image_id, columns.category_id])[rows]
    pairs, overlaps = [], []
    first = np.arange(len(rows) - 1)
    for step in range(1, len(rows)):
        # What two boxes share is at least `least_iou` of either's width, so the other begins soon after the first.
        other = first + step
        reach = xywh[first, 0] + (1 - least_iou) * xywh[first, 2]
        near = (kind[first] == kind[other]).all(axis=1) & (xywh[other, 0] <= reach)
        first, other = first[near], other[near]
        if not len(first):
            break
        iou = _iou(xywh[first], xywh[other])
        hit = iou >= least_iou
        pairs.append(np.column_stack([rows[first[hit]], rows[other[hit]]]))
        overlaps.append(iou[hit])
        first = first[first + step + 1 < len(rows)]
    if not pairs:
        return np.zeros((0, 2), np.int64), np.zeros(0)
    found, overlap = np.sort(np.concatenate(pairs), axis=1), np.concatenate(overlaps)
    overlap = np.array(
        [min(v, _mask_iou(annotations, p)) for p, v in zip(found.tolist(), overlap.tolist(), strict=True)]
    )
    keep = np.flatnonzero(overlap >= least_iou)
    keep = keep[np.lexsort((found[keep, 1], found[keep, 0], -overlap[keep]))]
    return found[keep], overlap[keep]


def mask_box_disagreements(annotations: Annotations, least_iou: float) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Rows [K] of the objects whose own box overlaps that of their mask by less than `least_iou`, and the overlap [K].

    Crowds aside; smallest overlap first.
    """
    columns = annotations.columns
    rows = np.flatnonzero(columns.has_own_box & columns.has_mask & ~columns.is_crowd)
    image_by_id = annotations.image_by_id
    boxes = np.array([_mask_box(annotations.objects[row], image_by_id) for row in rows.tolist()]).reshape(-1, 4)
    iou = _iou(columns.xywh[rows], boxes)
    low = np.flatnonzero(iou < least_iou)
    low = low[np.argsort(iou[low], kind="stable")]
    return rows[low], iou[low]


def _mask_box(record: Mapping[str, Any], image_by_id: Mapping[int, Mapping[str, Any]]) -> list[float]:
    """Left, top, width and height of a segmentation: polygons by their corners, RLE by its pixels."""
    segmentation = record["segmentation"]
    if isinstance(segmentation, Mapping):
        image = image_by_id[record["image_id"]]
        return segmentation_area(segmentation, (image["height"], image["width"]))[1]
    left = min(min(polygon[::2]) for polygon in segmentation)
    top = min(min(polygon[1::2]) for polygon in segmentation)
    right = max(max(polygon[::2]) for polygon in segmentation)
    bottom = max(max(polygon[1::2]) for polygon in segmentation)
    return [left, top, right - left, bottom - top]


def _iou(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """Intersection over union [N] of boxes xywh [N, 4], row by row; 0 where both are empty."""
    corner = np.maximum(a[:, :2], b[:, :2])
    sides = np.maximum(np.minimum(a[:, :2] + a[:, 2:], b[:, :2] + b[:, 2:]) - corner, 0)
    shared = sides.prod(axis=1)
    union = a[:, 2:].prod(axis=1) + b[:, 2:].prod(axis=1) - shared
    return np.divide(shared, union, out=np.zeros(len(a)), where=union > 0)


def _mask_iou(annotations: Annotations, pair: list[int]) -> float:
    """Overlap of the masks of two objects of one image; 1 where one of them has none."""
    from pycocotools import mask as coco_mask

    records = [annotations.objects[row] for row in pair]
    if not all(record.get("segmentation") for record in records):
        return 1.0
    image = annotations.image_by_id[records[0]["image_id"]]
    codes = [segmentation_to_rle(record["segmentation"], (image["height"], image["width"])) for record in records]
    return float(coco_mask.iou(codes[:1], codes[1:], [False])[0, 0])
