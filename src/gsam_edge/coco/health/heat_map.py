"""Heat map of the places of boxes in the image."""

import numpy as np
from numpy.typing import NDArray

from gsam_edge.coco.annotations import Annotations


def annotation_heat_map(annotations: Annotations, cells: int) -> NDArray[np.float64]:
    """Returns how many boxes cover each cell of a grid, as the mean over all images.

    Boxes are first scaled to the unit square of their image. A box counts for a cell by the share of the cell that it
    covers, so the sum over the grid is the area that all boxes cover. Crowds are ignored.

    Args:
        annotations: checked and completed annotations.
        cells: number of cells along each side of the grid.

    Returns:
        float64 [cells, cells], row 0 at the top.
    """
    columns = annotations.columns
    rows = np.flatnonzero(columns.has_box & ~columns.is_crowd)
    size_of_image = {image["id"]: (image["width"], image["height"]) for image in annotations.images}
    sides = np.array([size_of_image[i] for i in columns.image_id[rows].tolist()], float).reshape(-1, 2)
    start = np.clip(columns.xywh[rows, :2] / sides, 0, 1) * cells
    end = np.clip((columns.xywh[rows, :2] + columns.xywh[rows, 2:]) / sides, 0, 1) * cells
    heat = np.zeros((cells, cells))
    for at in np.array_split(np.arange(len(rows)), 1 + len(rows) // 100_000):
        across, down = (_cover(start[at, axis], end[at, axis], cells) for axis in (0, 1))
        heat += down.T @ across
    return heat / max(1, len(annotations.images))


def _cover(start: NDArray[np.float64], end: NDArray[np.float64], cells: int) -> NDArray[np.float64]:
    """Returns the share (0..1) of each cell that each interval covers, [N, cells]."""
    edges = np.arange(cells)
    return np.clip(np.minimum(end[:, None], edges + 1) - np.maximum(start[:, None], edges), 0, None)
