"""Reads numbers that are written as text, and segmentations in other layouts than COCO's."""

import json
import re
from collections.abc import Mapping
from typing import Any

from gsam_edge.coco.geometry.shapes import finite_numbers, polygon_fault, whole_number

_NUMBER = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*", re.ASCII)
#: Lists within lists: those of a segmentation of point pairs.
_DEEPEST = 3


def read_text(value: Any) -> Any:
    """Returns a value with the numbers that are written as text, "12.5", "[1, 2]" or "1 2", as numbers.

    The value itself is returned where none is; text that is something else stays.
    """
    if not isinstance(value, str):
        return _read_within(value, _DEEPEST)
    read = _read(value, _DEEPEST, "[{")
    return value if read is value and (read := _listed(value)) is None else read


def _read_within(value: Any, depth: int) -> Any:
    if isinstance(value, str):
        # No lists without brackets here: "1,5" among other numbers is one and a half.
        return _read(value, depth, "[")
    if not isinstance(value, list) or not depth:
        return value
    read = [_read_within(part, depth - 1) for part in value]
    return value if all(new is old for new, old in zip(read, value, strict=True)) else read


def _read(text: str, depth: int, brackets: str) -> Any:
    if _NUMBER.fullmatch(text):
        return float(text)
    if not text.lstrip().startswith(tuple(brackets)):
        return text
    try:
        return _read_within(json.loads(text), depth)
    except (ValueError, RecursionError):
        return text


def _listed(text: str) -> list[float] | None:
    """Reads numbers between commas, or blanks as numpy prints them; None where text is something else."""
    bare = text.strip().strip("[]()")
    parts = bare.split(",") if "," in bare else bare.split()
    return [float(part) for part in parts] if len(parts) > 1 and all(map(_NUMBER.fullmatch, parts)) else None


def read_rle_text(rle: Any) -> Any:
    """Returns an RLE whose `size` and list of `counts` are whole numbers; the value itself where they are already."""
    if not isinstance(rle, Mapping):
        return rle
    # Text of COCO's own compressed counts has no blank and no comma.
    read = {key: read_text(rle[key]) for key in ("size", "counts") if isinstance(rle.get(key), list | str)}
    lists = {key: [_whole(part) for part in value] for key, value in read.items() if isinstance(value, list)}
    changed = {key: value for key, value in lists.items() if list(map(type, value)) != [type(v) for v in rle[key]]}
    return {**rle, **changed} if changed else rle


def declared_hw(record: Mapping[str, Any]) -> tuple[int | None, int | None]:
    """Returns height and width that an image record states, None for what is no whole number."""
    return whole_number(read_text(record.get("height"))), whole_number(read_text(record.get("width")))


def is_of_nothing(segmentation: Any) -> bool:
    """Whether a segmentation is blank text, or lists without any number, `[[]]`: how tools write that there is none."""
    if isinstance(segmentation, list):
        return all(part in ([], [[]]) for part in segmentation)
    return isinstance(segmentation, str) and not segmentation.strip()


def as_segmentation(value: Any) -> Any:
    """Returns the polygons or the RLE that a value stands for, its text read; the value itself where it is plain."""
    if isinstance(value, list) and not any(map(polygon_fault, value)):
        return value
    read = in_coco_layout(read_text(value))
    return read_rle_text(read) if isinstance(read, Mapping) else as_polygons(read) if isinstance(read, list) else read


def in_coco_layout(segmentation: Any) -> Any:
    """Takes an RLE out of a list of its own, and polygons out of mappings; anything else is returned as it is.

    Read are `[{"size": ..., "counts": ...}]`, VIA's `{"all_points_x": [...], "all_points_y": [...]}`, alone or in a
    list, and points as `{"x": ..., "y": ...}`.
    """
    if isinstance(segmentation, Mapping):
        flat = _from_columns(segmentation)
        return segmentation if flat is segmentation else [flat]
    if not isinstance(segmentation, list):
        return segmentation
    if len(segmentation) == 1 and isinstance(segmentation[0], Mapping) and "counts" in segmentation[0]:
        return segmentation[0]
    points = _from_named(segmentation)
    if points is not segmentation:
        return points
    parts = [_from_columns(part) if isinstance(part, Mapping) else _from_named(part) for part in segmentation]
    return segmentation if all(new is old for new, old in zip(parts, segmentation, strict=True)) else parts


def _from_columns(shape: Mapping[str, Any]) -> Any:
    """Returns VIA's two lists as one flat polygon; anything else as it is."""
    x, y = shape.get("all_points_x"), shape.get("all_points_y")
    if not isinstance(x, list) or not isinstance(y, list) or len(x) != len(y):
        return shape
    return [value for point in zip(x, y, strict=True) for value in point]


def _from_named(points: Any) -> Any:
    """Returns points {"x", "y"} as pairs; anything else as it is."""
    if not isinstance(points, list) or not points:
        return points
    if not all(isinstance(point, Mapping) and point.keys() == {"x", "y"} for point in points):
        return points
    return [[point["x"], point["y"]] for point in points]


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
