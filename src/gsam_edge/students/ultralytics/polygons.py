"""Masks as the polygons that Ultralytics augments, and back."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from gsam_edge.students.ultralytics.coverage import coverage
from gsam_edge.vision.letterbox import MASK_THRESHOLD
from gsam_edge.vision.masks import CroppedMasks


def outlines(masks: CroppedMasks | None, xyxy: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    """Returns each object's polygon: around its mask, or its box [N, 4] where the mask is empty; none without masks."""
    if masks is None:
        return []
    polygons = (_polygon_in(masks, row) for row in range(len(masks)))
    return [rectangle(box) if polygon is None else polygon for polygon, box in zip(polygons, xyxy, strict=True)]


def mask_polygon(mask: NDArray[np.bool_]) -> NDArray[np.float32] | None:
    """Returns one closed polygon [P, 2] (x, y pixels) around all parts and holes of a mask [H, W]; None if it is empty.

    It runs along the pixels' edges, so that `coverage` gives the mask back exactly. Parts and holes are joined by
    lines that are run along and back, and cover nothing.
    """
    lines, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(lines):
        return None
    part = mask[lines[0] : lines[-1] + 1, columns[0] : columns[-1] + 1].astype(np.uint8)
    # OpenCV's contours run through the middle of pixels. In a mask of twice the size the two pixels on either side of a
    # corner have numbers that halve, rounded up, to the corner's coordinate.
    doubled = cv2.resize(part, None, fx=2, fy=2, interpolation=cv2.INTER_NEAREST)
    contours, _ = cv2.findContours(doubled, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    loops = [(contour[[*range(len(contour)), 0], 0] + 1) // 2 for contour in contours]
    back = [loop[:1] for loop in loops[-2:0:-1]]  # through the loops' first corners to the first loop's
    corner = np.array([columns[0], lines[0]])
    return (np.concatenate([*loops, *back]) + corner).astype(np.float32)


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
