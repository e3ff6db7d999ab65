"""Reads numbers that are written as text, and polygons in other layouts than COCO's."""

import json
import re
from collections.abc import Mapping
from typing import Any

from gsam_edge.coco.geometry.shapes import finite_numbers, polygon_fault

_NUMBER = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*", re.ASCII)
#: Lists within lists: those of a segmentation of point pairs.
_DEEPEST = 3


def read_text(value: Any, depth: int = _DEEPEST) -> Any:
    """Returns a value with the numbers that are written as text, "12.5" or "[1, 2]", as numbers.

    The value itself is returned where none is; text that is something else stays.
    """
    if isinstance(value, str):
        return _read(value, depth)
    if not isinstance(value, list) or not depth:
        return value
    read = [read_text(part, depth - 1) for part in value]
    return value if all(new is old for new, old in zip(read, value, strict=True)) else read


def _read(text: str, depth: int) -> Any:
    if _NUMBER.fullmatch(text):
        return float(text)
    if not text.lstrip().startswith("["):
        return text
    try:
        return read_text(json.loads(text), depth)
    except (ValueError, RecursionError):
        return text


def read_rle_text(rle: Any) -> Any:
    """Returns an RLE whose `size` and list of `counts` are whole numbers; the value itself where none is text."""
    if not isinstance(rle, Mapping):
        return rle
    read = {key: read_text(rle[key]) for key in ("size", "counts") if isinstance(rle.get(key), list)}
    changed = {key: [_whole(part) for part in value] for key, value in read.items() if value is not rle[key]}
    return {**rle, **changed} if changed else rle


def _whole(number: Any) -> Any:
    return int(number) if isinstance(number, float) and number.is_integer() else number


def as_polygons(segmentation: list[Any]) -> list[Any]:
    """Returns a list of polygons [x0, y0, x1, y1, ...] of a segmentation in another layout.

    Read are one flat polygon that is in no list, and points as pairs: [[x, y], ...] or [[[x, y], ...], ...]. The
    segmentation itself is returned where it has none of these layouts.
    """
    if finite_numbers(segmentation) is not None:
        return [segmentation]
    points = _from_pairs(segmentation)
    if points is not segmentation:
        return [points]
    parts = [_from_pairs(part) for part in segmentation]
    return segmentation if all(new is old for new, old in zip(parts, segmentation, strict=True)) else parts


def _from_pairs(points: Any) -> Any:
    """Returns three or more points [x, y] as one flat polygon; anything else as it is."""
    if not isinstance(points, list) or not all(isinstance(point, list) and len(point) == 2 for point in points):
        return points
    flat = [coordinate for point in points for coordinate in point]
    return points if polygon_fault(flat) else flat
