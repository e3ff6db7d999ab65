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
#: The recalls at which precision is read, and one beyond all.
_RECALLS = np.append(np.linspace(0, 1, 101), np.inf)


@dataclass(frozen=True)
class IouMatches:
    """Detections of one class in all images at one IoU; those that are neither correct nor wrong are left out.

    Attributes:
        image: row of the detection's image, int64 [N], by falling score.
        correct: whether it matches an object, bool [N].
    """

    image: NDArray[np.int64]
    correct: NDArray[np.bool_]

    def average_precision(self, draws: NDArray[Any], labelled: NDArray[Any]) -> NDArray[np.float64]:
        """Returns AP (0..1) [D] for draws [D, images] that hold `labelled` [D] objects, whole numbers of any type.

        NaN where they hold none.

        Precision is interpolated at COCO's 101 recall points. It only falls between correct detections, so their ranks
        decide, and what comes after the last of them does not matter.
        """
        ranks = np.flatnonzero(self.correct)
        values = np.zeros(len(draws))
        if len(ranks):
            image = self.image[: ranks[-1] + 1]
            step = max(1, _MOST_NUMBERS // len(image))
            for start in range(0, len(draws), step):
                rows = slice(start, start + step)
                counts = np.take(draws[rows], image, axis=1).astype(np.int32, copy=False)
                correct = np.take(counts, ranks, axis=1).cumsum(axis=1, dtype=np.int32)
                found = np.take(counts.cumsum(axis=1, dtype=np.int32), ranks, axis=1)
                precision = correct / np.maximum(found, 1)
                envelope = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
                reached = _reached(correct / np.maximum(labelled[rows, None], 1))
                values[rows] = (envelope * np.diff(reached, prepend=0, axis=1)).sum(axis=1) / 101
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
    found = CocoEngine.of(truth, predictions, iou_type).matches(ious)
    # In the order of the truth's categories, so that those of two models stand side by side.
    classes = [
        class_matches(category["id"], found[category["id"]]["all"])
        for category in truth.categories
        if category["id"] in found and found[category["id"]]["all"].objects.any()
    ]
    objects = sum((matches.objects for matches in classes), np.zeros(len(truth.images), np.int64))
    return ResampledMap(classes, objects)


def class_matches(category_id: int, matches: Matches) -> ClassMatches:
    """Returns the matches of one class by falling score, those that are neither correct nor wrong left out."""
    order = np.argsort(-matches.score, kind="stable")
    image, correct, counted = matches.image[order], matches.correct[:, order], matches.counted[:, order]
    at = tuple(IouMatches(image[kept], hits[kept]) for kept, hits in zip(counted, correct, strict=True))
    return ClassMatches(category_id, at, matches.objects)


def _reached(recall: NDArray[np.float64]) -> NDArray[np.int64]:
    """Returns how many of COCO's 101 recall points are at most each recall (0..1), of the same shape."""
    below = (recall * 100).astype(np.int64)  # right but for rounding, and quicker than a search
    below += _RECALLS[below + 1] <= recall
    below -= _RECALLS[below] > recall
    return below + 1


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
