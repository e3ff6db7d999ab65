"""Binary masks as arrays: their boxes and their overlap."""

import numpy as np
from numpy.typing import NDArray


def masks_to_xyxy(masks: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Returns the tight corners [N, 4], float32 pixels, of masks [N, H, W]; zeros for an empty mask.

    The right and bottom corners are exclusive, so that width and height count pixels as COCO's `toBbox` does.
    """
    boxes = np.zeros((len(masks), 4), np.float32)
    for row, mask in enumerate(masks):
        columns = np.flatnonzero(mask.any(axis=0))
        lines = np.flatnonzero(mask.any(axis=1))
        if len(columns):
            boxes[row] = columns[0], lines[0], columns[-1] + 1, lines[-1] + 1
    return boxes


def paired_iou(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Returns intersection over union [N] of masks [N, H, W], row by row; 0 where both are empty."""
    union = (a | b).sum((1, 2))
    return ((a & b).sum((1, 2)) / np.maximum(union, 1)).astype(np.float32)
