"""What a score is worth: the probability that a detection with it is correct, seen on validation images."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from gsam_edge.coco.annotations import Annotations
from gsam_edge.coco.packed import PackedDetections
from gsam_edge.coco.predictions import Predictions
from gsam_edge.metrics.score_curve import ScoreCurve, score_curves
from gsam_edge.vision import Detections
from gsam_edge.vision.boxes import box_iou

#: A class with fewer validation objects takes the curve and the share of all classes together.
_FEWEST_OBJECTS = 10


@dataclass(frozen=True)
class Beliefs:
    """How far a finder can be believed.

    Attributes:
        curves: by class id, scores and the probability of a correct detection at each, both rising.
        seen: share of the objects of each class that it finds at any score, float64 [C] in 0..1.
    """

    curves: Sequence[tuple[NDArray[np.float64], NDArray[np.float64]]]
    seen: NDArray[np.float64]

    @classmethod
    def of(cls, truth: Annotations, predictions: Predictions, *, match_iou: float) -> Self:
        """Looks at a split that a finder was not trained on; without images a score is taken for a probability."""
        per_class, together = score_curves(truth, predictions, match_iou=match_iou)
        curves, seen = [], []
        for own in per_class:
            curve = own if own.objects >= _FEWEST_OBJECTS else together
            curves.append(_rising(curve))
            seen.append(float(curve.recall[-1]) if len(curve.scores) else 0.0)
        return cls(curves, np.array(seen))

    def __call__(self, found: Detections) -> NDArray[np.float64]:
        """Returns the probability of each detection to be correct, float64 [N] in 0..1."""
        worth = np.zeros(len(found))
        for class_id in np.unique(found.class_ids).tolist():
            rows = found.class_ids == class_id
            scores, values = self.curves[class_id]
            of_rows = found.scores[rows].astype(np.float64)
            worth[rows] = np.interp(of_rows, scores, values) if len(scores) else of_rows
        return worth


def _rising(curve: ScoreCurve) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return curve.scores[::-1].astype(np.float64), curve.calibrated()[::-1]


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
    found: dict[int, PackedDetections]


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

    def overlap(self, xyxy: NDArray[np.float32]) -> NDArray[np.float32]:
        """Returns the IoU of each detection with one box [4], float32 [N]."""
        return box_iou(self.found.unmasked.xyxy, xyxy[None])[:, 0]
