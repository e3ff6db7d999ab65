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
#: The recalls at which COCO reads precision.
_RECALLS = np.linspace(0, 1, 101)
#: Most numbers in memory at once, draws times ranks.
_MOST_NUMBERS = 10_000_000
#: Ranks that are looked at together: few enough for a thousand draws of them to stay in a processor's cache.
_RANKS_AT_ONCE = 32


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
        ends = np.stack([_ends_of_runs(*level) for level in zip(self.correct, self.counted, strict=True)])
        values = np.zeros((len(labelled), len(self.correct)))
        step = max(1, _MOST_NUMBERS // max(int(ends.any(axis=0).sum()), 1))
        for start in range(0, len(labelled), step):
            rows = slice(start, start + step)
            values[rows] = self._of_draws(weights[:, rows], ends, np.maximum(labelled[rows], 1).astype(np.float64))
        return np.where(labelled[:, None] > 0, values, np.nan)

    def _of_draws(
        self, weights: NDArray[np.int32], ends: NDArray[np.bool_], labelled: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Returns the average precision of some draws [D, IoUs]; `ends`, bool [IoUs, N], is where runs end."""
        some_end, always = np.asarray(ends.any(axis=0)), np.asarray(self.counted.all(axis=0))
        shared = _sums(weights, self.image, always, some_end)
        values = np.zeros((len(labelled), len(ends)))
        for level, (correct, counted, end) in enumerate(zip(self.correct, self.counted, ends, strict=True)):
            right = _sums(weights, self.image, correct, end)
            found = shared[end[some_end]]
            if (counted & ~always).any():
                found += _sums(weights, self.image, counted & ~always, end)
            values[:, level] = _interpolated(right, found, labelled)
        return values


def _ends_of_runs(correct: NDArray[np.bool_], counted: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Returns which correct detections no correct one follows, of those that count, bool [N]."""
    ends = np.zeros(len(correct), bool)
    hits = correct[counted]
    ends[np.flatnonzero(counted)] = hits & ~np.append(hits[1:], False)[: len(hits)]
    return ends


def _sums(
    weights: NDArray[np.int32], image: NDArray[np.int64], summed: NDArray[np.bool_], kept: NDArray[np.bool_]
) -> NDArray[np.int32]:
    """Returns how many of the detections `summed`, bool [N], there are up to each one `kept`, int32 [kept, D].

    Row after row of all draws: numpy's own running sums along the draws take several times as long.

    Args:
        weights: how often each image counts in each draw, int32 [images, D].
        image: row of the image of each detection, int64 [N].
        summed: which are counted.
        kept: at which the sum is taken, itself included.
    """
    sums, now, place = np.empty((int(kept.sum()), weights.shape[1]), np.int32), np.zeros(weights.shape[1], np.int32), 0
    some = summed | kept
    for row, is_summed, is_kept in zip(image[some].tolist(), summed[some].tolist(), kept[some].tolist(), strict=True):
        if is_summed:
            now += weights[row]
        if is_kept:
            sums[place] = now
            place += 1
    return sums


def _interpolated(
    right: NDArray[np.int32], found: NDArray[np.int32], labelled: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Returns the mean over COCO's recall points of the highest precision at this recall or more, float64 [D].

    Args:
        right: correct detections up to each of R ranks, rising, int32 [R, D].
        found: all detections up to them, int32 [R, D].
        labelled: objects of each draw, above 0, float64 [D].
    """
    total, highest = np.zeros(len(labelled)), np.zeros(len(labelled))
    for end in range(len(right), 0, -_RANKS_AT_ONCE):  # from the last rank to the first
        start = max(end - _RANKS_AT_ONCE, 0)
        precision = right[start:end] / np.maximum(found[start:end], 1)
        for row in precision[::-1]:
            np.maximum(highest, row, out=highest)
            row[:] = highest
        reached = _points_reached(right[max(start - 1, 0) : end] / labelled)
        if start == 0:  # nothing was reached before
            total += precision[0] * reached[0]
            precision = precision[1:]
        total += np.einsum("rd,rd->d", precision, np.diff(reached, axis=0))
    return total / len(_RECALLS)


def _points_reached(recall: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns how many of COCO's 101 recall points are at most each recall (0..1), of the same shape."""
    hundredths = recall * 100
    points = np.floor(hundredths)
    # On a point, and next to it, rounding decides, as it does in COCO: 126 of 1800 is less than the point 0.07.
    near = np.flatnonzero(np.abs(hundredths - np.rint(hundredths)) < 1e-9)
    point = np.rint(hundredths.ravel()[near]).astype(np.int64)
    points.ravel()[near] = np.where(_RECALLS[point] <= recall.ravel()[near], point, point - 1)
    return points + 1


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
