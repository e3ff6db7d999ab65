"""How far student and teacher can be believed, seen on validation images, and what that says of a label.

What a finder says of a labelled object is one of a few things: a class, that its box lies elsewhere, or nothing. How
often it says each of them of objects of each class is counted on validation images, as Dawid and Skene (1979) do for
several people who label the same things. A label is then doubted by Bayes' rule: a finder that takes every tenth ring
for a hook says little where it sees a hook at a labelled ring, one that never does says much.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from gsam_edge.coco.annotations import Annotations
from gsam_edge.coco.geometry.segmentation import rle_iou
from gsam_edge.coco.packed import PackedDetections
from gsam_edge.coco.predictions import Predictions
from gsam_edge.metrics.object_errors import ErrorConfig
from gsam_edge.metrics.score_curve import ScoreCurve, score_curves
from gsam_edge.vision import Detections
from gsam_edge.vision.boxes import box_iou

#: A class with fewer validation objects takes the curve of all classes together.
_FEWEST_OBJECTS = 10
#: A detection that is believed less says nothing: there are dozens in every image.
LEAST_BELIEF = 0.1


@dataclass(frozen=True)
class Sight:
    """What one finder sees in one image.

    Attributes:
        finder: its name.
        found: its detections.
        worth: the probability of each to be correct, float64 [N].
    """

    finder: str
    found: PackedDetections
    worth: NDArray[np.float64]

    def said(self, class_id: int, xyxy: NDArray[np.float32], overlaps: ErrorConfig) -> int | None:
        """Returns the row of the detection that says what a labelled object is; None where none says anything.

        It is the one that is believed most of those that lie on it, or else of those of its class that lie near it.
        """
        boxes = self.found.unmasked
        overlap = box_iou(boxes.xyxy, xyxy[None])[:, 0]
        for rows in (
            overlap >= overlaps.match_iou,
            (overlap >= overlaps.near_iou) & (boxes.class_ids == class_id),
        ):
            worth = np.where(rows, self.worth, 0)
            if len(worth) and worth.max() >= LEAST_BELIEF:
                return int(worth.argmax())
        return None


@dataclass(frozen=True)
class Beliefs:
    """How far a finder can be believed.

    Attributes:
        curves: by class id, scores and the probability of a correct detection at each, both rising.
        says: how often it says what of objects of each class, float64 [C, C + 2]: each class, that the box lies
            elsewhere, nothing. Each row sums to 1.
        bad_masks: how often its mask of an object that it found is no good one, 0..1.
    """

    curves: Sequence[tuple[NDArray[np.float64], NDArray[np.float64]]]
    says: NDArray[np.float64]
    bad_masks: float

    @classmethod
    def of(cls, truth: Annotations, predictions: Predictions, overlaps: ErrorConfig, *, name: str = "") -> Self:
        """Looks at a split that a finder was not trained on; without images a score is taken for a probability.

        Args:
            truth: the split.
            predictions: what it finds there.
            overlaps: from which overlap on a detection is of an object.
            name: the finder's.
        """
        per_class, together = score_curves(truth, predictions, match_iou=overlaps.match_iou)
        curves = [_rising(own if own.objects >= _FEWEST_OBJECTS else together) for own in per_class]
        classes = truth.num_classes
        partial = cls(curves, np.zeros((classes, classes + 2)), 0.0)
        counts, masks, bad = np.zeros((classes, classes + 2)), 0, 0
        for image_id, found in predictions.objects.items():
            sight = partial.sight(name, found)
            objects = truth.packed_truth(image_id)
            for row, class_id in enumerate(objects.unmasked.class_ids.tolist()):
                said = sight.said(class_id, objects.unmasked.xyxy[row], overlaps)
                outcome = partial.outcome(sight, said, objects.unmasked.xyxy[row], overlaps)
                counts[class_id, outcome] += 1
                if (
                    outcome == class_id
                    and said is not None
                    and (iou := mask_overlap(objects, row, found, said)) is not None
                ):
                    masks, bad = masks + 1, bad + (iou < overlaps.mask_iou)
        return cls(curves, _shares(counts), (bad + 0.5) / (masks + 1))

    def __call__(self, found: Detections) -> NDArray[np.float64]:
        """Returns the probability of each detection to be correct, float64 [N] in 0..1."""
        worth = np.zeros(len(found))
        for class_id in np.unique(found.class_ids).tolist():
            rows = found.class_ids == class_id
            scores, values = self.curves[class_id]
            of_rows = found.scores[rows].astype(np.float64)
            worth[rows] = np.interp(of_rows, scores, values) if len(scores) else of_rows
        return worth

    def sight(self, finder: str, found: PackedDetections) -> Sight:
        """Returns what is seen in an image, with what it is worth."""
        return Sight(finder, found, self(found.unmasked))

    def outcome(self, sight: Sight, said: int | None, xyxy: NDArray[np.float32], overlaps: ErrorConfig) -> int:
        """Returns the column of `says` of what is said of an object (`Sight.said`)."""
        if said is None:
            return self.nothing
        boxes = sight.found.unmasked
        is_on_it = float(box_iou(boxes.xyxy[said][None], xyxy[None])[0, 0]) >= overlaps.match_iou
        return int(boxes.class_ids[said]) if is_on_it else self.elsewhere

    @property
    def elsewhere(self) -> int:
        """Column of `says`: the box lies elsewhere."""
        return self.says.shape[1] - 2

    @property
    def nothing(self) -> int:
        """Column of `says`: nothing is seen."""
        return self.says.shape[1] - 1


@dataclass(frozen=True)
class Finder:
    """A model whose findings are held against the labels.

    Attributes:
        name: student or teacher.
        beliefs: how far it can be believed.
        found: image ids to what it finds, down to low scores; images that it did not look at have no entry.
    """

    name: str
    beliefs: Beliefs
    found: Mapping[int, PackedDetections]


@dataclass(frozen=True)
class LabelDoubt:
    """What is most probably wrong with a label, if anything is.

    Attributes:
        of_class: probability of each class to be the right one, float64 [C]; that of the label itself is left at 0.
        of_place: probability that its box lies badly.
        of_nothing: probability that nothing is there.
    """

    of_class: NDArray[np.float64]
    of_place: float
    of_nothing: float


#: Of wrong labels, the shares whose class is wrong, whose box lies badly, and that label nothing.
_WRONG_CLASS, _WRONG_PLACE, _LABELS_NOTHING = 0.5, 0.25, 0.25
#: Probability that a finder sees some object where there is none, or says something of a bad box but that it is bad.
_BY_CHANCE = 0.05


def doubt_label(class_id: int, said: Sequence[tuple[Beliefs, int]], *, wrong_labels: float) -> LabelDoubt:
    """Returns how probable it is that a label is wrong, by what each finder says of it.

    Args:
        class_id: of the label.
        said: each finder's beliefs, and the column of what it says.
        wrong_labels: share of the labels that are wrong before anybody has looked, 0..1.
    """
    classes = len(said[0][0].says)
    prior = np.full(classes, wrong_labels * _WRONG_CLASS / max(classes - 1, 1))
    prior[class_id] = 1 - wrong_labels
    of_class, of_place, of_nothing = prior, wrong_labels * _WRONG_PLACE, wrong_labels * _LABELS_NOTHING
    # Finders that learnt from the same images fail together: two count as 1.4 that know nothing of each other.
    power = len(said) ** -0.5
    for beliefs, outcome in said:
        of_class = of_class * beliefs.says[:, outcome] ** power
        # A bad box has its object near by, which is seen as any other of its class.
        near = beliefs.says[class_id, class_id] if outcome == beliefs.elsewhere else _BY_CHANCE
        of_place *= near**power
        of_nothing *= (1 - _BY_CHANCE if outcome == beliefs.nothing else _BY_CHANCE / (classes + 1)) ** power
    whole = float(of_class.sum()) + of_place + of_nothing
    told = of_class / whole
    told[class_id] = 0
    return LabelDoubt(told, of_place / whole, of_nothing / whole)


def doubt_gap(worths: Sequence[float], *, wrong_labels: float) -> float:
    """Returns how probable it is that an object is there where nobody labelled one.

    A detection is worth what labels say of its like: unlabelled, it is wrong, unless its label is one of those that are
    missing.

    Args:
        worths: of the detections of several finders there.
        wrong_labels: share of the labels that are missing before anybody has looked, 0..1.
    """
    seen = 1 - float(np.prod([1 - worth for worth in worths]))
    missing = seen * wrong_labels
    return missing / (missing + 1 - seen) if missing > 0 else 0.0


def doubt_mask(beliefs: Beliefs, *, wrong_labels: float) -> float:
    """Returns how probable it is that a label's mask is bad, where that of a finder differs from it."""
    bad = wrong_labels * _WRONG_PLACE
    return bad / (bad + (1 - bad) * beliefs.bad_masks)


