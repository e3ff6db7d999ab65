"""Greedy non-maximum suppression in numpy."""

import numpy as np
from numpy.typing import NDArray

from gsam_edge.vision.boxes import box_iou

#: Boxes that are settled at once: memory grows with this times the number of boxes, not with its square.
_BLOCK = 512


def unsuppressed(xyxy: NDArray[np.float32], class_ids: NDArray[np.int64], iou_threshold: float) -> NDArray[np.bool_]:
    """Tells which boxes greedy suppression within each class keeps.

    It is the one solution of "a box is kept if no better kept box of its class overlaps it", so the rule is applied
    until nothing changes, block after block.

    Args:
        xyxy: float32 [N, 4], corners, best first.
        class_ids: int64 [N].
        iou_threshold: a box is dropped when its IoU with a better kept one of its class is above this (0..1).

    Returns:
        bool [N].
    """
    kept = np.zeros(len(xyxy), bool)
    for start in range(0, len(xyxy), _BLOCK):
        block = slice(start, start + _BLOCK)
        before = np.flatnonzero(kept)
        free = ~_drops(xyxy, class_ids, before, block, iou_threshold).any(0)
        within = np.triu(_drops(xyxy, class_ids, block, block, iou_threshold), 1)
        keep = free
        while True:
            previous, keep = keep, free & ~within[keep].any(0)
            if (keep == previous).all():
                break
        kept[block] = keep
    return kept


def _drops(
    xyxy: NDArray[np.float32],
    class_ids: NDArray[np.int64],
    better: NDArray[np.int64] | slice,
    worse: slice,
    iou_threshold: float,
) -> NDArray[np.bool_]:
    """Tells of all pairs, [better, worse], whether they are of one class and overlap by more than the threshold."""
    overlapping = box_iou(xyxy[better], xyxy[worse]) > iou_threshold
    return overlapping & (class_ids[better][:, None] == class_ids[worse])
