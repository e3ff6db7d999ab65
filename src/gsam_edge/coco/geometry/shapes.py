"""Reading of numbers, boxes and polygons from files, and clipping to the image. Pure functions."""

import math
import reprlib
from collections.abc import Sequence
from typing import Any, TypeAlias, TypeGuard

Point: TypeAlias = tuple[float, float]

#: Largest coordinate (pixels) that is accepted: larger ones would overflow in the arithmetic.
MAX_COORDINATE = 1e7

#: Largest area (pixels) that is accepted: that of a box with such coordinates.
MAX_AREA = MAX_COORDINATE**2

#: Text of more characters than this is no whole number of 63 bits, blanks around it included.
_LONGEST_NUMBER = 30

#: Boxes may pass the image's edge by this (pixels) without a finding: left + width rounded to three decimals.
ROUNDING = 2e-3

#: Longest outline that is drawn, in pixels per pixel of its image. Drawing needs memory by its length, and no shape of
#: whole pixels comes near this limit.
OUTLINE_LIMIT = 4.0


def whole_number(value: Any) -> int | None:
    """Returns an id or a size as int: from ints, whole floats and digits as text; None for anything else."""
    if type(value) is int:
        return value if abs(value) < 2**63 else None
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return int(value)
    if isinstance(value, str) and len(value) < _LONGEST_NUMBER and value.strip().isascii() and value.strip().isdigit():
        return whole_number(int(value))
    return None


def is_text(value: Any) -> TypeGuard[str]:
    """Whether a value is text that is not blank and can be encoded as UTF-8 (JSON may hold lone surrogates)."""
    return isinstance(value, str) and bool(value.strip()) and value.encode("utf-8", "ignore").decode("utf-8") == value


def finite_numbers(value: Any) -> list[float] | None:
    """Returns a list of numbers as floats; None where it is no list, or one is NaN, infinite or beyond any image."""
    if not isinstance(value, Sequence) or isinstance(value, str | bytes):
        return None
    for number in value:
        if type(number) not in (int, float) or not -MAX_COORDINATE <= number <= MAX_COORDINATE:
            return None
    return [float(number) for number in value]


def finite_area(value: Any) -> float | None:
    """Returns an area in pixels as float; None where it is no number, NaN, below 0 or beyond any image."""
    return float(value) if type(value) in (int, float) and 0 <= value <= MAX_AREA else None


def clip_xywh(xywh: Sequence[float], image_hw: tuple[int, int]) -> list[float] | None:
    """Clips a box (left, top, width, height; pixels) to its image; None where nothing of it is inside."""
    left, top = max(xywh[0], 0.0), max(xywh[1], 0.0)
    right, bottom = min(xywh[0] + xywh[2], image_hw[1]), min(xywh[1] + xywh[3], image_hw[0])
    return [left, top, right - left, bottom - top] if right > left and bottom > top else None


def is_inside(xywh: Sequence[float], image_hw: tuple[int, int]) -> bool:
    """Whether a box (left, top, width, height; pixels) stays within its image, rounding aside."""
    return (
        min(xywh[0], xywh[1]) >= -ROUNDING
        and xywh[0] + xywh[2] <= image_hw[1] + ROUNDING
        and xywh[1] + xywh[3] <= image_hw[0] + ROUNDING
    )


def is_polygon_inside(flat: Sequence[float], image_hw: tuple[int, int]) -> bool:
    """Whether a polygon [x0, y0, x1, y1, ...] stays within its image."""
    return min(flat) >= 0 and max(flat[::2]) <= image_hw[1] and max(flat[1::2]) <= image_hw[0]


def clip_polygon(flat: Sequence[float], image_hw: tuple[int, int]) -> list[float]:
    """Clips a polygon [x0, y0, x1, y1, ...] to its image; empty where nothing of it is inside.

    Sutherland and Hodgman, "Reentrant polygon clipping" (1974). A polygon that leaves the image and comes back stays
    one, its parts joined along the edge of the image, where they cover no pixel.
    """
    points: list[Point] = list(zip(flat[::2], flat[1::2], strict=True))
    for axis, limit in enumerate((image_hw[1], image_hw[0])):
        points = _clip_half_plane(points, axis, 0.0, 1)
        points = _clip_half_plane(points, axis, float(limit), -1)
    return [coordinate for point in points for coordinate in point]


def _clip_half_plane(points: list[Point], axis: int, limit: float, sign: int) -> list[Point]:
    """Returns the polygon's part above (sign 1) or below (sign -1) a limit on one axis."""
    kept: list[Point] = []
    for previous, point in zip([*points[-1:], *points[:-1]], points, strict=True):
        before, after = sign * (previous[axis] - limit), sign * (point[axis] - limit)
        if (before < 0) != (after < 0):
            share = before / (before - after)
            other = previous[1 - axis] + share * (point[1 - axis] - previous[1 - axis])
            kept.append((limit, other) if axis == 0 else (other, limit))
        if after >= 0:
            kept.append(point)
    return kept


def polygon_fault(polygon: Any) -> str | None:
    """Returns why a value is no polygon [x0, y0, x1, y1, x2, y2, ...]; None where it is one."""
    numbers = finite_numbers(polygon)
    if numbers is None:
        return "expected finite numbers"
    if len(numbers) % 2:
        return f"expected pairs of x and y, got {len(numbers)} numbers"
    if len(numbers) < 6:
        return f"expected three points or more, got {len(numbers) // 2}"
    return None


def outline_length(flat: Sequence[float]) -> float:
    """Returns the length of a closed polygon [x0, y0, x1, y1, ...] in pixels."""
    x, y = flat[::2], flat[1::2]
    return sum(math.hypot(x[i] - x[i - 1], y[i] - y[i - 1]) for i in range(len(x)))


def enclosed_area(flat: Sequence[float]) -> float:
    """Returns the area of a closed polygon [x0, y0, x1, y1, ...] in pixels, by the shoelace formula, as COCO does."""
    x, y = flat[::2], flat[1::2]
    return abs(sum(x[i - 1] * y[i] - x[i] * y[i - 1] for i in range(len(x)))) / 2


def is_close(a: float, b: float, tolerance: float) -> bool:
    """Whether `a` is within the share `tolerance` of `b`, or within one pixel."""
    return math.isclose(a, b, rel_tol=0, abs_tol=max(1.0, tolerance * abs(b)))


#: Longest text in a message that is shown whole, quotes included.
_LONGEST_SHOWN = 80


class _Brief(reprlib.Repr):
    """A short repr that survives any JSON value, however long or deep."""

    def __init__(self) -> None:
        super().__init__()
        self.maxstring = self.maxother = _LONGEST_SHOWN

    def repr1(self, x: Any, level: int) -> str:
        # The usual values of records, a million of which may be at fault; escaped, a text may take twice its length.
        if x is None or (type(x) is str and len(x) < _LONGEST_SHOWN // 2 - 1 and x.isprintable()):
            return repr(x)
        return super().repr1(x, level)

    def repr_int(self, x: int, level: int) -> str:
        return repr(x) if x.bit_length() < 256 else f"a number of {x.bit_length()} bits"


#: Returns a short text of any value, for messages.
brief = _Brief().repr
