"""The gate: which labels of a teacher a student learns from as objects, and which it leaves alone.

Between two thresholds a label is ignored: neither object nor background. Both are fitted for each class on images with
truth. Soft Teacher (Xu et al. 2021, arXiv:2106.09018) likewise chooses by the score which labels teach the class, and
by a reliability of the box which of them teach it.
"""

from dataclasses import dataclass
from math import inf, isfinite
from typing import Any, Literal, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from gsam_edge.coco import Annotations
from gsam_edge.coco.errors import InvalidDatasetError
from gsam_edge.coco.predictions import Predictions
from gsam_edge.metrics.score_curve import ScoreCurve, score_curves
from gsam_edge.vision import Detections
from gsam_edge.vision.boxes import box_iou

#: Scores, rising, with the probability (0..1) that a label from this score on, and below the next, is correct.
Calibration: TypeAlias = tuple[tuple[float, float], ...]
#: By which labels a class's thresholds were fitted; "given": they were not fitted.
Basis: TypeAlias = Literal["its own labels", "the labels of all classes", "given"]


class GateConfig(BaseModel):
    """Settings of the gate."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    precision: float = Field(gt=0, le=1, description="least share of correct ones among the labels taken as objects")
    recall: float = Field(
        gt=0, le=1, description="share of the objects that labels from the low threshold on hold; below, background"
    )
    min_objects: int = Field(
        ge=1, description="a class with fewer true validation objects takes the thresholds of all classes together"
    )
    reliability: float = Field(
        ge=0,
        le=1,
        description="of a label's box and mask (IoU of both x the mask's estimated IoU); the box of one with less "
        "teaches nothing",
    )
    duplicate_iou: float = Field(
        gt=0, le=1, description="of two labels of any classes whose boxes overlap more (IoU), the worse one goes"
    )
    max_ignored: float = Field(
        ge=0, le=1, description="an image with a larger share of its area in ignored boxes is left out"
    )


@dataclass(frozen=True)
class Gate:
    """The thresholds of each class.

    Attributes:
        high: by class id, labels of this score or more are objects; infinite where none can be trusted.
        low: by class id, labels of this score or more, below `high`, are ignored; less is background.
        calibration: by class id; empty where every label is taken to be correct.
        basis: by class id.

    Raises:
        ValueError: if the parts are not of one length, or a low threshold is above the high one.
    """

    high: tuple[float, ...]
    low: tuple[float, ...]
    calibration: tuple[Calibration, ...]
    basis: tuple[Basis, ...]

    def __post_init__(self) -> None:
        sizes = {name: len(values) for name, values in vars(self).items()}
        if len(set(sizes.values())) > 1 or any(low > high for low, high in zip(self.low, self.high, strict=True)):
            raise ValueError(
                f"gate: expected as many classes in each part, and low thresholds up to the high ones, got {sizes}, "
                f"high {self.high}, low {self.low}"
            )

    @classmethod
    def hard(cls, threshold: float, num_classes: int) -> Self:
        """Returns one threshold for all classes, nothing ignored, every label of full weight, as autodistill has it."""
        same = (threshold,) * num_classes
        basis: Basis = "given"
        return cls(same, same, ((),) * num_classes, (basis,) * num_classes)

    def objects(self, labels: Detections) -> NDArray[np.bool_]:
        """Returns which of N labels are objects, bool [N]."""
        return np.asarray(labels.scores >= np.array(self.high, np.float32)[labels.class_ids])

    def ignored(self, labels: Detections) -> NDArray[np.bool_]:
        """Returns which of N labels are neither objects nor background, bool [N]."""
        return ~self.objects(labels) & (labels.scores >= np.array(self.low, np.float32)[labels.class_ids])

    def class_weights(self, labels: Detections) -> NDArray[np.float32]:
        """Returns the probability that each of N labels is correct, float32 [N] in 0..1.

        Not the score itself: that of Grounding DINO is no probability (0.3 may be right nine times of ten), and two
        sources of labels would weigh the same label differently.
        """
        weights = np.ones(len(labels), np.float32)
        for class_id, calibration in enumerate(self.calibration):
            rows = np.flatnonzero(labels.class_ids == class_id)
            if calibration and len(rows):
                from_scores, chances = np.array(calibration, np.float32).T
                place = np.searchsorted(from_scores, labels.scores[rows], side="right") - 1
                weights[rows] = chances[np.maximum(place, 0)]
        return weights

    def to_dict(self) -> dict[str, Any]:
        """Returns a mapping for JSON, which has no infinity: null is a threshold that no label reaches."""
        thresholds = {
            name: [value if isfinite(value) else None for value in getattr(self, name)] for name in ("high", "low")
        }
        calibration = [[list(step) for step in of_class] for of_class in self.calibration]
        return {**thresholds, "calibration": calibration, "basis": list(self.basis)}


def fit_gate(val: Annotations, labels_val: Predictions, config: GateConfig, *, match_iou: float) -> Gate:
    """Fits the thresholds of each class on images with truth, whose duplicate labels go first.

    `high` is the lowest score at which the labels of this score or more are correct with `config.precision`. `low` is
    the highest score at which they hold `config.recall` of the objects, or all that they hold where that is less; it
    is never above `high`. Neither can be reached where no label is correct. A class with fewer than
    `config.min_objects` objects takes what all classes together give.

    Args:
        val: images with truth, on which the teacher was not tuned.
        labels_val: its labels of them. A teacher that was given the true boxes has no wrong label: all are objects.
        config: what thresholds must reach.
        match_iou: least box IoU with an object of its class at which a label is correct (0..1).

    Raises:
        InvalidDatasetError: if the labels have other classes.
    """
    if labels_val.class_names != val.class_names:
        raise InvalidDatasetError(
            f"labels of the validation images: expected the classes {val.class_names}, got {labels_val.class_names}; "
            "label again"
        )
    if labels_val.predictor.prompted_with_boxes:
        return Gate.hard(0.0, val.num_classes)
    kept = {
        image_id: packed.select(not_duplicated(packed.unmasked, config.duplicate_iou))
        for image_id, packed in labels_val.objects.items()
    }
    labels = Predictions(kept, labels_val.class_names, labels_val.predictor)
    curves, together = score_curves(val, labels, match_iou=match_iou)
    own = [curve.objects >= config.min_objects for curve in curves]
    chosen = [curve if enough else together for curve, enough in zip(curves, own, strict=True)]
    thresholds = [_thresholds(curve, config) for curve in chosen]
    return Gate(
        high=tuple(high for high, _ in thresholds),
        low=tuple(low for _, low in thresholds),
        calibration=tuple(_calibration(curve) for curve in chosen),
        basis=tuple("its own labels" if enough else "the labels of all classes" for enough in own),
    )


def not_duplicated(labels: Detections, duplicate_iou: float) -> NDArray[np.bool_]:
    """Returns which of N labels, of whatever class and prompt, no better one covers, bool [N].

    The losers are nothing, not ignored: what is in their place is said by the winner, whose precision is measured with
    the losers gone, and an ignored box over an object would take its background away.
    """
    left, top, right, bottom = labels.xyxy.T
    # By more than the score, so that the order of the rows decides nothing.
    order = np.lexsort((bottom, right, top, left, labels.class_ids, -labels.scores))
    covers = box_iou(labels.xyxy, labels.xyxy) > duplicate_iou
    kept = np.zeros(len(labels), bool)
    for row in order:
        kept[row] = not covers[row, kept].any()
    return kept


def _thresholds(curve: ScoreCurve, config: GateConfig) -> tuple[float, float]:
    """Returns the high and the low threshold of a curve."""
    if not len(curve.scores) or not curve.right[-1]:
        return inf, inf
    precise = np.flatnonzero(curve.precision >= config.precision)
    high = float(curve.scores[precise[-1]]) if len(precise) else inf
    wanted = min(config.recall, float(curve.recall[-1]))
    low = float(curve.scores[np.flatnonzero(curve.recall >= wanted)[0]])
    return high, min(low, high)


def _calibration(curve: ScoreCurve) -> Calibration:
    """Returns the calibrated scores of a curve, one entry for each stretch of one probability."""
    chances = curve.calibrated()
    ends = np.flatnonzero(np.append(chances[1:] != chances[:-1], True)) if len(chances) else np.zeros(0, np.int64)
    return tuple((float(curve.scores[end]), float(chances[end])) for end in ends[::-1])
