"""What shows in which convention boxes were written: their image, their masks and their declared areas."""

import numpy as np
from numpy.typing import NDArray

from gsam_edge.coco.checks.whole.sample import Sample
from gsam_edge.coco.geometry.shapes import ROUNDING

#: The share of the annotations that has to fit: one in twenty may be faulty besides.
NEARLY_ALL = 0.95
#: Different shapes that contradict what they are taken for before anything is said of the file.
FEWEST = 5


def nearly_all(flags: NDArray[np.bool_]) -> bool:
    """Whether flags of some annotations, bool [N], are true for nearly all of them."""
    return bool(len(flags) and flags.mean() >= NEARLY_ALL)


def as_they_stand(box: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns the corners [N, 4] of boxes (left, top, width, height)."""
    return np.concatenate([box[:, :2], box[:, :2] + box[:, 2:]], axis=1)


def overlap(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns intersection over union of corners [N, 4] in pairs, [N]; 0 where one has no size."""
    shared = np.prod(np.clip(np.minimum(a[:, 2:], b[:, 2:]) - np.maximum(a[:, :2], b[:, :2]), 0, None), axis=1)
    both = sum(np.prod(np.clip(box[:, 2:] - box[:, :2], 0, None), axis=1) for box in (a, b))
    return shared / np.maximum(both - shared, np.finfo(np.float64).tiny)


def agrees(xyxy: NDArray[np.float64], mask: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether boxes are those of their masks, within two pixels or a tenth of the mask's side, bool [N]."""
    side = np.tile(mask[:, 2:] - mask[:, :2], 2)
    return np.all(np.abs(xyxy - mask) <= np.maximum(2, 0.1 * side), axis=1)


def masks_say(seen: Sample, read: NDArray[np.float64]) -> bool | None:
    """Whether masks show that boxes mean the corners `read` [N, 4]; None where too few have one, or it fits neither."""
    rows = seen.has_mask
    if rows.sum() < FEWEST or rows.mean() < 0.5:
        return None
    stands, mask = as_they_stand(seen.box[rows]), seen.mask[rows]
    stand_agrees = agrees(stands, mask)
    # A box of a few pixels agrees with its mask in any reading, although they overlap little.
    contradicts = ~stand_agrees & (overlap(stands, mask) < 0.5)
    if nearly_all(agrees(read[rows], mask)) and contradicts.sum() >= max(FEWEST, 0.1 * len(mask)):
        return True
    return False if stand_agrees.mean() >= 0.5 else None


def fits_image(xyxy: NDArray[np.float64], wh: NDArray[np.float64], allowed: float) -> NDArray[np.bool_]:
    """Whether corners are in order and within their image, `allowed` pixels aside, bool [N]."""
    low, high = xyxy[:, :2], xyxy[:, 2:]
    return np.all((high > low) & (low >= -allowed) & (high <= wh + allowed), axis=1)


def leaving(stands: NDArray[np.float64], wh: NDArray[np.float64]) -> list[str]:
    """Says how many corners [N, 4] leave their image to the right or below; nothing where none does."""
    count = int((stands[:, 2:] > wh + ROUNDING).any(axis=1).sum())
    return [f"read as left, top, width and height, {count} leave their image"] if count else []


def areas_say(seen: Sample, sides: NDArray[np.float64]) -> bool:
    """Whether declared areas, where no mask may have them, are those of boxes with other `sides` [N, 2], pixels."""
    rows = ~np.isnan(seen.area) & ~seen.has_mask
    if rows.sum() < FEWEST:
        return False
    box, area, between = seen.box[rows], seen.area[rows], sides[rows]
    # Some count both corners' pixels.
    fits = _is_close(area, between.prod(axis=1)) | _is_close(area, (between + 1).prod(axis=1))
    contradicts = ~_is_close(area, box[:, 2:].prod(axis=1))
    return nearly_all(fits) and bool(contradicts.sum() >= FEWEST and contradicts.mean() >= 0.5)


def _is_close(area: NDArray[np.float64], expected: NDArray[np.float64]) -> NDArray[np.bool_]:
    return np.abs(area - expected) <= np.maximum(1.0, 0.05 * expected)


def spread(rows: NDArray[np.bool_], flags: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Returns flags of the chosen rows as flags of all."""
    spread = np.zeros(len(rows), np.bool_)
    spread[rows] = flags
    return spread
