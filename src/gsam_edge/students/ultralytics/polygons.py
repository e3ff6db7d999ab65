"""Converts masks to the polygons that Ultralytics augments, and back."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from gsam_edge.students.ultralytics.imports import merge_multi_segment


def outlines(masks: NDArray[np.bool_] | None, xyxy: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    """Returns each object's polygon: around its mask, or its box [N, 4] where the mask is empty; none without masks."""
    if masks is None:
        return []
    polygons = (mask_polygon(mask) for mask in masks)
    return [rectangle(box) if polygon is None else polygon for polygon, box in zip(polygons, xyxy, strict=True)]


def mask_polygon(mask: NDArray[np.bool_]) -> NDArray[np.float32] | None:
    """Returns one closed polygon [P, 2] (x, y pixels) around all parts and holes of a mask [H, W]; None if it is empty.

    Parts and holes are joined by lines without width. Filling by the even-odd rule, as Ultralytics does with OpenCV,
    restores the mask, plus one pixel along those lines.
    """
    contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    if not contours:
        return None
    parts = [contour.reshape(-1, 2).astype(np.float32) for contour in contours]
    joined = parts[0] if len(parts) == 1 else np.concatenate(merge_multi_segment(parts), axis=0).astype(np.float32)
    first, last = joined.min(0), joined.max(0)
    if (last == first).any():
        return rectangle(np.concatenate([first, last + 1]))
    # OpenCV's points are pixel indices, a polygon's are coordinates: stretched by one pixel, it fits the mask's box.
    return first + (joined - first) * ((last + 1 - first) / (last - first))


def rectangle(xyxy: NDArray[np.float32]) -> NDArray[np.float32]:
    """Returns a box's corners [4, 2], the polygon of an object without a mask; no mask is learnt from it."""
    left, top, right, bottom = xyxy
    return np.array([[left, top], [right, top], [right, bottom], [left, bottom]], np.float32)


def polygon_masks(polygons: Sequence[NDArray[np.float32]], image_hw: tuple[int, int]) -> NDArray[np.bool_]:
    """Returns masks bool [N, H, W] of closed polygons [P, 2] (x, y pixels) of `mask_polygon`, also after scaling.

    Filled by the even-odd rule, as Ultralytics does; a hole lacks its outermost pixels, on which OpenCV draws its line.
    """
    masks = np.zeros((len(polygons), *image_hw), np.uint8)
    for mask, polygon in zip(masks, polygons, strict=True):
        first, end = polygon.min(0), polygon.max(0)
        last = np.maximum(end - 1, first)
        named = first + (polygon - first) * ((last - first) / (end - first))
        cv2.fillPoly(mask, [np.rint(named).astype(np.int32)], 1)
    return masks.astype(bool)
