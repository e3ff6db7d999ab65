"""Finds doubtful objects: tiny boxes, boxes as large as the image, duplicates, boxes that do not fit their masks."""

from collections.abc import Iterable, Mapping
from functools import cache, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gsam_edge.coco.annotations import Annotations
from gsam_edge.coco.geometry.segmentation import segmentation_area, segmentation_to_rle
from gsam_edge.coco.health.cases import Cases, Example

#: A box with at least this share of both sides of its image covers the whole image.
_WHOLE = 0.99


def tiny_boxes(annotations: Annotations, smallest_side: float) -> Cases:
    """Finds objects, crowds aside, whose box has a side shorter than `smallest_side` pixels; smallest first."""
    columns = annotations.columns
    shorter = columns.xywh[:, 2:].min(axis=1)
    rows = np.flatnonzero((shorter < smallest_side) & ~columns.is_crowd)
    rows = rows[np.argsort(shorter[rows], kind="stable")]
    sides = columns.xywh[:, 2:]
    return _cases(annotations, rows, rows, (f"{sides[row][0]:g} x {sides[row][1]:g} pixels" for row in rows))


def boxes_as_images(annotations: Annotations) -> Cases:
    """Finds objects, crowds aside, whose box covers its image."""
    columns = annotations.columns
    size_of_image = {image["id"]: (image["width"], image["height"]) for image in annotations.images}
    frames = np.array([size_of_image[image_id] for image_id in columns.image_id.tolist()]).reshape(-1, 2)
    covers = (columns.xywh[:, 2:] >= _WHOLE * frames).all(axis=1)
    rows = np.flatnonzero(covers & ~columns.is_crowd)
    return _cases(annotations, rows, rows, ("as large as its image" for _ in rows))


def objects_labelled_twice(annotations: Annotations, least_iou: float) -> Cases:
    """Finds duplicate objects, each shown with the object that it duplicates; see `overlapping_duplicates`."""
    pairs, overlaps = overlapping_duplicates(annotations, least_iou)
    return _cases(annotations, pairs[:, 1], pairs, (f"overlap {iou:.3f}" for iou in overlaps))


def overlapping_duplicates(annotations: Annotations, least_iou: float) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Finds objects that nearly coincide with an earlier object of the same image and class.

    Args:
        annotations: checked and completed annotations; crowds are ignored.
        least_iou: IoU of the boxes, and of the masks where both have one, from which two objects are duplicates.

    Returns:
        Rows of an earlier object and of its duplicate, int64 [K, 2], each duplicate once, with one of the objects that
        it duplicates; and the overlap of the two (the lower of box and mask IoU), float64 [K]; largest first.
    """
    columns = annotations.columns
    rows = np.flatnonzero(columns.has_box & ~columns.is_crowd)
    left = columns.xywh[rows, 0]
    rows = rows[np.lexsort((left, columns.category_id[rows], columns.image_id[rows]))]
    xywh, kind = columns.xywh[rows], np.column_stack([columns.image_id, columns.category_id])[rows]
    # Two duplicates share at least `least_iou` of either's width, so the other begins soon after the first.
    begins, reach = xywh[:, 0], xywh[:, 0] + (1 - least_iou) * xywh[:, 2]
    group = np.unique(kind, axis=0, return_inverse=True)[1]
    code = cache(partial(_mask_code, annotations))
    is_double = np.zeros(len(annotations.objects), bool)
    pairs: list[tuple[int, int]] = []
    overlaps: list[float] = []
    first = np.arange(len(rows) - 1)
    for step in range(1, len(rows)):
        other = first + step
        near = (group[first] == group[other]) & (begins[other] <= reach[first])
        first, other = first[near], other[near]
        if not len(first):
            break
        is_open = ~is_double[np.maximum(rows[first], rows[other])]  # a known duplicate is not compared again
        one, two = first[is_open], other[is_open]
        iou = _iou(xywh[one], xywh[two])
        hit = iou >= least_iou
        both = np.sort(np.column_stack([rows[one[hit]], rows[two[hit]]]), axis=1)
        for (earlier, later), overlap in zip(both.tolist(), iou[hit].tolist(), strict=True):
            shared = 0.0 if is_double[later] else min(overlap, _mask_iou(code(earlier), code(later)))
            if shared >= least_iou:
                is_double[later] = True
                pairs.append((earlier, later))
                overlaps.append(shared)
        first = first[first + step + 1 < len(rows)]
    found, overlapping = np.array(pairs, np.int64).reshape(-1, 2), np.array(overlaps, np.float64)
    order = np.lexsort((found[:, 1], found[:, 0], -overlapping))
    return found[order], overlapping[order]


def mask_box_disagreements(annotations: Annotations, least_iou: float) -> Cases:
    """Finds objects, crowds aside, whose labelled box has an IoU below `least_iou` with their mask's; lowest first."""
    columns = annotations.columns
    rows = np.flatnonzero(columns.has_labelled_box & columns.has_mask & ~columns.is_crowd)
    image_by_id = annotations.image_by_id
    boxes = np.array([_mask_box(annotations.objects[row], image_by_id) for row in rows.tolist()]).reshape(-1, 4)
    iou = _iou(columns.xywh[rows], boxes)
    low = np.flatnonzero(iou < least_iou)
    low = low[np.argsort(iou[low], kind="stable")]
    return _cases(annotations, rows[low], rows[low], (f"overlap {value:.3f}" for value in iou[low]))


