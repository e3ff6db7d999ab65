"""From the scores of many candidates to the detections of an image, the same way for every finder."""

import numpy as np
from numpy.typing import NDArray

from gsam_edge.teachers.config import DetectionConfig
from gsam_edge.vision import Detections
from gsam_edge.vision.boxes import nms


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
    # Suppression compares all with all: its cost is bounded here, however many candidates there are.
    rows = rows[np.argsort(-best[rows], kind="stable")[: config.candidates]]
    class_ids = asked[rows].argmax(1).astype(np.int64)
    kept = nms(xyxy[rows], best[rows], class_ids, config.nms_iou)[: config.max_detections]
    rows = rows[kept]
    return Detections(xyxy[rows], best[rows], class_ids[kept], class_scores=class_scores[rows]), rows
