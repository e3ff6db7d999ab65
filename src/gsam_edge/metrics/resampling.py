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
from gsam_edge.metrics.detection import IouType, by_category, category_dataset, result_records, truth_records
from gsam_edge.metrics.mask_overlap import ImageIous

#: A detection is correct from this IoU with an object on: the 50 of mAP50.
IOU_50: tuple[float, ...] = (0.5,)
#: The IoUs 0.5, 0.55 ... 0.95 of mAP50-95.
IOUS_50_95: tuple[float, ...] = tuple(float(iou) for iou in np.linspace(0.5, 0.95, 10))
#: Most numbers in memory at once: draws times detections.
_MOST_NUMBERS = 2_000_000


@dataclass(frozen=True)
class IouMatches:
    """Detections of one class in all images at one IoU; those that are neither correct nor wrong are left out.

    Attributes:
        image: row of the detection's image, int64 [N], by falling score.
        correct: whether it matches an object, bool [N].
    """

    image: NDArray[np.int64]
    correct: NDArray[np.bool_]

    def average_precision(self, draws: NDArray[np.int64], labelled: NDArray[np.int64]) -> NDArray[np.float64]:
        """Returns AP (0..1) [D] for draws [D, images] that hold `labelled` [D] objects; NaN where they hold none.

        Precision is interpolated at COCO's 101 recall points. It only falls between correct detections, so their ranks
        decide, and what comes after the last of them does not matter.
        """
        ranks = np.flatnonzero(self.correct)
        values = np.zeros(len(draws))
        if len(ranks):
            image = self.image[: ranks[-1] + 1]
            step = max(1, _MOST_NUMBERS // len(image))
            points = np.linspace(0, 1, 101)
            for start in range(0, len(draws), step):
                rows = slice(start, start + step)
                counts = np.take(draws[rows].astype(np.int32), image, axis=1)
                correct = np.take(counts, ranks, axis=1).cumsum(axis=1)
                found = np.take(counts.cumsum(axis=1, dtype=np.int32), ranks, axis=1)
                precision = correct / np.maximum(found, 1)
                envelope = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
                recall = correct / np.maximum(labelled[rows, None], 1)
                reached = np.searchsorted(points, recall, side="right")
                values[rows] = (envelope * np.diff(reached, prepend=0, axis=1)).sum(axis=1) / len(points)
        return np.where(labelled > 0, values, np.nan)


@dataclass(frozen=True)
class ClassMatches:
    """The matches of one class.

    Attributes:
        category_id: its COCO category.
        at: its detections at each IoU.
        objects: objects of the class in each image, int64 [images].
    """

    category_id: int
    at: tuple[IouMatches, ...]
    objects: NDArray[np.int64]


@dataclass(frozen=True)
class ResampledMap:
    """COCO's mAP of a split, as a function of how often each image counts (`bootstrap.Resampled`).

    Attributes:
        classes: the matches of each class that has objects.
        objects: objects of all classes in each image, int64 [images].
    """

    classes: Sequence[ClassMatches]
    objects: NDArray[np.int64]

    def of_classes(self, draws: NDArray[np.int64]) -> NDArray[np.float64]:
        """Returns AP [D, classes, IoUs] for draws [D, images]; NaN where a draw holds no object of the class."""
        return np.stack(
            [
                np.stack([at.average_precision(draws, draws @ matches.objects) for at in matches.at], axis=-1)
                for matches in self.classes
            ],
            axis=1,
        )

    def __call__(self, draws: NDArray[np.int64]) -> NDArray[np.float64]:
        """Returns the mean over classes and IoUs; NaN where no class is left."""
        if not self.classes:
            return np.full(draws.shape[:-1], np.nan)
        flat = draws.reshape(-1, draws.shape[-1])
        return mean_over_classes(self.of_classes(flat).mean(axis=-1)).reshape(draws.shape[:-1])


def mean_over_classes(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns the mean [D] over the classes that have a value, of [D, classes]; NaN where none has."""
    present = ~np.isnan(values)
    counts = present.sum(axis=-1)
    totals = np.where(present, values, 0).sum(axis=-1)
    return np.where(counts > 0, totals / np.maximum(counts, 1), np.nan)


def resampled_map(
    truth: Annotations,
    predictions: Mapping[int, PackedDetections],
    iou_type: IouType,
    ious: tuple[float, ...],
) -> ResampledMap:
    """Matches predictions at some IoUs; other arguments and errors as of `detection.evaluate_predictions`."""
    row_of = {image["id"]: row for row, image in enumerate(truth.images)}
    true_of = by_category(truth_records(truth, iou_type))
    found_of = by_category(result_records(truth, predictions, iou_type))
    classes = []
    for category_id, true in true_of.items():
        pair = category_dataset(truth.image_by_id, category_id, true, found_of.get(category_id, []))
        matches = _class_matches(category_id, *pair, iou_type, ious, row_of)
        if matches.objects.any():
            classes.append(matches)
    objects = sum((matches.objects for matches in classes), np.zeros(len(row_of), np.int64))
    return ResampledMap(classes, objects)


def _class_matches(
    category_id: int,
    true: Mapping[str, Any],
    found: Mapping[str, Any],
    iou_type: IouType,
    ious: tuple[float, ...],
    row_of: Mapping[int, int],
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
        evaluation.params.iouThrs = list(ious)
        evaluation.params.areaRng = evaluation.params.areaRng[:1]  # all areas
        evaluation.evaluate()
    objects = np.zeros(len(row_of), np.int64)
    image: list[list[NDArray[np.int64]]] = [[np.zeros(0, np.int64)] for _ in ious]
    scores: list[list[NDArray[np.float64]]] = [[np.zeros(0)] for _ in ious]
    correct: list[list[NDArray[np.bool_]]] = [[np.zeros(0, bool)] for _ in ious]
    # By image id and falling score, so that of equal scores the lower image id comes first, as in COCO.
    for each in evaluation.evalImgs:
        row = row_of[each["image_id"]]
        objects[row] = (each["gtIgnore"] == 0).sum()
        for level in range(len(ious)):
            counts = ~each["dtIgnore"][level]
            image[level].append(np.full(counts.sum(), row, np.int64))
            scores[level].append(np.array(each["dtScores"], np.float64)[counts])
            correct[level].append(each["dtMatches"][level][counts] > 0)
    at = []
    for level in range(len(ious)):
        order = np.argsort(-np.concatenate(scores[level]), kind="stable")
        at.append(IouMatches(np.concatenate(image[level])[order], np.concatenate(correct[level])[order]))
    return ClassMatches(category_id, tuple(at), objects)


@dataclass(frozen=True)
class ResampledMeanIou:
    """Mean mask IoU of a split's objects, as a function of how often each image counts (`bootstrap.Resampled`).

    Attributes:
        totals: sum of the IoU of each image's objects, float64 [images].
        objects: their number, int64 [images].
    """

    totals: NDArray[np.float64]
    objects: NDArray[np.int64]

    def __call__(self, draws: NDArray[np.int64]) -> NDArray[np.float64]:
        """Returns the mean over objects; NaN where none is left."""
        objects = draws @ self.objects
        return np.where(objects > 0, draws @ self.totals / np.maximum(objects, 1), np.nan)


def resampled_mean_iou(truth: Annotations, ious: Mapping[int, ImageIous]) -> ResampledMeanIou:
    """Sums the IoUs of each image of the truth; see `mask_overlap.paired_mask_ious`."""
    per_image = [ious[image["id"]].iou if image["id"] in ious else np.zeros(0) for image in truth.images]
    return ResampledMeanIou(
        np.array([iou.sum() for iou in per_image], np.float64), np.array([len(iou) for iou in per_image], np.int64)
    )
