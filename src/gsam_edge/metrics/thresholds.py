"""Scores from which objects are shown: chosen on one split, and what they come to on another."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gsam_edge.coco.annotations import Annotations
from gsam_edge.coco.packed import PackedDetections
from gsam_edge.metrics.coco.engine import AREAS, CocoEngine, Matches
from gsam_edge.metrics.score_curve import ScoreCurve

#: Key of the threshold that is chosen over all classes together.
ALL = "all"
#: What is counted at a threshold.
OBJECTS, FOUND, FALSE_ALARMS = range(3)


def recommend_thresholds(
    truth: Annotations,
    predictions: Mapping[int, PackedDetections],
    *,
    match_iou: float,
    least_objects: int,
    otherwise: float,
) -> dict[str, Any]:
    """Chooses for each class the score from which its objects are shown: the one with the highest F1.

    Args:
        truth: the split to choose on.
        predictions: image ids to what the model finds there.
        match_iou: a detection is right from this box IoU with an object of its class on (0..1).
        least_objects: a class with fewer objects takes the threshold of all classes together.
        otherwise: the threshold where the model finds no object at all (0..1).

    Returns:
        `images`; `classes`, by name {threshold, precision, recall, f1 (0..1), objects, from: "class" | "all",
        why where it is "all"}; and `all`, the same with one threshold for all classes. A share without objects or
        detections is absent.
    """
    engine = CocoEngine.of(truth, predictions, "bbox")
    matches = {category_id: areas[ALL] for category_id, areas in engine.matches([match_iou]).items()}
    together = _curve(list(matches.values()))
    best = best_threshold(together)
    common = otherwise if best is None else best
    row_of_all = _row(together, common)
    if best is None:
        row_of_all["why"] = f"no object is found at any score, so that {otherwise:g} is as good as another"
    classes = {}
    for category in truth.categories:
        curve = _curve([matches[category["id"]]])
        own = best_threshold(curve)
        if own is not None and curve.objects >= least_objects:
            classes[category["name"]] = _row(curve, own) | {"from": "class"}
            continue
        few = curve.objects < least_objects
        why = f"fewer than {least_objects} objects" if few else "none of its objects is found"
        classes[category["name"]] = _row(curve, common) | {"from": ALL, "why": f"{why}: that of all classes together"}
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
    """Returns the number with the fewest decimals, two at least, nearest the middle; above `low`, at most `high`."""
    middle = (low + high) / 2
    first = max(2, -math.floor(math.log10(high)))
    for decimals in range(first, first + 8):
        value = round(middle, decimals)
        if low < value <= high:
            return value
    return high


def _curve(matches: Sequence[Matches]) -> ScoreCurve:
    """Returns the curve of some classes together, by their matches at one IoU."""
    return ScoreCurve.of(
        np.concatenate([np.zeros(0), *(each.score[each.counted[0]] for each in matches)]),
        np.concatenate([np.zeros(0, bool), *(each.correct[0][each.counted[0]] for each in matches)]),
        sum(int(each.objects.sum()) for each in matches),
    )


def _row(curve: ScoreCurve, threshold: float) -> dict[str, Any]:
    taken = int((curve.scores >= np.float32(threshold)).sum())
    right, labels = (int(of[taken - 1]) if taken else 0 for of in (curve.right, curve.labels))
    return {"threshold": threshold, **_shares(right, curve.objects, labels - right), "objects": curve.objects}


def thresholds_of(classes: Sequence[str], recommended: Mapping[str, Any]) -> tuple[float, ...]:
    """Returns the thresholds of `recommend_thresholds` by class id."""
    return tuple(float(recommended["classes"][name]["threshold"]) for name in classes)


def shown(packed: PackedDetections, thresholds: float | Sequence[float]) -> PackedDetections:
    """Returns the detections of one image that score at least the threshold (0..1), one or one for each class id."""
    found = packed.unmasked
    least = np.asarray(thresholds, np.float32)
    return packed.select(found.scores >= (least[found.class_ids] if least.ndim else least))


@dataclass(frozen=True)
class ShownCounts:
    """What a model finds and invents in each image of a split at a threshold.

    Attributes:
        counts: objects, found ones and false alarms (detections without an object of their class, crowd regions
            aside), int64 [images, classes, 3].
        of_area: objects and found ones by size, names of `AREAS` but "all" to int64 [images, 2].
    """

    counts: NDArray[np.int64]
    of_area: Mapping[str, NDArray[np.int64]]


def count_shown(
    truth: Annotations,
    predictions: Mapping[int, PackedDetections],
    thresholds: float | Sequence[float],
    *,
    match_iou: float,
) -> ShownCounts:
    """Counts what is found and invented; `thresholds` as of `shown`, all else as of `recommend_thresholds`."""
    # Boxes are matched, so masks need not be looked at.
    boxes = {image_id: PackedDetections(packed.unmasked, None, ()) for image_id, packed in predictions.items()}
    engine = CocoEngine.of(truth, {image_id: shown(packed, thresholds) for image_id, packed in boxes.items()}, "bbox")
    images = len(truth.images)
    counts = np.zeros((images, truth.num_classes, 3), np.int64)
    of_area = {area: np.zeros((images, 2), np.int64) for area in AREAS[1:]}
    for category_id, areas in engine.matches([match_iou], AREAS).items():
        class_id, every = truth.class_id_of_category[category_id], areas[ALL]
        counts[:, class_id, OBJECTS] = every.objects
        np.add.at(counts[:, class_id, FOUND], every.image, every.correct[0])
        np.add.at(counts[:, class_id, FALSE_ALARMS], every.image, every.counted[0] & ~every.correct[0])
        for area, of_size in of_area.items():
            of_size[:, OBJECTS] += areas[area].objects
            np.add.at(of_size[:, FOUND], areas[area].image, areas[area].correct[0])
    return ShownCounts(counts, of_area)


def at_threshold(
    counted: ShownCounts, thresholds: float | Sequence[float], class_names: Sequence[str]
) -> dict[str, Any]:
    """Returns what a model comes to at a threshold.

    Returns:
        `threshold` ("recommended", or the number), `objects`, `found`, `missed`, `false_alarms`, `per_100_images`
        {found, missed, false_alarms}, and precision, recall and f1 (0..1) where they apply; `per_class`, by class
        name the same with its `threshold`.
    """
    least = np.asarray(thresholds, np.float64)
    totals = counted.counts.sum(axis=0)
    of_all = _counted(*totals.sum(axis=0).tolist())
    images = len(counted.counts)
    per_100 = {name: 100 * of_all[name] / images for name in ("found", "missed", "false_alarms")} if images else {}
    per_class = {
        name: {"threshold": float(least[class_id] if least.ndim else least), **_counted(*totals[class_id].tolist())}
        for class_id, name in enumerate(class_names)
    }
    given = "recommended" if least.ndim else float(least)
    return {"threshold": given, **of_all, "per_100_images": per_100, "per_class": per_class}


def _counted(objects: int, found: int, false_alarms: int) -> dict[str, Any]:
    counts = {"objects": objects, "found": found, "missed": objects - found, "false_alarms": false_alarms}
    return {**counts, **_shares(found, objects, false_alarms)}


def _shares(found: int, objects: int, false_alarms: int) -> dict[str, float]:
    """Returns precision, recall and F1 (0..1), without those that have no denominator."""
    shares = {
        "precision": (found, found + false_alarms),
        "recall": (found, objects),
        "f1": (2 * found, objects + found + false_alarms),
    }
    return {name: part / whole for name, (part, whole) in shares.items() if whole}
