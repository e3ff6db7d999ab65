"""Turns the coordinates of annotations upright with their image, as its EXIF orientation says."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gsam_edge.coco.checks.values import as_segmentation
from gsam_edge.coco.checks.whole.sample import box_of, polygons_of
from gsam_edge.coco.geometry.segmentation import decode_segmentation, encode_mask

#: The EXIF orientations that swap height and width: mirrored along the diagonal, turned right, mirrored along the
#: other diagonal, turned left.
_TRANSPOSED, _RIGHT, _TRANSVERSED, _LEFT = 5, 6, 7, 8
_MIRRORED_X, _MIRRORED_Y = frozenset({_RIGHT, _TRANSVERSED}), frozenset({_TRANSVERSED, _LEFT})


def turned(record: Mapping[str, Any], image: Mapping[str, Any], orientation: int | None) -> Mapping[str, Any]:
    """Returns the box and the mask of an annotation in the upright image.

    Args:
        record: the annotation, in pixels of the image as it is stored.
        image: the image's record, with `width` and `height` of the upright image.
        orientation: the EXIF orientation, 5 to 8; None where the image is not to be turned.

    Returns:
        `bbox` and `segmentation`, where they are there and sound; an RLE of another size than the stored image's is
        left as it is.
    """
    if orientation is None:
        return {}
    changes: dict[str, Any] = {}
    box, polygons, mask = box_of(record), polygons_of(record), as_segmentation(record.get("segmentation"))
    if box is not None:
        left, top, width, height = box
        corners = _points([left, top, left + width, top + height], image, orientation)
        start = [min(corners[::2]), min(corners[1::2])]
        changes["bbox"] = [*(round(value, 6) for value in start), height, width]
    if polygons is not None:
        changes["segmentation"] = [_points(polygon, image, orientation) for polygon in polygons]
    elif isinstance(mask, Mapping) and list(mask.get("size") or ()) == [image["width"], image["height"]]:
        try:
            pixels = decode_segmentation(mask, (image["width"], image["height"]))
        except ValueError:  # a damaged RLE: the checks of the records report it
            return changes
        changes["segmentation"] = encode_mask(_pixels(pixels, orientation))
    return changes


def _points(flat: Sequence[float], image: Mapping[str, Any], orientation: int) -> list[float]:
    """Returns points [x0, y0, x1, y1, ...] of the stored image in the upright one."""
    points: list[float] = []
    for x, y in zip(flat[::2], flat[1::2], strict=True):
        points.append(image["width"] - y if orientation in _MIRRORED_X else y)
        points.append(image["height"] - x if orientation in _MIRRORED_Y else x)
    return points


def _pixels(mask: NDArray[np.bool_], orientation: int) -> NDArray[np.bool_]:
    """Returns a mask [H, W] of the stored image as [W, H] of the upright one."""
    upright = mask.T
    upright = upright[:, ::-1] if orientation in _MIRRORED_X else upright
    return upright[::-1] if orientation in _MIRRORED_Y else upright
