"""Non-maximum suppression by its definition."""

import numpy as np
from numpy.typing import NDArray


def suppressed(
    xyxy: NDArray[np.float32], scores: NDArray[np.float32], class_ids: NDArray[np.int64], iou_threshold: float
) -> list[int]:
    """Returns the rows that greedy suppression within each class keeps, by falling score; ties go to the earlier row.

    A row is kept unless its IoU with a better kept row of its class is above the threshold. Boxes without area overlap
    nothing.
    """
    boxes = xyxy.astype(np.float64)
    size = boxes[:, 2:] - boxes[:, :2]
    kept: list[int] = []
    for row in np.argsort(-scores, kind="stable").tolist():
        better = [other for other in kept if class_ids[other] == class_ids[row]]
        corners = boxes[better]
        inner = np.minimum(boxes[row, 2:], corners[:, 2:]) - np.maximum(boxes[row, :2], corners[:, :2])
        shared = inner.clip(0).prod(1)
        union = size[row].prod() + size[better].prod(1) - shared
        if not (shared > iou_threshold * union).any():
            kept.append(row)
    return kept
