"""Average precision and mask IoU of a split in which each image counts any number of times, for the bootstrap.

pycocotools matches detections with objects as COCO does and says which: faster-coco-eval, which computes the figures
themselves, keeps its matches to itself.
"""

from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from io import StringIO
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gsam_edge.coco.annotations import Annotations
from gsam_edge.coco.packed import PackedDetections
from gsam_edge.metrics.average_precision import interpolated_precision
from gsam_edge.metrics.detection import IouType, by_category, category_dataset, result_records, truth_records
from gsam_edge.metrics.mask_overlap import ImageIous

#: A detection is correct from this IoU with an object on: the 50 of mAP50.
_MATCHING_IOU = 0.5


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
        objects: objects of all classes in each image, int64 [images].
    """

    classes: Sequence[ClassMatches]
    objects: NDArray[np.int64]

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
    true_of = by_category(truth_records(truth, iou_type))
    found_of = by_category(result_records(truth, predictions, iou_type))
    classes = []
    for category_id, true in true_of.items():
        pair = category_dataset(truth.image_by_id, category_id, true, found_of.get(category_id, []))
        matches = _class_matches(*pair, iou_type, row_of)
        if matches.objects.any():
            classes.append(matches)
    objects = sum((matches.objects for matches in classes), np.zeros(len(row_of), np.int64))
    return ResampledMap50(classes, objects)


def _class_matches(
    true: Mapping[str, Any], found: Mapping[str, Any], iou_type: IouType, row_of: Mapping[int, int]
) -> ClassMatches:
    """Matches the datasets of one class; `row_of` is the row of each image."""
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    with redirect_stdout(StringIO()):
        indexed = []
        for content in (true, found):
            indexed.append(COCO())
            indexed[-1].dataset = content
            indexed[-1].createIndex()
        evaluation = COCOeval(*indexed, iou_type)
        evaluation.params.iouThrs = [_MATCHING_IOU]
        evaluation.params.areaRng = evaluation.params.areaRng[:1]  # all areas
        evaluation.evaluate()
    objects = np.zeros(len(row_of), np.int64)
    image, scores, correct = [np.zeros(0, np.int64)], [np.zeros(0)], [np.zeros(0, bool)]
    # By image id and falling score, so that of equal scores the lower image id comes first, as in COCO.
    for each in evaluation.evalImgs:
        row, counts = row_of[each["image_id"]], ~each["dtIgnore"][0]
        objects[row] = (each["gtIgnore"] == 0).sum()
        image.append(np.full(counts.sum(), row, np.int64))
        scores.append(np.array(each["dtScores"], np.float64)[counts])
        correct.append(each["dtMatches"][0][counts] > 0)
    order = np.argsort(-np.concatenate(scores), kind="stable")
    return ClassMatches(np.concatenate(image)[order], np.concatenate(correct)[order], objects)


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
