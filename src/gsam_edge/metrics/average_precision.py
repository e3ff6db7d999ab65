"""Average precision at one IoU threshold, fast enough for validation during training."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gsam_edge.vision.boxes import box_iou
from gsam_edge.vision.detections import Detections


def average_precision(truths: Sequence[Detections], predictions: Sequence[Detections], iou: float) -> float:
    """Returns the mean over classes of the box average precision at one IoU.

    COCO's protocol without crowds, areas and the limit on detections: within a class, detections are taken by falling
    score over all images, each matches the free labelled box it overlaps most, and precision is interpolated at 101
    recall points. It compares the steps of a training; the published figures of a run come from the evaluation.

    Args:
        truths: labelled objects per image.
        predictions: detections per image, in the same order.
        iou: a detection matches a labelled box at this IoU or above: 0.5 for AP50.

    Returns:
        AP in 0..1, averaged over the classes that `truths` holds.

    Raises:
        ValueError: if the lengths differ or `truths` holds no object.
    """
    if len(truths) != len(predictions):
        raise ValueError(f"expected as many predictions as truths ({len(truths)}), got {len(predictions)}")
    classes = sorted({int(class_id) for truth in truths for class_id in truth.class_ids})
    if not classes:
        raise ValueError("expected at least one labelled object, got none")
    return float(np.mean([_of_class(truths, predictions, class_id, iou) for class_id in classes]))


def _of_class(truths: Sequence[Detections], predictions: Sequence[Detections], class_id: int, iou: float) -> float:
    scores: list[NDArray[np.float32]] = []
    hits: list[NDArray[np.bool_]] = []
    labelled = 0
    for truth, prediction in zip(truths, predictions, strict=True):
        wanted = truth.xyxy[truth.class_ids == class_id]
        found = prediction.select(prediction.class_ids == class_id)
        found = found.select(np.argsort(-found.scores, kind="stable"))
        labelled += len(wanted)
        scores.append(found.scores)
        hits.append(_matches(box_iou(found.xyxy, wanted), iou))
    order = np.argsort(-np.concatenate(scores), kind="stable")
    correct = np.concatenate(hits)[order]
    return interpolated_precision(np.cumsum(correct), np.cumsum(~correct), labelled)


def interpolated_precision(
    true_positives: NDArray[np.int64], false_positives: NDArray[np.int64], labelled: int
) -> float:
    """Returns the average precision, COCO's mean over 101 recall points (0..1).

    Args:
        true_positives: int64 [N], how many of the best 1..N detections of a class are correct.
        false_positives: int64 [N], how many of them are not.
        labelled: objects of the class, above 0.
    """
    recall = true_positives / labelled
    precision = true_positives / np.maximum(true_positives + false_positives, 1)
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    reached = np.searchsorted(recall, np.linspace(0, 1, 101), side="left")
    return float(np.mean(np.append(envelope, 0.0)[reached]))


def _matches(iou: NDArray[np.float32], least: float) -> NDArray[np.bool_]:
    """Returns whether each detection, by falling score, has at least this IoU with a labelled box still free.

    Args:
        iou: [N, M] of detections and labelled boxes.
        least: smallest IoU of a match.

    Returns:
        bool [N].
    """
    free = iou.copy()
    matched = np.zeros(len(iou), bool)
    for row in range(len(iou)):
        if free.shape[1] and free[row].max() >= least:
            free[:, free[row].argmax()] = -1
            matched[row] = True
    return matched
