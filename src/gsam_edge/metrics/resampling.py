"""Average precision and mask IoU of a split in which each image counts any number of times, for the bootstrap.

hotcoco matches detections with objects as COCO does and says which. It has a bootstrap of its own, which draws images
one by one: near copies are drawn together here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

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

    def average_precision(self, draws: NDArray[Any]) -> NDArray[np.float64]:
        """Returns AP (0..1) [D, IoUs] for draws, whole numbers [D, images]; NaN where they hold no object.

        Precision is interpolated at COCO's 101 recall points. It only falls between correct detections, so their ranks
        decide, and what comes after the last of them does not matter.
        """
        labelled = draws @ self.objects
        values = np.zeros((len(draws), len(self.correct)))
        # IoUs at which the same detections count share their sums.
        alike: dict[bytes, list[int]] = {}
        for level, counted in enumerate(self.counted):
            alike.setdefault(counted.tobytes(), []).append(level)
        for levels in alike.values():
            kept = self.counted[levels[0]]
            image, correct = self.image[kept], self.correct[levels][:, kept]
            step = max(1, _MOST_NUMBERS // max(len(image), 1))
            for start in range(0, len(draws), step):
                rows = slice(start, start + step)
                counts = np.take(draws[rows], image, axis=1).astype(np.int32, copy=False)
                found = np.maximum(counts.cumsum(axis=1, dtype=np.int32), 1)
                needed = _hits_needed(labelled[rows])
                for level, hits in zip(levels, correct, strict=True):
                    ranks = np.flatnonzero(hits)
                    if len(ranks):
                        right = np.take(counts, ranks, axis=1).cumsum(axis=1, dtype=np.int32)
                        precision = right / np.take(found, ranks, axis=1)
                        values[rows, level] = _interpolated(right, precision, needed)
        return np.where(labelled[:, None] > 0, values, np.nan)


def _hits_needed(labelled: NDArray[Any]) -> NDArray[np.int64]:
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
        right: correct detections of this rank or better, int32 [D, R], of each correct detection.
        precision: at these ranks, float64 [D, R].
        needed: see `_hits_needed`, [D, 101]; the first is 0.
    """
    draws, ranks = right.shape
    # Rows are put one behind the other, each above the one before, and so all are searched at once.
    height = int(right[:, -1].max()) + 2
    row = np.arange(draws)[:, None]
    at = np.searchsorted((right + row * height).ravel(), (np.minimum(needed, height - 1) + row * height).ravel())
    at = at.reshape(draws, 101) - row * ranks
    # The highest precision from each point to the next, and then from each point on.
    begins = np.minimum(at, ranks - 1) + row * ranks
    highest = np.maximum.reduceat(precision.ravel(), begins.ravel()).reshape(draws, 101)
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
        return np.stack([matches.average_precision(draws) for matches in self.classes], axis=1)

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
