"""Merges teacher labels into the annotations: class scores of the teacher for each true object."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gsam_edge.coco import Annotations
from gsam_edge.coco.crowds import crowds_of, share_inside
from gsam_edge.coco.errors import InvalidDatasetError
from gsam_edge.coco.predictions import Predictions
from gsam_edge.vision import Detections
from gsam_edge.vision.boxes import box_iou


@dataclass(frozen=True)
class MergeCounts:
    """Counts of true objects and teacher labels, by how they match.

    Attributes:
        objects: true objects.
        with_teacher: true objects that match a label, of whatever class.
        teacher_only: labels that match no true object; they count as mistakes and are not used for training.
        in_crowds: labels in crowd regions, which may be correct and are not used for training either.
    """

    objects: int
    with_teacher: int
    teacher_only: int
    in_crowds: int


def merge_labels(
    annotations: Annotations, teacher: Predictions, *, match_iou: float
) -> tuple[dict[int, NDArray[np.float32]], MergeCounts]:
    """Gives each true object the class scores of the matching label that scores highest.

    A label counts for the true object that it overlaps best. A true object without such a label takes the scores of any
    label that matches it. A teacher that is given the classes in several prompts may find an object once in each: the
    prompt with the object's class scores highest, whichever box is best. Boxes, classes and masks do not change.

    Args:
        annotations: the split.
        teacher: its labels; images that it did not label, and teachers without class scores, add nothing.
        match_iou: least box IoU (0..1) at which a label matches a true object, and least share of its box inside a
            crowd region at which it lies in that.

    Returns:
        Image ids to scores [N, C] of `annotations.truth(id)`, rows of NaN for objects without a label, single NaN
        for classes that the teacher was not asked for; and counts.

    Raises:
        InvalidDatasetError: if the teacher's classes are not the annotations'.
    """
    if teacher.class_names != annotations.class_names:
        raise InvalidDatasetError(
            f"teacher labels: expected the classes {annotations.class_names}, got {teacher.class_names}; label again"
        )
    scores: dict[int, NDArray[np.float32]] = {}
    objects = with_teacher = teacher_only = in_crowds = 0
    for image in annotations.images:
        truth = annotations.truth(image["id"], masks=False)
        labels = teacher.objects.get(image["id"])
        found = Detections.empty() if labels is None else labels.unmasked
        scores[image["id"]] = np.full((len(truth), annotations.num_classes), np.nan, np.float32)
        overlap = box_iou(truth.xyxy, found.xyxy)  # [N, M]: N true objects, M labels
        means = overlap >= match_iou  # [N, M], which labels match which objects
        objects += len(truth)
        unmatched = found.select(np.flatnonzero(~means.any(axis=0)))
        crowded = int((share_inside(unmatched, crowds_of(annotations, image["id"])) >= match_iou).any(axis=1).sum())
        in_crowds += crowded
        teacher_only += len(unmatched) - crowded
        if found.class_scores is None or not len(found) or not len(truth):
            continue
        seen = means.any(axis=1)  # [N]
        # A label counts for the object that it overlaps best; only objects without such a label take any match.
        own = means & (overlap == overlap.max(axis=0))  # [N, M]
        asked = np.where(own.any(axis=1, keepdims=True), own, means)  # [N, M], the labels that count for the object
        surest = np.where(asked, found.scores, -1).argmax(axis=1)  # [N], of M
        scores[image["id"]][seen] = found.class_scores[surest[seen]]
        with_teacher += int(seen.sum())
    return scores, MergeCounts(objects, with_teacher, teacher_only, in_crowds)
