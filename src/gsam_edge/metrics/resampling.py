"""Average precision and mask IoU of a split in which each image counts any number of times, for the bootstrap.

COCO's own evaluation takes every image once and gives no matches, so they are computed here by its protocol.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

from gsam_edge.coco.annotations import Annotations
from gsam_edge.coco.packed import PackedDetections
from gsam_edge.metrics.average_precision import interpolated_precision
from gsam_edge.metrics.detection import IouType, result_records, truth_records
from gsam_edge.metrics.mask_overlap import ImageIous

#: A detection is correct from this IoU with an object on: the 50 of mAP50.
_MATCHING_IOU = 0.5

#: COCO compares at most so many detections of a class in an image.
_MOST_DETECTIONS = 100


@dataclass(frozen=True)
class ClassMatches:
    """Detections of one class in all images; those that are neither correct nor wrong are left out.

    Attributes:
        image: row of the detection's image, int64 [N], by falling score.
        correct: whether it matches an object, bool [N].
        objects: objects of the class in each image, int64 [images].
    """

    image: NDArray[np.int64]
    correct: NDArray[np.bool_]
    objects: NDArray[np.int64]

    def average_precision(self, draws: NDArray[np.int64]) -> float:
        """Returns AP (0..1) where image i counts draws[i] times; NaN where no object of the class is left."""
        labelled = int(draws @ self.objects)
        if not labelled:
            return np.nan
        counts = draws[self.image]
        return interpolated_precision(np.cumsum(counts * self.correct), np.cumsum(counts * ~self.correct), labelled)


@dataclass(frozen=True)
class ResampledMap50:
    """COCO's mAP50 of a split, as a function of how often each image counts (`bootstrap.Resampled`).

    Attributes:
        classes: the matches of each class that has objects.
    """

    classes: Sequence[ClassMatches]

    def __call__(self, draws: NDArray[np.int64]) -> float:
        """Returns the mean over classes; NaN where no class is left."""
        values = [matches.average_precision(draws) for matches in self.classes]
        present = [value for value in values if not np.isnan(value)]
        return float(np.mean(present)) if present else np.nan


def resampled_map50(
    truth: Annotations, predictions: Mapping[int, PackedDetections], iou_type: IouType
) -> ResampledMap50:
    """Matches predictions at IoU 0.5; arguments and errors as of `detection.evaluate_predictions`."""
    row_of = {image["id"]: row for row, image in enumerate(truth.images)}
    true, found = truth_records(truth, iou_type), result_records(truth, predictions, iou_type)
    classes = []
    for category in truth.categories:
        of_class, found_of_class = (
            [record for record in records if record["category_id"] == category["id"]] for records in (true, found)
        )
        objects = np.zeros(len(truth.images), np.int64)
        np.add.at(objects, [row_of[r["image_id"]] for r in of_class if not r["iscrowd"]], 1)
        if objects.any():
            classes.append(_class_matches(of_class, found_of_class, row_of, objects, iou_type))
    return ResampledMap50(classes)


def _class_matches(
    true: Sequence[Mapping[str, Any]],
    found: Sequence[Mapping[str, Any]],
    row_of: Mapping[int, int],
    objects: NDArray[np.int64],
    iou_type: IouType,
) -> ClassMatches:
    true_of, found_of = _by_image(true), _by_image(found)
    rows: list[int] = []
    scores: list[float] = []
    correct: list[bool] = []
    for image_id, detections in sorted(found_of.items()):  # of equal scores, the lower image id comes first, as in COCO
        ranked = sorted(detections, key=lambda record: -record["score"])[:_MOST_DETECTIONS]
        for record, is_correct in zip(ranked, _matches(ranked, true_of.get(image_id, []), iou_type), strict=True):
            if is_correct is not None:
                rows.append(row_of[image_id])
                scores.append(record["score"])
                correct.append(is_correct)
    order = np.argsort(-np.array(scores, np.float64), kind="stable")
    return ClassMatches(np.array(rows, np.int64)[order], np.array(correct, bool)[order], objects)


def _by_image(records: Sequence[Mapping[str, Any]]) -> dict[int, list[Mapping[str, Any]]]:
    groups: dict[int, list[Mapping[str, Any]]] = {}
    for record in records:
        groups.setdefault(record["image_id"], []).append(record)
    return groups


def _matches(
    ranked: Sequence[Mapping[str, Any]], true: Sequence[Mapping[str, Any]], iou_type: IouType
) -> list[bool | None]:
    """Returns for each detection, by falling score, whether it matches a free object.

    None stands for those that are neither correct nor wrong: in a crowd region, or of negative area, since one pair of
    the box's corners is swapped.
    """
    if not true:
        return [None if record["area"] < 0 else False for record in ranked]
    shape = "bbox" if iou_type == "bbox" else "segmentation"
    is_crowd = np.array([record["iscrowd"] for record in true], bool)
    overlap = coco_mask.iou([r[shape] for r in ranked], [r[shape] for r in true], is_crowd.tolist())
    free = np.where(is_crowd, -1.0, overlap)
    in_crowd: NDArray[np.bool_] = np.asarray((np.where(is_crowd, overlap, -1.0) >= _MATCHING_IOU).any(axis=1))
    found: list[bool | None] = []
    for row in range(len(ranked)):
        best = int(free[row].argmax())
        if free[row, best] >= _MATCHING_IOU:
            free[:, best] = -1
            found.append(True)
        else:
            found.append(None if in_crowd[row] or ranked[row]["area"] < 0 else False)
    return found


@dataclass(frozen=True)
class ResampledMeanIou:
    """Mean mask IoU of a split's objects, as a function of how often each image counts (`bootstrap.Resampled`).

    Attributes:
        totals: sum of the IoU of each image's objects, float64 [images].
        objects: their number, int64 [images].
    """

    totals: NDArray[np.float64]
    objects: NDArray[np.int64]

    def __call__(self, draws: NDArray[np.int64]) -> float:
        """Returns the mean over objects; NaN where none is left."""
        objects = int(draws @ self.objects)
        return float(draws @ self.totals) / objects if objects else np.nan


def resampled_mean_iou(truth: Annotations, ious: Mapping[int, ImageIous]) -> ResampledMeanIou:
    """Sums the IoUs of each image of the truth; see `mask_overlap.paired_mask_ious`."""
    per_image = [ious[image["id"]].iou if image["id"] in ious else np.zeros(0) for image in truth.images]
    return ResampledMeanIou(
        np.array([iou.sum() for iou in per_image], np.float64), np.array([len(iou) for iou in per_image], np.int64)
    )
