"""Which part of each cell of a grid a polygon covers: the area itself, without a line drawn around it."""

from collections.abc import Iterator, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from gsam_edge.vision.letterbox import MASK_THRESHOLD

#: Lines on which a cell is measured. Along a line the measure is exact, across the lines to half of their distance.
_LINES = 8

#: Points along a cell's side at which a mask to learn is read, and how often its shares are raised: because of the
#: limit at 1, one round falls short.
_ZOOM, _ROUNDS = 4, 4

#: What the outermost points that are to be read as the object's are raised to: just above the threshold.
_ABOVE = 1.001 * MASK_THRESHOLD

#: No further round is needed once the factor is this close to 1.
_CLOSE = 0.01

#: Objects whose whole cells hold this share of their area show it as they are, to 1 %. Cells covered by this share are
#: whole.
_MOST, _WHOLE = 0.75, 0.99


def learnable_masks(polygons: Sequence[NDArray[np.float32]], grid_hw: tuple[int, int]) -> NDArray[np.float32]:
    """Returns masks to learn, that show each polygon's own area once they are read as inference reads masks.

    A cell holds its covered share. Inference interpolates between cells (bilinear) and takes what is above 0.5: of a
    large object that is its area; of one of few cells, or as thin as a cell, it is too little or nothing. The shares of
    such objects are raised by a factor, up to 1 at most, with which they show their area.

    Args:
        polygons: as `coverage` takes them.
        grid_hw: height and width of the grid, cells.

    Returns:
        float32 [N, h, w] in 0..1; of each polygon one cell at least is above 0.5.
    """
    masks = np.zeros((len(polygons), *grid_hw), np.float32)
    for mask, (top, left, part) in zip(masks, coverage(polygons, grid_hw), strict=True):
        bottom, right = top + part.shape[0], left + part.shape[1]
        mask[top:bottom, left:right] = part
        if part[part > _WHOLE].sum() < _MOST * part.sum():
            _show_area(mask[max(top - 1, 0) : bottom + 1, max(left - 1, 0) : right + 1])
    return masks


def _show_area(window: NDArray[np.float32]) -> None:
    """Raises covered shares [h, w], with the empty cells around them, in place; see `learnable_masks`."""
    points = max(1, round(float(window.sum()) * _ZOOM**2))
    for _ in range(_ROUNDS):
        read = cv2.resize(window, None, fx=_ZOOM, fy=_ZOOM, interpolation=cv2.INTER_LINEAR).ravel()
        inner, outer = np.partition(read, (-points - 1, -points))[[-points, -points - 1]]
        factor = _ABOVE / ((inner + outer) / 2)
        np.minimum(window * factor, 1, out=window)
        if abs(factor - 1) < _CLOSE:
            return


def coverage(
    polygons: Sequence[NDArray[np.float32]], grid_hw: tuple[int, int]
) -> Iterator[tuple[int, int, NDArray[np.float64]]]:
    """Measures the covered share of each cell of a grid by each polygon.

    Signed areas are added up from edge to edge, as font rasterisers do: a line that a polygon runs along and back, as
    to its next part, cancels out. What lies outside the grid is left out.

    Args:
        polygons: N closed polygons [P, 2], x and y in cells, with holes running the other way than their outlines. Each
            reaches into the grid.
        grid_hw: height and width of the grid, cells.

    Yields:
        For each polygon the first line and column of its window of the grid, and the covered shares in it, float64
        [h, w] in 0..1, not all 0: a polygon too thin to be measured covers a little of the cells of its corners.
    """
    if not len(polygons):
        return
    xy = np.concatenate(polygons)
    counts = np.array([len(polygon) for polygon in polygons])
    starts, end = np.cumsum(counts) - counts, np.array(grid_hw[::-1])
    low = np.clip(np.floor(np.minimum.reduceat(xy, starts)), 0, end - 1).astype(np.int64)
    size = np.clip(np.ceil(np.maximum.reduceat(xy, starts)), low + 1, end).astype(np.int64) - low
    for polygon, start, part in zip(polygons, low, _parts(xy, counts, low, size, grid_hw), strict=True):
        if not part.any():
            x, y = np.clip(np.floor(polygon).astype(np.int64) - start, 0, np.array(part.shape[::-1]) - 1).T
            part[y, x] = 1 / _LINES
        yield int(start[1]), int(start[0]), part


def _parts(
    xy: NDArray[np.float32],
    counts: NDArray[np.int64],
    low: NDArray[np.int64],
    size: NDArray[np.int64],
    grid_hw: tuple[int, int],
) -> list[NDArray[np.float64]]:
    """Returns the covered share of the cells of each polygon's window.

    Args:
        xy: corners [P, 2] of all N polygons, cells.
        counts: int64 [N], corners of each.
        low: int64 [N, 2], first cell (x, y) of each window.
        size: int64 [N, 2], width and height of each window.
        grid_hw: height and width of the grid, cells.
    """
    stride = size[:, 0] + 2
    ends = np.cumsum(size[:, 1] * stride)
    first = ends - (size[:, 1] + low[:, 1]) * stride - low[:, 0]  # where a polygon's cell (0, 0) would be
    row, line, x, down = _crossings(xy, counts, grid_hw[0])
    x = np.clip(x, 0, grid_hw[1])
    cell = x.astype(np.int64)
    # A crossing adds its line to all cells on its right: to its own cell the part that is right of it, the rest to the
    # next. So a line's sum is 0, and one running sum serves all lines of all polygons.
    place = first[row] + line // _LINES * stride[row] + cell
    whole = np.where(down, 1 / _LINES, -1 / _LINES)
    late = whole * (x - cell)
    steps = np.bincount(place, whole - late, ends[-1]) + np.bincount(place + 1, late, ends[-1])
    # Rounded: the running sum leaves 1e-16 where nothing is. As float: without crossings bincount gives integers.
    parts = np.split(np.abs(np.cumsum(steps, dtype=np.float64).round(9)), ends[:-1])
    return [part.reshape(lines, -1)[:, :-2] for part, lines in zip(parts, size[:, 1].tolist(), strict=True)]


def _crossings(
    xy: NDArray[np.float32], counts: NDArray[np.int64], height: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64], NDArray[np.bool_]]:
    """Returns where polygons cross the lines of a grid: polygon, line, x in cells, and whether downwards; [K] each."""
    x, y = xy[:, 0], xy[:, 1] * np.float32(_LINES) - np.float32(0.5)  # line number n lies at y = n
    ends = np.cumsum(counts)
    following = np.arange(1, len(x) + 1)
    following[ends - 1] = ends - counts
    below = np.ceil(y).astype(np.int32)  # the next line at or below each corner: one at the corner is crossed once
    number = np.abs(below[following] - below)
    edges = np.flatnonzero(number)
    number, to = number[edges], following[edges]
    slope = (x[to].astype(np.float64) - x[edges]) / (y[to].astype(np.float64) - y[edges])
    nth = np.arange(number.sum()) - np.repeat(np.cumsum(number) - number, number)
    line = np.repeat(np.minimum(below[edges], below[to]), number) + nth
    edge, slope, down = np.repeat(edges, number), np.repeat(slope, number), np.repeat(below[to] > below[edges], number)
    inside = (line >= 0) & (line < height * _LINES)
    line, edge, slope, down = line[inside], edge[inside], slope[inside], down[inside]
    return np.searchsorted(ends, edge, side="right"), line, x[edge] + (line - y[edge]) * slope, down
