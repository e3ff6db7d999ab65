"""Objects as they are compared when corrections come back: class, box and mask of a COCO record."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from gsam_edge.coco.annotations import BBOX_SOURCE, FROM_SEGMENTATION
from gsam_edge.coco.geometry.segmentation import Rle, rle_areas, rle_boxes, rle_iou, segmentation_to_rle
from gsam_edge.coco.geometry.shapes import clip_polygon, clip_xywh, finite_numbers, polygon_fault
from gsam_edge.vision.boxes import box_iou, xywh_to_xyxy

#: Added to the overlap of two objects of one class, where several would make a pair.
_SAME_CLASS = 0.25


@dataclass(frozen=True)
class ObjectShape:
    """An object of one image.

    Attributes:
        record: its COCO record.
        name: its class.
        xyxy: its box inside the image, or that of its mask, float32 [4], pixels.
        rle: its mask, None where it has none.
        has_box: whether somebody labelled the box, so that it is not merely the one around the mask.
    """

    record: Mapping[str, Any]
    name: str
    xyxy: NDArray[np.float32]
    rle: Rle | None
    has_box: bool

    @classmethod
    def of(cls, record: Mapping[str, Any], names: Mapping[Any, str], image_hw: tuple[int, int]) -> Self:
        """Reads a record of any origin.

        Args:
            record: a COCO object.
            names: category ids to class names; without an entry the class has no name.
            image_hw: height and width of its image.

        Raises:
            ValueError: if box or mask cannot be read, lie outside the image, or both are missing.
        """
        rle = _mask(record["segmentation"], image_hw) if record.get("segmentation") else None
        has_box = bool(record.get("bbox")) and record.get(BBOX_SOURCE) != FROM_SEGMENTATION
        if record.get("bbox"):
            xyxy = xywh_to_xyxy(_box(record["bbox"], image_hw))[0]
        elif rle is not None:
            xyxy = rle_boxes([rle])[0]
        else:
            raise ValueError("expected a box or a mask, got neither")
        category_id = record.get("category_id")
        name = names.get(category_id, "") if isinstance(category_id, int | str) else ""
        return cls(record, name, xyxy, rle, has_box)

    def iou(self, other: "ObjectShape") -> float:
        """Returns the IoU of the masks where both have one, else of the boxes."""
        return self._box_iou(other) if self.rle is None or other.rle is None else rle_iou(self.rle, other.rle)

    def has_place_of(self, other: "ObjectShape", same_iou: float) -> bool:
        """Whether another object's mask, or box where one has no mask, is this one's."""
        return self.iou(other) >= same_iou

    def has_box_of(self, other: "ObjectShape", same_iou: float) -> bool:
        """Whether another object's box is this one's, beside masks.

        A box that lies tightly around the other's mask says nothing: many tools compute it when they write COCO.
        """
        if self.rle is None or other.rle is None or not (self.has_box and other.has_box):
            return True
        tight = rle_boxes([other.rle])
        return self._box_iou(other) >= same_iou or float(box_iou(tight, other.xyxy[None])[0, 0]) >= same_iou

    def is_same_as(self, other: "ObjectShape", same_iou: float) -> bool:
        """Whether another object has this one's class, mask and box."""
        return self.name == other.name and self.has_place_of(other, same_iou) and self.has_box_of(other, same_iou)

    def _box_iou(self, other: "ObjectShape") -> float:
        return float(box_iou(self.xyxy[None], other.xyxy[None])[0, 0])


def pairs(
    first: Sequence[ObjectShape], second: Sequence[ObjectShape], least_iou: float
) -> list[tuple[int, int, float]]:
    """Returns the rows of the objects of two lists that are one, with their IoU: the pairs of the largest overlap.

    Of objects that overlap alike those of one class are one.

    Args:
        first: N objects of an image.
        second: M objects of the same image.
        least_iou: pairs overlap by this or more (0..1).
    """
    from scipy.optimize import linear_sum_assignment

    if not first or not second:
        return []
    iou = box_iou(np.stack([one.xyxy for one in first]), np.stack([other.xyxy for other in second])).astype(np.float64)
    for row, column in np.argwhere(iou > 0).tolist():  # masks of boxes that are apart do not overlap
        iou[row, column] = first[row].iou(second[column])
    worth = iou + _SAME_CLASS * np.array([[one.name == other.name for other in second] for one in first])
    worth[iou < least_iou] = 0
    rows, columns = linear_sum_assignment(worth, maximize=True)
    return [
        (row, column, float(iou[row, column]))
        for row, column in zip(rows.tolist(), columns.tolist(), strict=True)
        if iou[row, column] >= max(least_iou, np.finfo(float).tiny)
    ]


def _box(bbox: Any, image_hw: tuple[int, int]) -> list[float]:
    numbers = finite_numbers(bbox)
    if numbers is None or len(numbers) != 4:
        raise ValueError(f"expected a bbox of four finite numbers, got {bbox!r:.80}")
    if min(numbers[2:]) <= 0:
        raise ValueError(f"expected a bbox with width and height, got {bbox!r:.80}")
    clipped = clip_xywh(numbers, image_hw)
    if clipped is None:
        raise ValueError(f"expected a bbox in the image of {image_hw[1]} x {image_hw[0]}, got {bbox!r:.80}")
    return clipped


def _mask(segmentation: Any, image_hw: tuple[int, int]) -> Rle:
    if isinstance(segmentation, list):
        faults = filter(None, map(polygon_fault, segmentation))
        if (fault := next(faults, None)) is not None:
            raise ValueError(f"a polygon: {fault}")
        clipped = [clip_polygon(polygon, image_hw) for polygon in segmentation]
        segmentation = [polygon for polygon in clipped if len(polygon) >= 6]
        if not segmentation:
            raise ValueError(f"expected a polygon in the image of {image_hw[1]} x {image_hw[0]}, got one outside")
    rle = segmentation_to_rle(segmentation, image_hw)
    if not rle_areas([rle])[0]:
        raise ValueError("expected a mask that covers pixels, got one that covers none")
    return rle
