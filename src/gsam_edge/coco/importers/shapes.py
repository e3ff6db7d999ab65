"""Shapes of label tools as COCO has them: boxes, polygons and RLE. Pure functions; coordinates are pixels, y down."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gsam_edge.coco.geometry.segmentation import decode_segmentation, encode_mask
from gsam_edge.coco.geometry.shapes import MAX_COORDINATE, OUTLINE_LIMIT, Point, brief, clip_polygon, outline_length

#: Corners of the polygon that replaces an ellipse: it misses 0.16 % of its area.
_ELLIPSE_CORNERS = 64


def tight_box(points: Sequence[Point]) -> list[float]:
    """Returns the box (left, top, width, height) around points in any order."""
    left, right = min(x for x, _ in points), max(x for x, _ in points)
    top, bottom = min(y for _, y in points), max(y for _, y in points)
    return [left, top, right - left, bottom - top]


def box_polygon(xywh: Sequence[float]) -> list[float]:
    """Returns the polygon [x0, y0, ...] of a box's four corners, clockwise from left and top."""
    left, top, width, height = xywh
    return [left, top, left + width, top, left + width, top + height, left, top + height]


def turned(polygon: Sequence[float], degrees: float, about: Point) -> list[float]:
    """Returns a polygon [x0, y0, ...] turned clockwise, as one sees it, about a point."""
    (x, y), sine, cosine = about, math.sin(math.radians(degrees)), math.cos(math.radians(degrees))
    steps = [(polygon[i] - x, polygon[i + 1] - y) for i in range(0, len(polygon), 2)]
    return [v for dx, dy in steps for v in (x + dx * cosine - dy * sine, y + dx * sine + dy * cosine)]


def ellipse(centre: Point, radii: Point, degrees: float = 0.0) -> list[float]:
    """Returns a polygon [x0, y0, ...] of 64 corners on an ellipse.

    Args:
        centre: x and y.
        radii: half its width and half its height, before it is turned.
        degrees: by how much it is turned clockwise about its centre.
    """
    (x, y), (across, down) = centre, radii
    turns = [2 * math.pi * corner / _ELLIPSE_CORNERS for corner in range(_ELLIPSE_CORNERS)]
    upright = [v for t in turns for v in (x + across * math.cos(t), y + down * math.sin(t))]
    return turned(upright, degrees, centre) if degrees else upright


def usable(polygon: list[float], sides: Point) -> list[float]:
    """Returns a polygon [x0, y0, ...] that was made of two sides or radii.

    Raises:
        ValueError: if one of them is not above 0, or the polygon leaves the range of coordinates.
    """
    if min(sides) <= 0:
        raise ValueError(f"expected sides or radii above 0, got {brief(sides)}")
    if not all(abs(v) <= MAX_COORDINATE for v in polygon):
        raise ValueError(f"expected coordinates within {MAX_COORDINATE:.0f} pixels")
    return polygon


def drawn(segmentation: Any, image_hw: tuple[int, int]) -> NDArray[np.bool_]:
    """Draws polygons or an RLE into an image, bool [H, W]; what is outside of it is cut off first.

    Raises:
        ValueError: if it is neither, an RLE is not of this size, or an outline is longer than any shape of pixels.
    """
    if isinstance(segmentation, Mapping):
        return decode_segmentation(segmentation, image_hw)
    inside = [polygon for polygon in (clip_polygon(flat, image_hw) for flat in segmentation) if len(polygon) >= 6]
    length, limit = sum(map(outline_length, inside)), OUTLINE_LIMIT * image_hw[0] * image_hw[1]
    if length > limit:
        raise ValueError(f"expected an outline of at most {limit:.0f} pixels, got {length:.0f}")
    return decode_segmentation(inside, image_hw) if inside else np.zeros(image_hw, bool)


def cut_out(segmentation: Any, holes: Sequence[Any], image_hw: tuple[int, int]) -> dict[str, Any]:
    """Returns a segmentation without its holes, as RLE ready for JSON; it may cover no pixel.

    Args:
        segmentation: polygons, or an RLE of the image's size.
        holes: likewise; each is cut out with all its pixels.
        image_hw: height and width of the image.

    Raises:
        ValueError: as `drawn`.
    """
    mask = drawn(segmentation, image_hw)
    for hole in holes:
        mask &= ~drawn(hole, image_hw)
    return encode_mask(mask)


def united(segmentations: Sequence[Any], image_hw: tuple[int, int]) -> dict[str, Any]:
    """Returns the area of several segmentations, as RLE ready for JSON. Raises ValueError as `drawn`."""
    mask = np.zeros(image_hw, bool)
    for segmentation in segmentations:
        mask |= drawn(segmentation, image_hw)
    return encode_mask(mask)
