"""Computes missing boxes and areas of annotations."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from gsam_edge.coco.annotations import BBOX_SOURCE, FROM_SEGMENTATION, Annotations
from gsam_edge.coco.geometry.segmentation import segmentation_area


@dataclass(frozen=True)
class Completion:
    """Annotations in which every object has a box and an area.

    Attributes:
        annotations: the completed annotations; records that lacked nothing are the same objects as before.
        boxes: how many boxes were computed from masks.
        areas: how many areas were computed, from the mask or else from the box.
    """

    annotations: Annotations
    boxes: int
    areas: int


def complete(annotations: Annotations) -> Completion:
    """Adds missing boxes and areas.

    A box is the tight one of its mask, [left, top, width, height] in pixels, as pycocotools' `toBbox` gives it, and is
    marked with `bbox_source: segmentation`, so that it does not count for `has_boxes`. An area is the mask's in pixels,
    or the box's where there is no mask.

    Args:
        annotations: checked annotations: every object has a sound box or mask.
    """
    columns = annotations.columns
    rows = np.flatnonzero(~(columns.has_box & columns.has_area))
    sizes = {image["id"]: (image["height"], image["width"]) for image in annotations.images} if len(rows) else {}
    found = [annotations.objects[row] for row in rows.tolist()]
    records = [{**record, **_missing(record, sizes[record["image_id"]])} for record in found]
    boxes, areas = int((~columns.has_box).sum()), int((~columns.has_area).sum())
    return Completion(annotations.with_objects(rows, records), boxes, areas)


def _missing(record: Mapping[str, Any], image_hw: tuple[int, int]) -> dict[str, Any]:
    needs_box, needs_area = not record.get("bbox"), record.get("area") is None
    if not record.get("segmentation"):
        return {"area": float(record["bbox"][2] * record["bbox"][3])}
    area, xywh = segmentation_area(record["segmentation"], image_hw)
    added: dict[str, Any] = {"bbox": xywh, BBOX_SOURCE: FROM_SEGMENTATION} if needs_box else {}
    return added | ({"area": area} if needs_area else {})
