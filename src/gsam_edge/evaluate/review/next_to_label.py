"""Which unlabelled images to label first: those that tell the student most, and that differ from one another."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gsam_edge.coco.packed import PackedDetections
from gsam_edge.evaluate.review.beliefs import LEAST_BELIEF, Beliefs
from gsam_edge.evaluate.review.config import NextToLabelConfig
from gsam_edge.vision import Detections
from gsam_edge.vision.boxes import box_iou

#: Box IoU from which student and teacher see the same object.
_SAME_IOU = 0.5
#: Columns of the table, in their order.
COLUMNS = ("rank", "file_name", "from", "score", "uncertain", "disagreement", "distance", "why")


@dataclass(frozen=True)
class Told:
    """What an image would tell the student.

    Attributes:
        uncertain: objects that the student is unsure of: the sum of 4 p (1 - p) over its detections, so that one with
            p = 0.5 counts as one.
        disagreement: objects that student and teacher disagree on, each by how far it is believed and not shared; 0
            without a teacher.
        doubted: names of the classes of these objects, the most doubtful first.
    """

    uncertain: float
    disagreement: float
    doubted: tuple[str, ...]


def told_by(
    student: PackedDetections,
    teacher: PackedDetections | None,
    beliefs: Mapping[str, Beliefs],
    class_names: Sequence[str],
) -> Told:
    """Returns what one image would tell.

    Args:
        student: what it finds there, down to low scores.
        teacher: its labels, None where there are none.
        beliefs: how far `student` and `teacher` can be believed.
        class_names: by class id.
    """
    seen, worth = _believed(student.unmasked, beliefs["student"])
    per_class = np.zeros(len(class_names))
    unsure = 4 * worth * (1 - worth)
    np.add.at(per_class, seen.class_ids, unsure)
    disagreement = 0.0
    if teacher is not None:
        labels, worth_of_labels = _believed(teacher.unmasked, beliefs["teacher"])
        for one, of_one, other, of_other in (
            (seen, worth, labels, worth_of_labels),
            (labels, worth_of_labels, seen, worth),
        ):
            alone = of_one * (1 - _shared(one, other, of_other))
            np.add.at(per_class, one.class_ids, alone)
            disagreement += float(alone.sum())
    order = [row for row in np.argsort(-per_class, kind="stable").tolist() if per_class[row] > 0]
    return Told(float(unsure.sum()), disagreement, tuple(class_names[row] for row in order[:3]))


def _believed(found: Detections, beliefs: Beliefs) -> tuple[Detections, NDArray[np.float64]]:
    worth = beliefs(found)
    rows = worth >= LEAST_BELIEF
    return found.select(rows), worth[rows]


def _shared(one: Detections, other: Detections, of_other: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns how far each detection of one is believed by the other, which sees the same there, float64 [N]."""
    if not len(other):
        return np.zeros(len(one))
    same = (box_iou(one.xyxy, other.xyxy) >= _SAME_IOU) & (one.class_ids[:, None] == other.class_ids[None, :])
    return np.asarray((same * of_other[None, :]).max(axis=1))


def choose(
    told: Sequence[Told],
    features: NDArray[np.float32],
    labelled: NDArray[np.float32],
    config: NextToLabelConfig,
) -> tuple[list[int], NDArray[np.float64]]:
    """Returns the rows of the images to label, in their order, and how far each was from all before it.

    Of the images that tell most (`shortlist`) the next one is always the one with the largest product of what it tells
    and its distance, 1 - cosine, from the labelled images and those that were taken: k-center greedy (Sener and
    Savarese 2018), weighted.

    Args:
        told: what each of N images tells.
        features: of the N images, float32 [N, F] of length 1.
        labelled: of the labelled images, float32 [M, F].
        config: how many.
    """
    worth = np.array([each.uncertain + config.disagreement * each.disagreement for each in told], np.float64)
    most = min(len(told), round(config.shortlist * config.count))
    rows = np.argsort(-worth, kind="stable")[:most]
    # An image that tells nothing differs at least.
    weight = worth[rows] + 1e-6
    distance = np.full(len(rows), 2.0)
    if len(labelled):
        distance = 1 - (features[rows] @ labelled.T).max(axis=1).astype(np.float64)
    chosen: list[int] = []
    at: list[float] = []
    is_left = np.ones(len(rows), bool)
    for _ in range(min(config.count, len(rows))):
        gain = np.where(is_left, weight * np.maximum(distance, 1e-9), -1)
        best = int(gain.argmax())
        chosen.append(int(rows[best]))
        at.append(float(distance[best]))
        is_left[best] = False
        distance = np.minimum(distance, 1 - (features[rows] @ features[rows[best]]).astype(np.float64))
    return chosen, np.array(at)


def next_to_label(
    names: Sequence[str],
    told: Sequence[Told],
    features: NDArray[np.float32],
    labelled: NDArray[np.float32],
    config: NextToLabelConfig,
    *,
    of: int,
    shown_name: Callable[[str], tuple[str, str]],
) -> dict[str, Any]:
    """Returns the report: `images` in the order in which to label them, `looked_at` and `of` (unlabelled images).

    Each image has `rank`, `file_name`, `from`, `score`, `uncertain`, `disagreement`, `distance` and `why`.

    Args:
        names: of the N images.
        told: what each tells.
        features: see `choose`.
        labelled: see `choose`.
        config: how many.
        of: how many unlabelled images there are.
        shown_name: the name of an image as a person finds it, and what it is of.
    """
    chosen, distances = choose(told, features, labelled, config)
    usual = float(np.median(1 - features @ labelled.T, axis=None)) if len(labelled) and len(names) else 0.0
    rows = []
    for rank, (row, distance) in enumerate(zip(chosen, distances.tolist(), strict=True), start=1):
        each = told[row]
        name, source = shown_name(names[row])
        rows.append(
            {
                "rank": rank,
                "file_name": name,
                "from": source,
                "score": round(each.uncertain + config.disagreement * each.disagreement, 3),
                "uncertain": round(each.uncertain, 3),
                "disagreement": round(each.disagreement, 3),
                "distance": round(distance, 4),
                "why": _why(each, distance, usual),
            }
        )
    return {"images": rows, "looked_at": len(names), "of": of}


def _why(told: Told, distance: float, usual: float) -> str:
    parts = []
    if told.uncertain >= 0.5:
        parts.append(f"the student is unsure of about {_objects(told.uncertain)}")
    if told.disagreement >= 0.5:
        parts.append(f"student and teacher disagree on about {_objects(told.disagreement)}")
    if told.doubted and parts:
        parts[-1] += f" ({', '.join(map(repr, told.doubted))})"
    if usual and distance >= usual:
        parts.append("it looks unlike the labelled images")
    return "; ".join(parts) or "the student is sure of nearly all that it finds"


def _objects(count: float) -> str:
    return "1 object" if round(count) <= 1 else f"{round(count)} objects"
