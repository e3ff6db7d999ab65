"""Average precision and mask IoU of a split in which each image counts any number of times, for the bootstrap.

hotcoco matches detections with objects as COCO does and says which. It has a bootstrap of its own, which draws images
one by one: near copies are drawn together here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gsam_edge.coco.annotations import Annotations
from gsam_edge.coco.packed import PackedDetections
from gsam_edge.metrics.coco.engine import CocoEngine, Matches
from gsam_edge.metrics.coco.shapes import IouType
from gsam_edge.metrics.mask_overlap import ImageIous

#: A detection is correct from this IoU with an object on: the 50 of mAP50.
IOU_50: tuple[float, ...] = (0.5,)
#: The IoUs 0.5, 0.55 ... 0.95 of mAP50-95.
IOUS_50_95: tuple[float, ...] = tuple(float(iou) for iou in np.linspace(0.5, 0.95, 10))
#: Most numbers in memory at once, draws times detections: few enough to stay in a processor's cache.
_MOST_NUMBERS = 200_000


@dataclass(frozen=True)
class ClassMatches:
    """The matches of one class.

    Attributes:
        category_id: its COCO category.
        image: row of the image of each detection, int64 [N], by falling score.
        correct: whether it matches an object, at each IoU, bool [IoUs, N].
        counted: whether it is correct or wrong, and not neither, bool [IoUs, N].
        objects: objects of the class in each image, int64 [images].
    """

    category_id: int
    image: NDArray[np.int64]
    correct: NDArray[np.bool_]
    counted: NDArray[np.bool_]
    objects: NDArray[np.int64]

    @classmethod
    def of(cls, category_id: int, matches: Matches) -> "ClassMatches":
        """Sorts the engine's matches by falling score."""
        order = np.argsort(-matches.score, kind="stable")
        image, correct, counted = matches.image[order], matches.correct[:, order], matches.counted[:, order]
        return cls(category_id, image, correct, counted, matches.objects)

    def average_precision(self, weights: NDArray[np.int32]) -> NDArray[np.float64]:
        """Returns AP (0..1) [D, IoUs] for draws, int32 [images, D]; NaN where they hold no object.

        Precision is interpolated at COCO's 101 recall points: at each it is the highest of this recall or more. It only
        falls between correct detections, so it is looked at where a run of them ends.
        """
        holding = np.flatnonzero(self.objects)
        labelled = self.objects[holding] @ weights[holding]
        needed = _hits_needed(labelled)
        values = np.zeros((len(labelled), len(self.correct)))
        for level, (correct, counted) in enumerate(zip(self.correct, self.counted, strict=True)):
            right, found = _sums_at_ends(weights, self.image[counted], correct[counted])
            if not len(right):
                continue
            precision = right / np.maximum(found, 1)
            step = max(1, _MOST_NUMBERS // len(right))
            for start in range(0, len(labelled), step):
                rows = slice(start, start + step)
                part = np.ascontiguousarray(right[:, rows].T), np.ascontiguousarray(precision[:, rows].T)
                values[rows, level] = _interpolated(*part, needed[rows])
        return np.where(labelled[:, None] > 0, values, np.nan)


def _sums_at_ends(
    weights: NDArray[np.int32], image: NDArray[np.int64], correct: NDArray[np.bool_]
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Returns how many correct detections, and how many in all, there are up to the end of each run of correct ones.

    Args:
        weights: how often each image counts in each draw, int32 [images, D].
        image: row of the image of each detection, int64 [N], by falling score.
        correct: bool [N].

    Returns:
        Two arrays, int32 [runs, D].
    """
    ends = correct & ~np.append(correct[1:], False)
    right, found = (np.empty((int(ends.sum()), weights.shape[1]), np.int32) for _ in range(2))
    right_now, found_now = (np.zeros(weights.shape[1], np.int32) for _ in range(2))
    run = 0
    # Row after row of all draws: numpy's own running sums along the draws take three times as long.
    for row, is_correct, ends_here in zip(image.tolist(), correct.tolist(), ends.tolist(), strict=True):
        found_now += weights[row]
        if is_correct:
            right_now += weights[row]
        if ends_here:
            right[run], found[run] = right_now, found_now
            run += 1
    return right, found


def _hits_needed(labelled: NDArray[np.int64]) -> NDArray[np.int64]:
    """Returns the fewest correct detections whose recall reaches each of COCO's 101 points, int64 [D, 101].

    As COCO divides and compares: 126 of 1800 is 0.07, which is less than the seventh point in floating point.
    """
    points, objects = np.linspace(0, 1, 101), np.maximum(labelled, 1)[:, None]
    needed = np.maximum(np.floor(points * objects) - 1, 0)
    for _ in range(3):
        needed += needed / objects < points
    return needed.astype(np.int64)


def _interpolated(
    right: NDArray[np.int32], precision: NDArray[np.float64], needed: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Returns the mean over the recall points of the highest precision at this recall or more, float64 [D].

    Args:
        right: correct detections up to each of R ranks, int32 [D, R], rising.
        precision: at these ranks, float64 [D, R].
        needed: see `_hits_needed`, [D, 101]; the first is 0.
    """
    draws, ranks = right.shape
    height = int(right[:, -1].max()) + 2
    needed = needed[:, needed.min(axis=0) < height - 1]  # points that no draw reaches have no precision
    points = needed.shape[1]
    # Rows are put one behind the other, each above the one before, and so all are searched at once.
    row = np.arange(draws)[:, None]
    at = np.searchsorted((right + row * height).ravel(), (np.minimum(needed, height - 1) + row * height).ravel())
    at = at.reshape(draws, points) - row * ranks
    # The highest precision from each point to the next, and then from each point on.
    begins = np.minimum(at, ranks - 1) + row * ranks
    highest = np.maximum.reduceat(precision.ravel(), begins.ravel()).reshape(draws, points)
    highest = np.maximum.accumulate(highest[:, ::-1], axis=1)[:, ::-1]
    mean: NDArray[np.float64] = np.where(at < ranks, highest, 0).sum(axis=1) / 101
    return mean


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
        weights = np.ascontiguousarray(draws.T, np.int32)
        return np.stack([matches.average_precision(weights) for matches in self.classes], axis=1)

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
    found = CocoEngine.of(truth, predictions, iou_type).matches(ious)
    # In the order of the truth's categories, so that those of two models stand side by side.
    classes = [
        ClassMatches.of(category["id"], found[category["id"]]["all"])
        for category in truth.categories
        if found[category["id"]]["all"].objects.any()
    ]
    objects = sum((matches.objects for matches in classes), np.zeros(len(truth.images), np.int64))
    return ResampledMap(classes, objects)


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