def _cases(
    annotations: Annotations, rows: NDArray[np.int64], shown: NDArray[np.int64], details: Iterable[str]
) -> Cases:
    """Returns cases of objects, whose examples are built only when needed.

    Args:
        annotations: the objects.
        rows: those that `drop` removes or `fix` repairs, [K].
        shown: those that an example shows, [K], or several of one image each, [K, N].
        details: what was found of each, K texts.
    """
    examples = (_example(annotations, np.atleast_1d(at), detail) for at, detail in zip(shown, details, strict=True))
    return Cases(len(rows), examples, rows=rows)


def _example(annotations: Annotations, rows: NDArray[np.int64], detail: str) -> Example:
    """Returns one object, or several of one image, as an example."""
    records = [annotations.objects[row] for row in rows.tolist()]
    image = annotations.image_by_id[records[0]["image_id"]]
    ids = [record["id"] for record in records]
    return {"where": image["file_name"], "image_id": image["id"], "annotation_ids": ids, "detail": detail}


def _mask_box(record: Mapping[str, Any], image_by_id: Mapping[int, Mapping[str, Any]]) -> list[float]:
    """Returns left, top, width and height of a segmentation: polygons by their corners, RLE by its pixels."""
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
    """Returns intersection over union [N] of boxes xywh [N, 4], row by row; 0 where both are empty."""
    corner = np.maximum(a[:, :2], b[:, :2])
    sides = np.maximum(np.minimum(a[:, :2] + a[:, 2:], b[:, :2] + b[:, 2:]) - corner, 0)
    shared = sides.prod(axis=1)
    union = a[:, 2:].prod(axis=1) + b[:, 2:].prod(axis=1) - shared
    return np.divide(shared, union, out=np.zeros(len(a)), where=union > 0)


def _mask_code(annotations: Annotations, row: int) -> dict[str, Any] | None:
    """Returns the mask of an object as compressed RLE, None where it has none."""
    if not annotations.columns.has_mask[row]:
        return None
    record = annotations.objects[row]
    image = annotations.image_by_id[record["image_id"]]
    return segmentation_to_rle(record["segmentation"], (image["height"], image["width"]))


def _mask_iou(a: dict[str, Any] | None, b: dict[str, Any] | None) -> float:
    """Returns the IoU of two masks of one image, compressed RLE; 1 where one of them is None."""
    from pycocotools import mask as coco_mask

    return 1.0 if a is None or b is None else float(coco_mask.iou([a], [b], [False])[0, 0])
