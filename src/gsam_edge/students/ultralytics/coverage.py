"""Which part of each cell of a grid a polygon covers: the area itself, without a line drawn around it."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from gsam_edge.vision.letterbox import MASK_THRESHOLD

#: Lines on which a cell is measured. Along a line the measure is exact, across the lines to half of their distance.
_LINES = 8


def coverage(polygons: Sequence[NDArray[np.float32]], grid_hw: tuple[int, int]) -> NDArray[np.float32]:
    """Returns the covered share of each cell by each polygon, float32 [N, h, w] in 0..1; see `covered_windows`."""
    covered = np.zeros((len(polygons), *grid_hw), np.float32)
    for mask, (lines, columns, part) in zip(covered, covered_windows(polygons, grid_hw), strict=True):
        mask[lines, columns] = part
    return covered


def covered_windows(
    polygons: Sequence[NDArray[np.float32]], grid_hw: tuple[int, int]
) -> Iterator[tuple[slice, slice, NDArray[np.float64]]]:
    """Measures the covered share of each cell by each polygon, raised for objects that are thinner than a cell.

    Signed areas are added up from edge to edge, as font rasterisers do: a line that a polygon runs along and back, as
    to its next part, cancels out. What lies outside the grid is left out.

    Where the cells that an object covers by half hold less than half of its area, a mask read at 0.5 would not show it.
    Of as many cells as make up its area, the least covered one, c, is then raised to 1 / (2 - c): a line of cells with
    this value between empty ones is c cells wide above 0.5, if read by bilinear interpolation. All other cells are
    raised by the same factor.

    Args:
        polygons: N closed polygons [P, 2], x and y in cells, with holes running the other way than their outlines. Each
            reaches into the grid.
        grid_hw: height and width of the grid, cells.

    Yields:
        For each polygon lines and columns of the grid and their covered share, float64 in 0..1; all other cells have
        none. One cell at least is above 0.5.
    """
    if not len(polygons):
        return
    end = np.array(grid_hw[::-1])
    low = np.array([polygon.min(0) for polygon in polygons])
    high = np.array([polygon.max(0) for polygon in polygons])
    low = np.clip(np.floor(low), 0, end - 1).astype(np.int64)
    size = np.clip(np.ceil(high), low + 1, end).astype(np.int64) - low
    for polygon, start, part in zip(polygons, low, _parts(polygons, low, size, grid_hw), strict=True):
        area = part.sum()
        if part[part >= MASK_THRESHOLD].sum() <= area / 2:
            if area == 0:  # it lies between two lines
                x, y = np.clip(np.floor(polygon).astype(np.int64) - start, 0, np.array(part.shape[::-1]) - 1).T
                part[y, x] = area = 1 / _LINES
            cells = max(1, round(float(area)))
            least = np.partition(part.ravel(), -cells)[-cells]
            np.minimum(part / (least * (2 - least)), 1, out=part)
        (left, top), (lines, columns) = start.tolist(), part.shape
        yield slice(top, top + lines), slice(left, left + columns), part


def _parts(
    polygons: Sequence[NDArray[np.float32]], low: NDArray[np.int64], size: NDArray[np.int64], grid_hw: tuple[int, int]
) -> list[NDArray[np.float64]]:
    """Returns the covered share of the cells of each polygon's window; `low` its first cell (x, y), `size` (w, h)."""
    stride = size[:, 0] + 2
    ends = np.cumsum(size[:, 1] * stride)
    first = ends - (size[:, 1] + low[:, 1]) * stride - low[:, 0]  # where a polygon's cell (0, 0) would be
    row, line, x, down = _crossings(polygons, grid_hw[0])
    x = np.clip(x, 0, grid_hw[1])
    cell = x.astype(np.int64)
    # A crossing adds its line to all cells on its right: to its own cell the part that is right of it, the rest to the
    # next. So a line's sum is 0, and one running sum serves all lines of all polygons.
    place = first[row] + line // _LINES * stride[row] + cell
    whole = np.where(down, 1 / _LINES, -1 / _LINES)
    late = whole * (x - cell)
    steps = np.bincount(place, whole - late, ends[-1]) + np.bincount(place + 1, late, ends[-1])
    # rounded: the running sum leaves 1e-16 where nothing is
    parts = np.split(np.abs(np.cumsum(steps).round(9)), ends[:-1])
    return [part.reshape(lines, -1)[:, :-2] for part, lines in zip(parts, size[:, 1].tolist(), strict=True)]


def _crossings(
    polygons: Sequence[NDArray[np.float32]], height: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64], NDArray[np.bool_]]:
    """Returns where polygons cross the lines of a grid: polygon, line, x in cells, and whether downwards; [K] each."""
    counts = np.array([len(polygon) for polygon in polygons])
    xy = np.concatenate(polygons).astype(np.float64)
    x, y = xy[:, 0], xy[:, 1] * _LINES - 0.5  # line number n lies at y = n
    ends = np.cumsum(counts)
    following = np.arange(1, len(xy) + 1)
    following[ends - 1] = ends - counts
    below = np.ceil(y).astype(np.int64)  # the next line at or below each corner: one at the corner is crossed once
    number = np.abs(below[following] - below)
    edges = np.flatnonzero(number)
    number, to = number[edges], following[edges]
    slope = (x[to] - x[edges]) / (y[to] - y[edges])
    nth = np.arange(number.sum()) - np.repeat(np.cumsum(number) - number, number)
    line = np.repeat(np.minimum(below[edges], below[to]), number) + nth
    edge, slope, down = (np.repeat(values, number) for values in (edges, slope, below[to] > below[edges]))
    inside = (line >= 0) & (line < height * _LINES)
    line, edge, slope, down = line[inside], edge[inside], slope[inside], down[inside]
    return np.searchsorted(ends, edge, side="right"), line, x[edge] + (line - y[edge]) * slope, down
