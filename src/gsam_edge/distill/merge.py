"""Truth and teacher in one: true objects that carry the teacher's opinion of their class."""

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
    """What the teacher had to say about the truth.

    Attributes:
        objects: true objects.
        with_teacher: true objects that the teacher saw, whatever it took them for.
        teacher_only: teacher objects that overlap no true one; on labelled images they are mistakes and teach nothing.
        in_crowds: teacher objects in crowd regions, which may be right and teach nothing either.
    """

    objects: int
    with_teacher: int
    teacher_only: int
    in_crowds: int


def merge_labels(
    annotations: Annotations, teacher: Predictions, *, match_iou: float
) -> tuple[dict[int, NDArray[np.float32]], MergeCounts]:
    """Give each true object the class scores of the teacher's surest object over it, one that overlaps none better.

    A teacher that is asked in several prompts may find an object once in each: the prompt that holds the object's class
    is the surest, wherever the best box comes from. Boxes, classes and masks stay the truth's.

    Args:
        annotations: the split.
        teacher: its labels; images that it did not label, and teachers without class scores, add nothing.
        match_iou: least box IoU (0..1) at which the teacher means the object; and the share of its box from which it
            lies in a crowd region.

    Returns:
        Image ids to scores [N, C] of `annotations.truth(id)`, rows of NaN where the teacher saw nothing, single NaN
        where it was not asked for a class; and counts.

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
        overlap = box_iou(truth.xyxy, found.xyxy)  # [N, M]: N true objects, M finds of the teacher
        means = overlap >= match_iou  # [N, M], which finds may mean which objects
        objects += len(truth)
        lonely = found.select(np.flatnonzero(~means.any(axis=0)))
        crowded = int((share_inside(lonely, crowds_of(annotations, image["id"])) >= match_iou).any(axis=1).sum())
        in_crowds += crowded
        teacher_only += len(lonely) - crowded
        if found.class_scores is None or not len(found) or not len(truth):
            continue
        seen = means.any(axis=1)  # [N]
        # A find speaks for the object that it overlaps best, before it speaks for a neighbour of that one.
        own = means & (overlap == overlap.max(axis=0))  # [N, M]
        asked = np.where(own.any(axis=1, keepdims=True), own, means)  # [N, M], whose finds speak for the object
        surest = np.where(asked, found.scores, -1).argmax(axis=1)  # [N], of M
        scores[image["id"]][seen] = found.class_scores[surest[seen]]
        with_teacher += int(seen.sum())
    return scores, MergeCounts(objects, with_teacher, teacher_only, in_crowds)