def mask_overlap(truth: PackedDetections, row: int, found: PackedDetections, said: int) -> float | None:
    """Returns the IoU of an object's mask with that of a detection; None where one of them has none."""
    if truth.mask_hw is None or found.mask_hw is None or not truth.mask_areas[row]:
        return None
    return rle_iou(truth.rles[row], found.rles[said])


def _rising(curve: ScoreCurve) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Returns scores and probabilities, both rising; the probability of a few labels is never 0 or 1."""
    values = curve.calibrated()
    labels = np.diff(curve.labels, prepend=0)
    _, block = np.unique(-values, return_inverse=True)
    count = np.bincount(block, weights=labels, minlength=1)[block] if len(values) else labels
    smooth = (values * count + 0.5) / (count + 1)
    return curve.scores[::-1].astype(np.float64), np.maximum.accumulate(smooth[::-1])


def _shares(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns counts [C, C + 2] as shares of each row; a few objects more, like those of all classes, smooth them."""
    classes = len(counts)
    like_all = np.zeros_like(counts)
    hits = np.trace(counts[:, :classes])
    whole = max(counts.sum(), 1)
    confused = counts[:, :classes].sum() - hits
    like_all[:, :classes] = confused / whole / max(classes - 1, 1)
    like_all[np.arange(classes), np.arange(classes)] = hits / whole
    like_all[:, classes:] = counts[:, classes:].sum(axis=0) / whole
    smooth = counts + 2 * like_all + 0.5 / counts.shape[1]
    shares: NDArray[np.float64] = smooth / smooth.sum(axis=1, keepdims=True)
    return shares
