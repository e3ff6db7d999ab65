"""Converts exact masks to COCO polygons."""

import cv2
import numpy as np
from numpy.typing import NDArray

#: Outlines are traced on a mask this many times larger, so that they follow the pixels' edges, not their centres.
_ZOOM = 4


def mask_to_polygons(mask: NDArray[np.bool_], tolerance: float) -> list[list[float]]:
    """Returns the outlines of a mask as COCO polygons.

    COCO joins the polygons of an object and has no holes, so a part with a hole is cut in two through the hole.

    Args:
        mask: bool [H, W].
        tolerance: how far a polygon may leave the outline, pixels (Douglas and Peucker's simplification).

    Returns:
        Polygons [x0, y0, x1, y1, ...] in pixels, whose origin is the corner of the top left pixel, rounded to 0.01;
        none for an empty mask.
    """
    columns, rows = np.flatnonzero(mask.any(axis=0)), np.flatnonzero(mask.any(axis=1))
    if not len(columns):
        return []
    left, top = int(columns[0]), int(rows[0])
    return _trace(mask[top : rows[-1] + 1, left : columns[-1] + 1], left, top, tolerance)


def _trace(mask: NDArray[np.bool_], left: int, top: int, tolerance: float) -> list[list[float]]:
    """Returns the polygons of a mask whose top left pixel is (left, top) of the image."""
    large = np.repeat(np.repeat(mask.astype(np.uint8), _ZOOM, axis=0), _ZOOM, axis=1)
    contours, hierarchy = cv2.findContours(large, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    if hierarchy is None:
        return []
    holes = [contour for contour, (_, _, _, parent) in zip(contours, hierarchy[0], strict=True) if parent >= 0]
    if holes:
        largest = max(holes, key=cv2.contourArea)
        cut = round(float(largest[:, 0, 0].mean()) / _ZOOM)
        return _trace(mask[:, :cut], left, top, tolerance) + _trace(mask[:, cut:], left + cut, top, tolerance)
    polygons = []
    for contour in contours:
        outline = cv2.approxPolyDP(contour, tolerance * _ZOOM, True)[:, 0].astype(np.float64)
        if len(outline) >= 3:
            points = (outline + 0.5) / _ZOOM + [left, top]
            polygons.append([round(float(value), 2) for value in points.ravel()])
    return polygons
