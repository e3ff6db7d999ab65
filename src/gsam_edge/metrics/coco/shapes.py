"""True and found objects of a split as columns, the form in which `engine` compares them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from gsam_edge.coco.annotations import Annotations
from gsam_edge.coco.geometry.segmentation import Rle, rle_areas, segmentation_area, segmentation_to_rle
from gsam_edge.coco.packed import PackedDetections
from gsam_edge.coco.table.columns import positions
from gsam_edge.vision.boxes import xyxy_to_xywh

IouType: TypeAlias = Literal["bbox", "segm"]


@dataclass(frozen=True)
class Shapes:
    """N objects of a split.

    Attributes:
        image_id: int64 [N].
        category_id: int64 [N], COCO's.
        xywh: left, top, width and height in pixels, float64 [N, 4]; zeros where there is only a mask, and masks are
            compared.
        area: in pixels, by which an object is small, medium or large, float64 [N].
        rles: their masks where masks are compared, else None.
        is_crowd: bool [N]; of true objects alone.
        score: float64 [N] in 0..1; of found objects alone.
    """

    image_id: NDArray[np.int64]
    category_id: NDArray[np.int64]
    xywh: NDArray[np.float64]
    area: NDArray[np.float64]
    rles: tuple[Rle, ...] | None = None
    is_crowd: NDArray[np.bool_] | None = None
    score: NDArray[np.float64] | None = None

    def __len__(self) -> int:
        return len(self.image_id)

    @classmethod
    def of_records(cls, records: Sequence[Mapping[str, Any]], iou_type: IouType, *, found: bool) -> "Shapes":
        """Builds the columns from complete COCO records (see `detection.evaluate_coco`)."""
        masks = iou_type == "segm"
        return cls(
            np.array([record["image_id"] for record in records], np.int64),
            np.array([record["category_id"] for record in records], np.int64),
            np.array([record.get("bbox") or (0.0,) * 4 for record in records], np.float64).reshape(-1, 4),
            np.array([record["area"] for record in records], np.float64),
            tuple(record["segmentation"] for record in records) if masks else None,
            None if found else np.array([bool(record.get("iscrowd")) for record in records], bool),
            np.array([record["score"] for record in records], np.float64) if found else None,
        )


def true_shapes(truth: Annotations, iou_type: IouType) -> Shapes:
    """Returns the objects of a split, image by image (see `detection.evaluate_predictions` for those without a shape).

    An object whose record says no area has that of its shape.
    """
    columns = truth.columns
    order = np.argsort(positions([image["id"] for image in truth.images], columns.image_id), kind="stable")
    given, columns = [truth.objects[row].get("area") for row in order.tolist()], columns.take(order)
    xywh, is_crowd = columns.xywh.copy(), columns.is_crowd.copy()
    rles: tuple[Rle, ...] | None = None
    if iou_type == "bbox":
        for row in np.flatnonzero(~columns.has_box).tolist():
            segmentation = truth.objects[int(order[row])]["segmentation"]
            xywh[row] = segmentation_area(segmentation, _image_hw(truth, columns.image_id[row]))[1]
        area = xywh[:, 2] * xywh[:, 3]
    else:
        masks = [rle for image in truth.images for rle in truth.rles_of_image[image["id"]]]
        for row, mask in enumerate(masks):
            if mask is None:
                is_crowd[row] = True
                image_hw = _image_hw(truth, columns.image_id[row])
                masks[row] = segmentation_to_rle([_corners(xywh[row].tolist())], image_hw)
        rles = tuple(mask for mask in masks if mask is not None)
        area, xywh = rle_areas(rles).astype(np.float64), np.nan_to_num(xywh)
    own = np.array([np.nan if value is None else value for value in given], np.float64)
    area = np.where(np.isnan(own), area, own)
    return Shapes(columns.image_id, columns.category_id, xywh, area, rles, is_crowd=is_crowd)


def _image_hw(truth: Annotations, image_id: np.int64) -> tuple[int, int]:
    image = truth.image_by_id[int(image_id)]
    return image["height"], image["width"]


def _corners(bbox: Sequence[float]) -> list[float]:
    """Returns a box (left, top, width, height) as a polygon."""
    left, top, width, height = bbox
    right, bottom = left + width, top + height
    return [left, top, right, top, right, bottom, left, bottom]


def found_shapes(truth: Annotations, predictions: Mapping[int, PackedDetections], iou_type: IouType) -> Shapes:
    """Returns the predictions for a split; the area is that of the shape.

    Raises:
        ValueError: see `detection.evaluate_predictions`.
    """
    for image_id, packed in predictions.items():
        _check(truth, image_id, packed, iou_type)
    category_ids = np.array([category["id"] for category in truth.categories], np.int64)
    found = [packed.unmasked for packed in predictions.values()]
    counts = [len(of_image) for of_image in found]
    xyxy = np.concatenate([np.zeros((0, 4), np.float32), *(each.xyxy for each in found)])
    xywh = xyxy_to_xywh(xyxy).astype(np.float64)
    class_ids = np.concatenate([np.zeros(0, np.int64), *(each.class_ids for each in found)])
    score = np.concatenate([np.zeros(0, np.float32), *(each.scores for each in found)])
    rles: tuple[Rle, ...] | None = None
    area: NDArray[np.float64] = xywh[:, 2] * xywh[:, 3]
    if iou_type == "segm":
        rles = tuple(rle for packed in predictions.values() for rle in packed.rles)
        area = rle_areas(rles).astype(np.float64)
    return Shapes(
        np.repeat(np.array(list(predictions), np.int64), counts),
        category_ids[class_ids],
        xywh,
        area,
        rles,
        score=score.astype(np.float64),
    )


def predicts_masks(predictions: Mapping[int, PackedDetections]) -> bool:
    """Whether the predictions come from a model with masks; True without any predictions."""
    with_masks = [packed.mask_hw is not None for packed in predictions.values()]
    return any(with_masks) or not with_masks


def _check(truth: Annotations, image_id: int, packed: PackedDetections, iou_type: IouType) -> None:
    """Checks that predictions of one image fit the truth (see `detection.evaluate_predictions`)."""
    where, found = f"predictions of image {image_id}", packed.unmasked
    image = truth.image_by_id.get(image_id)
    if image is None:
        raise ValueError(f"{where}: expected one of the {len(truth.images)} images of the truth, got an unknown id")
    if not (np.isfinite(found.xyxy).all() and np.isfinite(found.scores).all()):
        raise ValueError(f"{where}: expected finite boxes and scores, got NaN or infinity")
    strange = found.class_ids[(found.class_ids < 0) | (found.class_ids >= truth.num_classes)]
    if len(strange):
        got = np.unique(strange).tolist()
        raise ValueError(f"{where}: expected class ids 0..{truth.num_classes - 1}, got {got}")
    expected = (image["height"], image["width"])
    if iou_type == "segm" and len(packed) and packed.mask_hw != expected:
        got = "none" if packed.mask_hw is None else f"masks of {packed.mask_hw}"
        raise ValueError(f"{where}: expected masks of (height, width) {expected}, got {got}")
