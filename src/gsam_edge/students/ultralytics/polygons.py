"""Masks as the polygons that Ultralytics augments, and back."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gsam_edge.coco.geometry.mask_polygon import mask_polygon
from gsam_edge.students.ultralytics.coverage import coverage
from gsam_edge.vision.letterbox import MASK_THRESHOLD
from gsam_edge.vision.masks import CroppedMasks


def outlines(masks: CroppedMasks | None, xyxy: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    """Returns each object's polygon: around its mask, or its box [N, 4] where the mask is empty; none without masks."""
    if masks is None:
        return []
    polygons = (_polygon_in(masks, row) for row in range(len(masks)))
    return [rectangle(box) if polygon is None else polygon for polygon, box in zip(polygons, xyxy, strict=True)]


def _polygon_in(masks: CroppedMasks, row: int) -> NDArray[np.float32] | None:
    polygon = mask_polygon(masks.part(row))
    return None if polygon is None else polygon + masks.windows_xyxy[row, :2].astype(np.float32)


def rectangle(xyxy: NDArray[np.float32]) -> NDArray[np.float32]:
    """Returns a box's corners [4, 2], the polygon of an object without a mask; no mask is learnt from it."""
    left, top, right, bottom = xyxy
    return np.array([[left, top], [right, top], [right, bottom], [left, bottom]], np.float32)


def polygon_masks(polygons: Sequence[NDArray[np.float32]], image_hw: tuple[int, int]) -> CroppedMasks:
    """Returns masks of an image's size of closed polygons [P, 2] (x, y pixels) of `mask_polygon`, also after scaling.

    A pixel belongs to the object that covers half of it. Of an object so thin that such pixels hold less than half of
    its area, the most covered ones belong to it, as many as make up its area, and those covered as much.
    """
    windows: list[tuple[int, int, int, int]] = []
    parts: list[NDArray[np.bool_]] = []
    for top, left, part in coverage(polygons, image_hw):
        least, area = MASK_THRESHOLD, part.sum()
        if part[part >= least].sum() < area / 2:
            pixels = max(1, round(float(area)))
            least = np.partition(part.ravel(), -pixels)[-pixels]
        windows.append((left, top, left + part.shape[1], top + part.shape[0]))
        parts.append(part >= least)
    return CroppedMasks.pack(image_hw, np.array(windows, np.int64).reshape(-1, 4), parts)
