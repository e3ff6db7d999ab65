"""A mask as one polygon, as Ultralytics writes and reads it."""

import cv2
import numpy as np
from numpy.typing import NDArray


def mask_polygon(mask: NDArray[np.bool_]) -> NDArray[np.float32] | None:
    """Returns one closed polygon [P, 2] (x, y pixels) around all parts and holes of a mask [H, W]; None if it is empty.

    It runs along the pixels' edges, so that the pixels whose centres lie inside are the mask's. Parts and holes are
    joined by lines that are run along and back, and cover nothing.
    """
    lines, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(lines):
        return None
    part = mask[lines[0] : lines[-1] + 1, columns[0] : columns[-1] + 1].astype(np.uint8)
    # OpenCV's contours run through the middle of pixels. In a mask of twice the size the two pixels on either side of a
    # corner have numbers that halve, rounded up, to the corner's coordinate.
    doubled = cv2.resize(part, None, fx=2, fy=2, interpolation=cv2.INTER_NEAREST)
    contours, _ = cv2.findContours(doubled, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    loops = [(contour[[*range(len(contour)), 0], 0] + 1) // 2 for contour in contours]
    back = [loop[:1] for loop in loops[-2:0:-1]]  # through the loops' first corners to the first loop's
    corner = np.array([columns[0], lines[0]])
    return (np.concatenate([*loops, *back]) + corner).astype(np.float32)
