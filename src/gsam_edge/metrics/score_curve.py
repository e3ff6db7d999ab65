"""Precision and recall of labels by the score from which they are taken."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gsam_edge.coco.annotations import Annotations
from gsam_edge.coco.packed import PackedDetections
from gsam_edge.coco.predictions import Predictions
from gsam_edge.metrics.label_quality import match_labels


@dataclass(frozen=True)
class ScoreCurve:
    """Labels of a class, or of all classes, by falling score.

    Attributes:
        scores: the K different scores of the labels, float32 [K], falling.
        right: correct labels of this score or more, int64 [K].
        labels: labels of this score or more, int64 [K]; those in crowd regions are not counted.
        objects: true objects.
    """

    scores: NDArray[np.float32]
    right: NDArray[np.int64]
    labels: NDArray[np.int64]
    objects: int

    @classmethod
    def of(cls, scores: ArrayLike, correct: ArrayLike, objects: int) -> Self:
        """Returns the curve of N labels in any order, by their scores [N] and whether each is correct, bool [N]."""
        values, hits = np.asarray(scores, np.float32), np.asarray(correct, bool)
        order = np.argsort(-values, kind="stable")
        values, hits = values[order], hits[order]
        # Labels of one score are taken together, or not at all.
        last = np.flatnonzero(np.append(values[1:] != values[:-1], True)) if len(values) else np.zeros(0, np.int64)
        return cls(values[last], np.cumsum(hits)[last], last + 1, objects)

    @property
    def precision(self) -> NDArray[np.float64]:
        """Share of the labels of this score or more that are correct, float64 [K]."""
        return self.right / self.labels

    @property
    def recall(self) -> NDArray[np.float64]:
        """Share of the objects that the labels of this score or more hold, float64 [K]; 0 without objects."""
        return self.right / max(self.objects, 1)

    def calibrated(self) -> NDArray[np.float64]:
        """Returns the probability that a label of just this score is correct, float64 [K] in 0..1, falling.

        Isotonic regression (Ayer et al. 1955): of all falling functions of the score the one nearest to right (1) and
        wrong (0), by squares.
        """
        from scipy.optimize import isotonic_regression

        if not len(self.scores):
            return np.zeros(0)
        hits, counts = np.diff(self.right, prepend=0), np.diff(self.labels, prepend=0)
        return np.asarray(isotonic_regression(hits / counts, weights=counts, increasing=False).x, np.float64)


def score_curves(
    annotations: Annotations, labels: Predictions, *, match_iou: float
) -> tuple[Sequence[ScoreCurve], ScoreCurve]:
    """Returns the curve of each class by class id, and that of all labels together.

    Labels are matched with objects as `match_labels` does: by falling score, each with the free object of its class
    that it overlaps most.

    Args:
        annotations: the images with their truth.
        labels: of a predictor that was not given the true boxes.
        match_iou: see `match_labels`.
    """
    scores: list[list[float]] = [[] for _ in annotations.class_names]
    correct: list[list[bool]] = [[] for _ in annotations.class_names]
    objects = np.zeros(annotations.num_classes, np.int64)
    for image_id, packed in labels.objects.items():
        found = packed.unmasked
        boxes = PackedDetections(found, None, ())  # masks play no part
        matched = match_labels(annotations, image_id, boxes, match_iou=match_iou, prompted=False)
        np.add.at(objects, matched.truth.unmasked.class_ids, 1)
        right = np.zeros(len(found), bool)
        right[[row for row, _ in matched.pairs]] = True
        for row in np.flatnonzero(~matched.in_crowd):
            scores[found.class_ids[row]].append(float(found.scores[row]))
            correct[found.class_ids[row]].append(bool(right[row]))
    curves = [
        ScoreCurve.of(of_class, hits, count)
        for of_class, hits, count in zip(scores, correct, objects.tolist(), strict=True)
    ]
    return curves, ScoreCurve.of(np.concatenate(scores), np.concatenate(correct), int(objects.sum()))
