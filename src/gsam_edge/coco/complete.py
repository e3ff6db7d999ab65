"""What the annotations imply but do not say: boxes and areas from masks."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from gsam_edge.coco.annotations import BBOX_SOURCE, FROM_SEGMENTATION, Annotations
from gsam_edge.vision.masks import segmentation_area


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
    marked with `bbox_source: segmentation`, so that a dataset of masks stays one. An area is the mask's in pixels, or
    the box's where there is no mask.

    Args:
        annotations: checked annotations: every object has a sound box or mask.
    """
    objects: list[Mapping[str, Any]] = []
    boxes = areas = 0
    for record in annotations.objects:
        added = _missing(record, annotations)
        boxes += "bbox" in added
        areas += "area" in added
        objects.append({**record, **added} if added else record)
    return Completion(replace(annotations, objects=tuple(objects)), boxes, areas)


def _missing(record: Mapping[str, Any], annotations: Annotations) -> dict[str, Any]:
    needs_box, needs_area = not record.get("bbox"), record.get("area") is None
    if not needs_box and not needs_area:
        return {}
    if not record.get("segmentation"):
        return {"area": float(record["bbox"][2] * record["bbox"][3])}
    image = annotations.image_by_id[record["image_id"]]
    area, xywh = segmentation_area(record["segmentation"], (image["height"], image["width"]))
    added: dict[str, Any] = {"bbox": xywh, BBOX_SOURCE: FROM_SEGMENTATION} if needs_box else {}
    return added | ({"area": area} if needs_area else {})
