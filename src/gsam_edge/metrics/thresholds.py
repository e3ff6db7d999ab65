"""Scores from which objects are worth showing, chosen on a split, and what they give on another."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from gsam_edge.coco.annotations import Annotations
from gsam_edge.coco.packed import PackedDetections
from gsam_edge.coco.predictions import Predictions
from gsam_edge.metrics.label_quality import match_labels
from gsam_edge.metrics.score_curve import ScoreCurve, score_curves

#: Key of the threshold that is chosen over all classes together.
ALL = "all"


def recommend_thresholds(
    truth: Annotations, predictions: Predictions, *, match_iou: float, least_objects: int, otherwise: float
) -> dict[str, Any]:
    """Chooses for each class the score from which its objects are shown: the one with the highest F1.

    Args:
        truth: the split to choose on.
        predictions: what the model finds there.
        match_iou: see `match_labels`.
        least_objects: a class with fewer objects takes the threshold of all classes together.
        otherwise: the threshold where the model finds no object at all (0..1).

    Returns:
        `images`; `classes`, by name {threshold, precision, recall, f1 (0..1), objects, from: "class" | "all",
        why where it is "all"}; and `all`, the same with one threshold for all classes. A share without objects or
        detections is absent.
    """
    curves, together = score_curves(truth, predictions, match_iou=match_iou)
    best = best_threshold(together)
    common = otherwise if best is None else best
    row_of_all = _row(together, common)
    if best is None:
        row_of_all["why"] = f"no object is found at any score, so that {otherwise:g} is as good as another"
    classes = {}
    for name, curve in zip(truth.class_names, curves, strict=True):
        own = best_threshold(curve)
        if own is not None and curve.objects >= least_objects:
            classes[name] = _row(curve, own) | {"from": "class"}
            continue
        found = "none of them is found" if curve.objects >= least_objects else f"fewer than {least_objects}"
        why = f"{curve.objects} objects, {found}: the threshold of all classes together"
        classes[name] = _row(curve, common) | {"from": ALL, "why": why}
    return {"images": len(truth.images), "classes": classes, ALL: row_of_all}


def best_threshold(curve: ScoreCurve) -> float | None:
    """Returns the score from which F1 is highest, None where nothing right is found.

    Of the scores between the last label that is taken and the first that is not, all of which give this F1, it is one
    with few digits, near the middle: a model whose scores differ a little, a quantised one, say, then takes the same.
    """
    f1 = 2 * curve.right / (curve.labels + curve.objects)
    if not len(f1) or not f1.max():
        return None
    best = int(f1.argmax())
    taken = float(curve.scores[best])
    left_out = float(curve.scores[best + 1]) if best + 1 < len(curve.scores) else 0.0
    return _round_between(left_out, taken)


def _round_between(low: float, high: float) -> float:
    """Returns the number with the fewest decimals nearest to the middle of two, above `low` and at most `high`."""
    middle = (low + high) / 2
    first = max(2, -math.floor(math.log10(high)))  # of the scores near 0, too, one digit is left
    for decimals in range(first, first + 8):
        value = round(middle, decimals)
        if low < value <= high:
            return value
    return high


def thresholds_of(classes: Sequence[str], recommended: Mapping[str, Any]) -> tuple[float, ...]:
    """Returns the thresholds of `recommend_thresholds` by class id."""
    return tuple(float(recommended["classes"][name]["threshold"]) for name in classes)


def shown(packed: PackedDetections, thresholds: float | Sequence[float]) -> PackedDetections:
    """Returns the detections of one image that score at least the threshold (0..1), one or one for each class id."""
    found = packed.unmasked
    least = np.asarray(thresholds, np.float32)
    return packed.select(found.scores >= (least[found.class_ids] if least.ndim else least))


def _row(curve: ScoreCurve, threshold: float) -> dict[str, Any]:
    taken = int((curve.scores >= np.float32(threshold)).sum())
    right, labels = (int(of[taken - 1]) if taken else 0 for of in (curve.right, curve.labels))
    shares = {"precision": (right, labels), "recall": (right, curve.objects), "f1": (2 * right, labels + curve.objects)}
    given = {name: part / whole for name, (part, whole) in shares.items() if whole}
    return {"threshold": threshold, **given, "objects": curve.objects}


def at_threshold(
    truth: Annotations,
    predictions: Mapping[int, PackedDetections],
    thresholds: float | Sequence[float],
    *,
    match_iou: float,
) -> dict[str, Any]:
    """Counts what a model finds, misses and invents at a threshold.

    Args:
        truth: the split.
        predictions: image ids to detections.
        thresholds: see `shown`.
        match_iou: see `match_labels`.

    Returns:
        `threshold` ("recommended", or the number), `objects`, `found`, `missed` and `false_alarms` (detections without
        an object of their class, crowd regions aside), `per_100_images` {found, missed, false_alarms}, and precision,
        recall and f1 (0..1) where they apply; `per_class` with the same counts and shares by class name.
    """
    counts = np.zeros((truth.num_classes, 3), np.int64)  # objects, found, false alarms
    for image in truth.images:
        packed = predictions.get(image["id"])
        if packed is None:
            np.add.at(counts[:, 0], truth.packed_truth(image["id"], masks=False).unmasked.class_ids, 1)
            continue
        labels = shown(PackedDetections(packed.unmasked, None, ()), thresholds)  # boxes are matched
        matched = match_labels(truth, image["id"], labels, match_iou=match_iou, prompted=False)
        found = labels.unmasked.class_ids
        right = np.zeros(len(found), bool)
        right[[row for row, _ in matched.pairs]] = True
        np.add.at(counts[:, 0], matched.truth.unmasked.class_ids, 1)
        np.add.at(counts[:, 1], found[right], 1)
        np.add.at(counts[:, 2], found[~right & ~matched.in_crowd], 1)
    least = np.asarray(thresholds, np.float64)
    of_all = _counted(*counts.sum(axis=0).tolist())
    per_100 = {name: 100 * of_all[name] / len(truth.images) for name in ("found", "missed", "false_alarms")}
    per_class = {
        name: _counted(*row) | {"threshold": float(least[class_id] if least.ndim else least)}
        for class_id, (name, row) in enumerate(zip(truth.class_names, counts.tolist(), strict=True))
    }
    given = "recommended" if least.ndim else float(least)
    return {"threshold": given, **of_all, "per_100_images": per_100, "per_class": per_class}


def _counted(objects: int, found: int, false_alarms: int) -> dict[str, Any]:
    shares = {
        "precision": (found, found + false_alarms),
        "recall": (found, objects),
        "f1": (2 * found, objects + found + false_alarms),
    }
    counts = {"objects": objects, "found": found, "missed": objects - found, "false_alarms": false_alarms}
    return {**counts, **{name: part / whole for name, (part, whole) in shares.items() if whole}}
