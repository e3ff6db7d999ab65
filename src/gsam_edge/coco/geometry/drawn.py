"""Polygons and masks for the other shapes that label tools draw: ellipses, turned rectangles, outlines with holes."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gsam_edge.coco.geometry.segmentation import decode_segmentation, encode_mask
from gsam_edge.coco.geometry.shapes import (
    MAX_COORDINATE,
    OUTLINE_LIMIT,
    brief,
    clip_polygon,
    outline_length,
    polygon_fault,
)

#: Corners of the polygon that replaces an ellipse: it misses 0.16 % of its area.
_CORNERS = 64


def ellipse_polygon(centre: tuple[float, float], radii: tuple[float, float], degrees: float = 0) -> list[float]:
    """Returns a polygon [x0, y0, x1, y1, ...] of 64 corners on an ellipse.

    Args:
        centre: x and y in pixels.
        radii: along x and y before the turn, in pixels.
        degrees: the turn about the centre, clockwise as seen in the image.

    Raises:
        ValueError: if it has no area or leaves the range of coordinates.
    """
    turns = [2 * math.pi * corner / _CORNERS for corner in range(_CORNERS)]
    offsets = [(radii[0] * math.cos(turn), radii[1] * math.sin(turn)) for turn in turns]
    return _turned(centre, offsets, degrees, radii)


def rectangle_polygon(
    left_top: tuple[float, float], width_height: tuple[float, float], degrees: float, pivot: tuple[float, float]
) -> list[float]:
    """Returns the four corners [x0, y0, ...] of a rectangle that is turned about a pivot.

    Args:
        left_top: x and y of the corner before the turn, in pixels.
        width_height: in pixels.
        degrees: clockwise as seen in the image.
        pivot: x and y in pixels; stays where it is.

    Raises:
        ValueError: if it has no area or leaves the range of coordinates.
    """
    left, top = left_top[0] - pivot[0], left_top[1] - pivot[1]
    right, bottom = left + width_height[0], top + width_height[1]
    return _turned(pivot, [(left, top), (right, top), (right, bottom), (left, bottom)], degrees, width_height)


def _turned(
    pivot: tuple[float, float], offsets: Sequence[tuple[float, float]], degrees: float, sides: tuple[float, float]
) -> list[float]:
    if min(sides) <= 0:
        raise ValueError(f"expected sides or radii above 0, got {brief(sides)}")
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    flat = [v for x, y in offsets for v in (pivot[0] + x * cos - y * sin, pivot[1] + x * sin + y * cos)]
    if not all(abs(v) <= MAX_COORDINATE for v in flat):
        raise ValueError(f"expected coordinates within {MAX_COORDINATE:.0f} pixels")
    return flat


def with_holes(
    parts: Sequence[tuple[Sequence[float], Sequence[Sequence[float]]]], image_hw: tuple[int, int]
) -> dict[str, Any]:
    """Returns the RLE of polygons, each without the polygons that are cut out of it.

    Args:
        parts: outline and holes of each, [x0, y0, x1, y1, ...] in pixels; a hole of under three points cuts nothing.
        image_hw: height and width of the image, the size of the mask.

    Raises:
        ValueError: if an outline is no polygon, lies outside the image, or is too long to be drawn.
    """
    whole = np.zeros(image_hw, bool)
    for outline, holes in parts:
        mask = _drawn(outline, image_hw)
        for hole in holes:
            if len(hole) >= 6 and clip_polygon(hole, image_hw):
                mask &= ~_drawn(hole, image_hw)
        whole |= mask
    return encode_mask(whole)


def _drawn(polygon: Sequence[float], image_hw: tuple[int, int]) -> NDArray[np.bool_]:
    fault = polygon_fault(polygon)
    if fault is not None:
        raise ValueError(fault)
    inside = clip_polygon(polygon, image_hw)
    if not inside:
        raise ValueError(f"expected an outline inside an image of {image_hw[0]} x {image_hw[1]} (height x width)")
    limit = OUTLINE_LIMIT * image_hw[0] * image_hw[1]
    if outline_length(inside) > limit:
        raise ValueError(f"expected an outline of at most {limit:g} pixels, of {outline_length(inside):g}")
    return decode_segmentation([inside], image_hw)
