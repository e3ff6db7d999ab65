"""Mask IoU of predicted and true objects."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gsam_edge.coco.annotations import Annotations
from gsam_edge.coco.geometry.segmentation import rle_iou
from gsam_edge.coco.packed import PackedDetections
from gsam_edge.vision import Detections
from gsam_edge.vision.boxes import box_iou


@dataclass(frozen=True)
class MaskOverlap:
    """Mask IoU over the objects of a split.

    Attributes:
        mean_iou: mean over the compared objects, 0..1.
        compared: how many objects were compared.
        objects: how many objects with a mask the truth holds; what was not compared was not found.
    """

    mean_iou: float
    compared: int
    objects: int


@dataclass(frozen=True)
class ImageIous:
    """Mask IoU of the objects of one image that have a mask.

    Attributes:
        class_ids: int64 [N].
        iou: 0..1, float64 [N].
    """

    class_ids: NDArray[np.int64]
    iou: NDArray[np.float64]


def paired_mask_iou(truth: Annotations, predictions: Mapping[int, PackedDetections]) -> MaskOverlap | None:
    """Returns the mask IoU of predictions in the rows of the true objects, as of a teacher prompted with true boxes.

    The mean runs over objects, not over images. An object whose truth has no mask is left out.

    Args:
        truth: the split.
        predictions: image ids to packed detections with masks, row i for row i of `truth.truth(image_id)`; every image
            with objects must have an entry.

    Returns:
        The overlap, or None if the truth holds no masks.

    Raises:
        ValueError: if an image's rows are missing, too few or too many, or come without masks.
    """
    ious = [iou for image in paired_mask_ious(truth, predictions).values() for iou in image.iou.tolist()]
    return _overlap(ious, len(ious))


def paired_mask_ious(truth: Annotations, predictions: Mapping[int, PackedDetections]) -> dict[int, ImageIous]:
    """Returns the IoUs of which `paired_mask_iou` is the mean, by image id; images without objects are absent."""
    ious: dict[int, ImageIous] = {}
    for image_id, objects in _truth_with_masks(truth):
        found = predictions.get(image_id)
        if found is None or found.mask_hw is None or len(found) != len(objects):
            got = "none" if found is None else f"{len(found)} with masks: {found.mask_hw is not None}"
            raise ValueError(f"predictions of image {image_id}: expected {len(objects)} rows with masks, got {got}")
        rows = np.flatnonzero(objects.mask_areas)
        iou = np.array([rle_iou(objects.rles[row], found.rles[row]) for row in rows], np.float64)
        ious[image_id] = ImageIous(objects.unmasked.class_ids[rows], iou)
    return ious


def matched_mask_iou(
    truth: Annotations, predictions: Mapping[int, PackedDetections], match_box_iou: float
) -> MaskOverlap | None:
    """Returns the mask IoU of the objects that were found.

    In each image, predictions are matched by falling score (ties: the earlier row), each to the object of its class
    that is still free and has the highest box IoU with it, if that is at least `match_box_iou`. The mean runs over all
    matched objects of the split. Objects not found do not lower it (the metrics' recall does that), and neither do
    objects whose truth has no mask. Crowd regions are left out.

    Args:
        truth: the split.
        predictions: image ids to packed detections with masks; an image without an entry has no predictions.
        match_box_iou: 0..1.

    Returns:
        The overlap, or None if the truth holds no masks, the predictions have none, or none was matched.
    """
    ious, objects_with_mask = matched_mask_ious(truth, predictions, match_box_iou)
    return _overlap([iou for image in ious.values() for iou in image.iou.tolist()], objects_with_mask)


def matched_mask_ious(
    truth: Annotations, predictions: Mapping[int, PackedDetections], match_box_iou: float
) -> tuple[dict[int, ImageIous], int]:
    """Returns the IoUs of which `matched_mask_iou` is the mean, by image id, and how many objects have a mask."""
    ious: dict[int, ImageIous] = {}
    objects_with_mask = 0
    for image_id, objects in _truth_with_masks(truth):
        has_mask = objects.mask_areas > 0
        objects_with_mask += int(has_mask.sum())
        found = predictions.get(image_id)
        if found is None or found.mask_hw is None:
            continue
        pairs = match_boxes(found.unmasked, objects.unmasked, match_box_iou)
        pairs = [(prediction, target) for prediction, target in pairs if has_mask[target]]
        ious[image_id] = ImageIous(
            objects.unmasked.class_ids[[target for _, target in pairs]],
            np.array(
                [rle_iou(objects.rles[target], found.rles[prediction]) for prediction, target in pairs], np.float64
            ),
        )
    return ious, objects_with_mask


def match_boxes(predicted: Detections, objects: Detections, match_box_iou: float) -> list[tuple[int, int]]:
    """Returns pairs (row of a prediction, row of its object), matched as in `matched_mask_iou`, by falling score."""
    overlap = box_iou(predicted.xyxy, objects.xyxy)
    overlap[predicted.class_ids[:, None] != objects.class_ids[None, :]] = -1
    pairs: list[tuple[int, int]] = []
    if not len(objects):
        return pairs
    for row in np.argsort(-predicted.scores, kind="stable"):
        target = int(overlap[row].argmax())
        if overlap[row, target] >= match_box_iou:
            pairs.append((int(row), target))
            overlap[:, target] = -1
    return pairs


def _truth_with_masks(truth: Annotations) -> Iterator[tuple[int, PackedDetections]]:
    """Yields image id and objects of each image with objects, if the truth has masks."""
    for image_id in truth.image_by_id if truth.has_masks else ():
        objects = truth.packed_truth(image_id)
        if len(objects):
            yield image_id, objects


def _overlap(ious: list[float], objects: int) -> MaskOverlap | None:
    return MaskOverlap(float(np.mean(ious)), len(ious), objects) if ious else None
