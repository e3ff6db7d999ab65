"""Polygons of many annotations at once: read from JSON text, with areas, lengths and extents."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from gsam_edge.coco.geometry.segmentation import polygon_areas
from gsam_edge.coco.geometry.shapes import MAX_COORDINATE

try:
    import simdjson
except ModuleNotFoundError:  # there is no wheel of it for every Python (3.14); the numbers are the same without it
    simdjson = None  # type: ignore[assignment]

#: A circle of this radius (pixels) covers the centre of a pixel wherever it lies, however pycocotools rounds: half a
#: pixel's diagonal, and up to half a pixel for corners and lines moved to a grid of fifths.
_RADIUS = 1.2

#: Longest outline (pixels) that is drawn: time and memory of drawing grow with it.
_LONGEST_DRAWN = 10_000


@dataclass(frozen=True)
class Outlines:
    """K polygons of N annotations.

    Attributes:
        xy: float64 [P, 2], the corners of all polygons, pixels.
        starts: int64 [K], the first corner of each polygon, rising.
        rows: int64 [K], the annotation that each polygon belongs to, 0..N-1, rising.
    """

    xy: NDArray[np.float64]
    starts: NDArray[np.int64]
    rows: NDArray[np.int64]

    @property
    def sizes(self) -> NDArray[np.int64]:
        """How many corners each polygon has, int64 [K]."""
        return np.diff(self.starts, append=len(self.xy))

    def areas_and_lengths(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Returns enclosed area (shoelace formula) and length of each closed polygon, float64 [K] each, pixels."""
        x, y = self.xy.T.copy()
        next_x, next_y = self._following(x), self._following(y)
        doubled = np.add.reduceat(x * next_y - next_x * y, self.starts)
        steps = np.sqrt((next_x - x) ** 2 + (next_y - y) ** 2)
        return np.abs(doubled) / 2, np.add.reduceat(steps, self.starts)

    def _following(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Returns for each corner the value of the next corner of its polygon, float64 [P]."""
        following = np.empty_like(values)
        following[:-1] = values[1:]
        following[self.starts + self.sizes - 1] = values[self.starts]
        return following

    def extents(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Returns the smallest and largest x and y of each polygon, float64 [K, 2] each."""
        return np.minimum.reduceat(self.xy, self.starts), np.maximum.reduceat(self.xy, self.starts)

    def take(self, chosen: NDArray[np.int64]) -> list[NDArray[np.float64]]:
        """Returns the chosen polygons, each as a flat list [x0, y0, x1, y1, ...]."""
        ends = self.starts + self.sizes
        pairs = zip(self.starts[chosen].tolist(), ends[chosen].tolist(), strict=True)
        return [self.xy[start:end].ravel() for start, end in pairs]

    def cover_a_pixel(
        self,
        area: NDArray[np.float64],
        length: NDArray[np.float64],
        low: NDArray[np.float64],
        high: NDArray[np.float64],
    ) -> NDArray[np.bool_]:
        """Returns whether each polygon covers a pixel of an image that contains it whole, bool [K].

        Most are wide enough to be sure (see `is_plump`); thin, small and irregular ones are drawn. One with an outline
        of more than 10,000 pixels, or beyond the edge of any image, is not drawn: False.

        Args:
            area: by `areas_and_lengths`.
            length: by `areas_and_lengths`.
            low: by `extents`.
            high: by `extents`.
        """
        covers = is_plump(area, length, high - low) & ~self._returns_to_start()
        is_drawable = (
            (self.sizes >= 3)
            & (length <= _LONGEST_DRAWN)
            & (low >= 0).all(axis=1)
            & (high <= _LONGEST_DRAWN).all(axis=1)
        )
        drawn = np.flatnonzero(~covers & is_drawable)
        if len(drawn):
            width, height = np.ceil(high[drawn].max(axis=0)).astype(int) + 1
            covers[drawn] = polygon_areas(self.take(drawn), (int(height), int(width))) > 0
        return covers

    def _returns_to_start(self) -> NDArray[np.bool_]:
        """Whether a polygon is at its first corner again before its last corner, bool [K]."""
        starts, sizes = self.starts, self.sizes
        corners = np.flatnonzero(self.xy[:, 0] == np.repeat(self.xy[starts, 0], sizes))
        polygons = np.searchsorted(starts, corners, side="right") - 1
        is_between = (corners > starts[polygons]) & (corners < starts[polygons] + sizes[polygons] - 1)
        returns = np.zeros(len(starts), bool)
        returns[polygons[is_between & (self.xy[corners, 1] == self.xy[starts[polygons], 1])]] = True
        return returns


def is_plump(
    area: NDArray[np.float64], length: NDArray[np.float64], width_height: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Whether polygons surely cover a pixel wherever they lie, bool [K]; thin and small ones have to be drawn to know.

    The largest circle within a simple closed curve has a radius above area / length (Bonnesen). A curve that runs
    several times over itself may enclose nothing, since drawing treats what lies inside twice as outside: where its
    area is more than its extent's, the result is False.

    Args:
        area: float64 [K], pixels, by the shoelace formula.
        length: float64 [K], pixels.
        width_height: float64 [K, 2], the extent of each, pixels.
    """
    return (area > _RADIUS * length) & (area <= width_height.prod(axis=1))


def read_outlines(segmentations: Sequence[bytes]) -> tuple[Outlines, NDArray[np.bool_]]:
    """Reads segmentations that are lists of polygons from their JSON text.

    Args:
        segmentations: valid JSON, one value each.

    Returns:
        The polygons of those that are lists of polygons of pairs of numbers, and for each segmentation whether it was
        one, bool [N]. Coordinates are the nearest float64, as Python's own parser gives them.
    """
    is_list = np.array([text[:1] == b"[" for text in segmentations], bool)
    rows = np.flatnonzero(is_list)
    lists = [segmentations[row] for row in rows.tolist()]
    read = _read_lists(lists)
    if read is None:  # one of them is no list of polygons: check each
        is_list[rows] = [_read_lists([text]) is not None for text in lists]
        rows = np.flatnonzero(is_list)
        read = _read_lists([segmentations[row] for row in rows.tolist()])
    if read is None:
        raise RuntimeError("expected polygons that were each readable to be readable together")
    numbers, counts, places = read
    return _in_pairs(numbers, counts, rows[places], is_list)


def _read_lists(
    lists: Sequence[bytes],
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]] | None:
    """Returns the numbers of all polygons, their count and list per polygon; None if one is no list of polygons."""
    text = b"[" + b",".join(lists) + b"]"
    numbers = _numbers_by_msgspec(text) if simdjson is None else _numbers_by_simdjson(text)
    if numbers is None:
        return None
    characters = np.frombuffer(text, np.uint8)
    brackets = np.flatnonzero((characters == ord("[")) | (characters == ord("]")))
    is_open = characters[brackets] == ord("[")
    depth = np.cumsum(np.where(is_open, 1, -1))
    is_polygon = is_open & (depth == 3)
    ends = brackets[1:][is_polygon[:-1]]
    commas = np.flatnonzero(characters == ord(","))
    counts = np.searchsorted(commas, ends) - np.searchsorted(commas, brackets[is_polygon]) + 1
    # An empty polygon has no comma either and would count as one number; numbers beside polygons are in no count.
    if depth.max() > 3 or (counts == 1).any() or counts.sum() != len(numbers):
        return None
    return numbers, counts, np.cumsum(is_open & (depth == 2))[is_polygon] - 1


def _numbers_by_simdjson(text: bytes) -> NDArray[np.float64] | None:
    """Returns all numbers in nested lists, in their order; None where anything else is there."""
    try:
        parsed: Any = simdjson.Parser().parse(text)
        return np.frombuffer(parsed.as_buffer(of_type="d"))
    except (TypeError, ValueError, RuntimeError):  # it raises these for other values and for numbers beyond float64
        return None


def _numbers_by_msgspec(text: bytes) -> NDArray[np.float64] | None:
    """Returns all numbers in lists of lists of lists, in their order; None where anything else is there."""
    try:
        lists = msgspec.json.decode(text, type=list[list[list[float]]])
    except msgspec.DecodeError:
        return None
    return np.fromiter(chain.from_iterable(chain.from_iterable(lists)), np.float64)


def _in_pairs(
    numbers: NDArray[np.float64], counts: NDArray[np.int64], rows: NDArray[np.int64], is_read: NDArray[np.bool_]
) -> tuple[Outlines, NDArray[np.bool_]]:
    """Leaves out annotations with an odd number of coordinates or one beyond any image; pairs up the rest."""
    is_strange = counts % 2 == 1
    beyond = np.flatnonzero(np.abs(numbers) > MAX_COORDINATE)
    is_strange[np.searchsorted(np.cumsum(counts), beyond, side="right")] = True
    if is_strange.any():
        is_read[rows[is_strange]] = False
        stays = is_read[rows]
        numbers, counts, rows = numbers[np.repeat(stays, counts)], counts[stays], rows[stays]
    return Outlines(numbers.reshape(-1, 2), (np.cumsum(counts) - counts) // 2, rows), is_read
