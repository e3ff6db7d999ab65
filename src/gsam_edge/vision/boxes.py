"""Box arithmetic on numpy arrays; every name states the box format."""

import numpy as np
from numpy.typing import ArrayLike, NDArray


def xywh_to_xyxy(xywh: ArrayLike) -> NDArray[np.float32]:
    """Converts COCO's [N, 4] (left, top, width, height) to corners [N, 4], float32, same unit."""
    boxes = np.asarray(xywh, np.float32).reshape(-1, 4)
    return np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], axis=1)


def xyxy_to_xywh(xyxy: ArrayLike) -> NDArray[np.float32]:
    """Converts corners [N, 4] to COCO's (left, top, width, height) [N, 4], float32, same unit."""
    boxes = np.asarray(xyxy, np.float32).reshape(-1, 4)
    return np.concatenate([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], axis=1)


def xyxy_to_cxcywh(xyxy: ArrayLike) -> NDArray[np.float32]:
    """Converts corners [N, 4] to (centre x, centre y, width, height) [N, 4], float32, same unit."""
    boxes = np.asarray(xyxy, np.float32).reshape(-1, 4)
    return np.concatenate([(boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]], axis=1)


def cxcywh_to_xyxy(cxcywh: ArrayLike) -> NDArray[np.float32]:
    """Converts (centre x, centre y, width, height) [N, 4] to corners [N, 4], float32, same unit."""
    boxes = np.asarray(cxcywh, np.float32).reshape(-1, 4)
    half = boxes[:, 2:] / 2
    return np.concatenate([boxes[:, :2] - half, boxes[:, :2] + half], axis=1)


def clip_xyxy(xyxy: ArrayLike, image_hw: tuple[int, int]) -> NDArray[np.float32]:
    """Clips corners [N, 4] in pixels to an image of (height, width)."""
    height, width = image_hw
    return np.clip(np.asarray(xyxy, np.float32).reshape(-1, 4), 0, [width, height, width, height]).astype(np.float32)


def box_area(xyxy: NDArray[np.float32]) -> NDArray[np.float32]:
    """Returns the areas [...] of corners [..., 4]; 0 for boxes without size."""
    return np.prod(np.clip(xyxy[..., 2:] - xyxy[..., :2], 0, None), axis=-1)


def box_iou(a_xyxy: NDArray[np.float32], b_xyxy: NDArray[np.float32]) -> NDArray[np.float32]:
    """Returns intersection over union [N, M] of corners [N, 4] and [M, 4]; 0 where both have no area."""
    return _iou(a_xyxy[:, None], b_xyxy[None, :])


def paired_box_iou(a_xyxy: NDArray[np.float32], b_xyxy: NDArray[np.float32]) -> NDArray[np.float32]:
    """Returns intersection over union [N] of corners [N, 4], row by row; 0 where both have no area."""
    return _iou(a_xyxy, b_xyxy)


def _iou(a_xyxy: NDArray[np.float32], b_xyxy: NDArray[np.float32]) -> NDArray[np.float32]:
    """Returns intersection over union [...] of corners [..., 4] of shapes that broadcast."""
    top_left = np.maximum(a_xyxy[..., :2], b_xyxy[..., :2])
    bottom_right = np.minimum(a_xyxy[..., 2:], b_xyxy[..., 2:])
    intersection = np.prod(np.clip(bottom_right - top_left, 0, None), axis=-1)
    union = box_area(a_xyxy) + box_area(b_xyxy) - intersection
    return (intersection / np.maximum(union, np.finfo(np.float32).tiny)).astype(np.float32)
