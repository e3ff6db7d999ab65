"""From the scores of many candidates to the detections of an image, the same way for every finder."""

import numpy as np
import torch
from numpy.typing import NDArray
from torchvision.ops import batched_nms

from gsam_edge.teachers.config import DetectionConfig
from gsam_edge.vision import Detections


def best_detections(
    xyxy: NDArray[np.float32], class_scores: NDArray[np.float32], config: DetectionConfig
) -> tuple[Detections, NDArray[np.int64]]:
    """What is left of candidates after threshold, suppression and count.

    Args:
        xyxy: float32 [N, 4], corners in pixels.
        class_scores: float32 [N, C] in 0..1; NaN where nothing was said about a class.
        config: threshold, candidates, suppression and count.

    Returns:
        By falling score, Detections with their `class_scores`; and their rows among the candidates, int64.
    """
    asked = np.nan_to_num(class_scores, nan=-np.inf)
    best = asked.max(1)
    rows = np.flatnonzero(best >= config.score_threshold)
    # The time of suppression grows with the square of its boxes: it is bounded here, however many candidates there are.
    rows = rows[np.argsort(-best[rows], kind="stable")[: config.candidates]]
    class_ids = asked[rows].argmax(1).astype(np.int64)
    kept = _suppressed(xyxy[rows], class_ids, config.nms_iou)[: config.max_detections]
    rows = rows[kept]
    return Detections(xyxy[rows], best[rows], class_ids[kept], class_scores=class_scores[rows]), rows


def _suppressed(xyxy: NDArray[np.float32], class_ids: NDArray[np.int64], iou_threshold: float) -> NDArray[np.int64]:
    """Returns the rows, int64, that greedy suppression within each class keeps of N boxes, the best first."""
    if not len(xyxy):
        return np.zeros(0, np.int64)
    # torchvision keeps classes apart by moving each beside the one before, which takes coordinates from 0 upwards; the
    # sums are exact enough only in double precision.
    boxes = torch.from_numpy(xyxy.astype(np.float64) - xyxy.min())
    # Ranks take the place of scores: of equal scores torchvision does not promise which one wins.
    ranks = torch.arange(len(boxes), 0, -1, dtype=boxes.dtype)
    kept: NDArray[np.int64] = batched_nms(boxes, ranks, torch.from_numpy(class_ids), iou_threshold).numpy()
    return kept
