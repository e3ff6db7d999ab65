"""What kinds of mistakes a model makes: confusion of classes, kinds of errors, calibration, precision by recall."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gsam_edge.coco.annotations import Annotations
from gsam_edge.coco.packed import PackedDetections
from gsam_edge.metrics.accuracy import CALIBRATION_BINS, calibrated_part
from gsam_edge.metrics.coco.engine import CocoEngine
from gsam_edge.metrics.detection import CocoEvaluation, by_class
from gsam_edge.metrics.thresholds import shown

#: The last row and column of a confusion matrix.
BACKGROUND = "background"
#: Kinds of errors (Bolya et al. 2020, "TIDE: A General Toolbox for Identifying Object Detection Errors"), and what they
#: mean, in words.
ERRORS: Mapping[str, str] = {
    "Cls": "the right place, the wrong class",
    "Loc": "the right class, the box too far off (IoU 0.1 to 0.5)",
    "Both": "the wrong class, and the box too far off",
    "Dupe": "found a second time",
    "Bkg": "nothing is there",
    "Miss": "not found at all",
}


def confusion(
    truth: Annotations,
    predictions: Mapping[int, PackedDetections],
    thresholds: float | Sequence[float],
    *,
    match_iou: float,
) -> dict[str, Any]:
    """Returns which class is taken for which at a threshold.

    Args:
        truth: the split.
        predictions: image ids to detections.
        thresholds: see `thresholds.shown`.
        match_iou: a detection is of an object from this box IoU on (0..1), whatever their classes.

    Returns:
        `names` of the classes and the background; `counts`, a row for each true class, a column for each found one.
    """
    boxes = {image_id: PackedDetections(packed.unmasked, None, ()) for image_id, packed in predictions.items()}
    engine = CocoEngine.of(truth, {image_id: shown(packed, thresholds) for image_id, packed in boxes.items()}, "bbox")
    names = [*truth.class_names, BACKGROUND]
    place = [engine.category_ids.index(category["id"]) for category in truth.categories]
    place.append(len(place))
    return {"names": names, "counts": engine.confusion(match_iou)[np.ix_(place, place)].tolist()}


def errors(truth: Annotations, predictions: Mapping[int, PackedDetections]) -> dict[str, dict[str, float]]:
    """Returns for each kind of `ERRORS` by how much box mAP50 would rise without it, `map50`, and its `count`."""
    boxes = {image_id: PackedDetections(packed.unmasked, None, ()) for image_id, packed in predictions.items()}
    rise, counts = CocoEngine.of(truth, boxes, "bbox").errors()
    return {name: {"map50": float(rise[name]), "count": int(counts[name])} for name in ERRORS}


def calibration(truth: Annotations, predictions: Mapping[int, PackedDetections]) -> dict[str, Any]:
    """Returns how far scores are from the share of right detections among those of the score.

    Returns:
        `ece`, the expected calibration error (Guo et al. 2017, "On Calibration of Modern Neural Networks", section 2),
        0..1, and `bins` {low, high, score, correct, count}, of equal width; of bins without detections score and
        correct are absent. Nothing where no detection counts.
    """
    found = CocoEngine.of(truth, calibrated_part(predictions), "bbox").calibration(CALIBRATION_BINS, 0.5)
    if not found["num_detections"]:
        return {}
    bins = []
    for each in found["bins"]:
        row = {"low": each["bin_lower"], "high": each["bin_upper"], "count": int(each["count"])}
        if each["count"]:
            row |= {"score": float(each["avg_confidence"]), "correct": float(each["avg_accuracy"])}
        bins.append(row)
    return {"ece": float(found["ece"]), "bins": bins}


def curves(truth: Annotations, evaluation: CocoEvaluation) -> dict[str, list[list[float]]]:
    """Returns [recall, precision] at IoU 0.5 by class name, up to the last recall that is reached."""
    return {name: _curve(precision) for name, precision in by_class(truth, evaluation.curve_of_category).items()}


def _curve(precision: NDArray[np.float64]) -> list[list[float]]:
    reached = int((precision > 0).sum())  # it only falls, to 0 where a recall is not reached
    return [[round(point / 100, 2), round(float(value), 4)] for point, value in enumerate(precision[:reached])]
