"""Reads image files that hold masks: of one object, or numbers of classes or objects by pixel."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from gsam_edge.coco.geometry.segmentation import rle_to_json, segmentation_to_rle
from gsam_edge.vision.images import ImageError, opened_image

#: What the values of a mask file are: black and one other, the same with values between at the edges, or numbers.
Kind: TypeAlias = Literal["two_valued", "grey_edges", "lossy", "numbers"]

_WHITE = 255
#: Of a file whose values are inexact: what lies further from black and white is neither.
_NEAR = 16
#: Pixels whose 3 x 3 neighbours differ by no more lie in an area of one value, not at an edge.
_FLAT = 8
#: More values than this in a lossless file come from a lossy one or from resampling.
_MANY_VALUES = 32
#: A grey edge is at most this far (pixels) from the white of its object.
_EDGE = 3


@dataclass(frozen=True)
class MaskFile:
    """A decoded mask file.

    Attributes:
        values: int [H, W], 0 is no object.
        kind: what the other values are; all but `numbers` have one other value.
        numbers: the other values, rising.
    """

    values: NDArray[np.integer[Any]]
    kind: Kind
    numbers: Sequence[int]


def read_mask(content: bytes, *, name: str, max_pixels: int, are_numbers: bool = False) -> MaskFile:
    """Decodes a mask file: of a palette the indices, of 16 bits the numbers, of colours one number for each colour.

    Args:
        content: the bytes of the file.
        name: the file's name in errors.
        max_pixels: larger images are refused.
        are_numbers: whether values of a lossless file are known to be numbers, so that none is a grey edge.

    Raises:
        ImageError: if it is no complete image or too large, is lossy and holds more than black and white, or holds its
            shape in its transparency.
    """
    with opened_image(content, name=name, max_pixels=max_pixels) as image:
        is_lossy = image.format in ("JPEG", "JPEG2000") or (image.format == "WEBP" and b"VP8L" not in content)
        ImageOps.exif_transpose(image, in_place=True)
        values = _values(image, name, is_lossy=is_lossy)
    numbers = [value for value in _distinct(values) if value]
    if len(numbers) <= 1 and not is_lossy:
        return MaskFile(values, "two_valued", numbers)
    if not numbers:
        return MaskFile(values, "lossy", numbers)
    is_noisy = is_lossy or len(numbers) > _MANY_VALUES
    may_be_grey = numbers[-1] <= _WHITE and (is_lossy or not are_numbers)
    if may_be_grey and _is_black_and_white(values.astype(np.uint8), is_noisy=is_noisy):
        return MaskFile((values > 127) * np.uint8(_WHITE), "lossy" if is_lossy else "grey_edges", [_WHITE])
    if is_lossy:
        raise ImageError(
            f"{name}: expected black and white alone in a lossy file, got areas of values between 0 and 255: numbers "
            "of classes or objects do not survive it; store masks as PNG"
        )
    return MaskFile(values, "numbers", numbers)


def _distinct(values: NDArray[np.integer[Any]]) -> list[int]:
    """Returns the values that occur, rising."""
    if values.dtype.itemsize <= 2:  # much faster than np.unique
        return [int(value) for value in np.flatnonzero(np.bincount(values.ravel()))]
    return [int(value) for value in np.unique(values)]


def _values(image: Image.Image, name: str, *, is_lossy: bool) -> NDArray[np.integer[Any]]:
    if image.mode == "P" and image.getpalette("RGB")[:3] == [0, 0, 0]:  # type: ignore[index]
        return np.asarray(image)
    if image.mode == "1":
        return np.asarray(image).astype(np.uint8) * np.uint8(_WHITE)
    if image.mode == "L" or image.mode.startswith("I"):
        return np.asarray(image)
    rgb = np.asarray(image.convert("RGB"))
    if "A" in image.mode:
        alpha = np.asarray(image.getchannel("A"))
        if alpha.min() != alpha.max() and (rgb == rgb[0, 0]).all():
            raise ImageError(f"{name}: expected a mask in black and another colour, got one in its transparency alone")
    if is_lossy or (rgb == rgb[:, :, :1]).all():
        return np.asarray(image.convert("RGB").convert("L"))
    return rgb.astype(np.int32) @ np.array([1 << 16, 1 << 8, 1], np.int32)


def _is_black_and_white(grey: NDArray[np.uint8], *, is_noisy: bool) -> bool:
    """Whether values between black and white lie at the edges of white alone, as of JPEG, smoothing and resampling."""
    import cv2

    near = np.ones((3, 3), np.uint8)
    white = grey > 127
    is_flat = cv2.dilate(grey, near).astype(int) - cv2.erode(grey, near) <= (_FLAT if is_noisy else 0)
    least = _NEAR if is_noisy else 0
    if not white.any() or (is_flat & (grey > least) & (grey < _WHITE - least)).any():
        return False
    edge = cv2.dilate(white.astype(np.uint8), np.ones((2 * _EDGE + 1, 2 * _EDGE + 1), np.uint8)) > 0
    return is_noisy or not ((grey > 0) & ~edge).any()


def surrounds(mask: NDArray[np.bool_]) -> bool:
    """Whether a mask [H, W] holds the corners and most of an image, but not all: so does a white background."""
    corners = mask[[0, 0, -1, -1], [0, -1, 0, -1]]
    return bool(corners.all() and 0.5 < mask.mean() < 1)


def regions(mask: NDArray[np.bool_]) -> list[dict[str, Any]]:
    """Returns the connected regions of a mask [H, W], corners included, as RLE ready for JSON, from left to right."""
    import cv2

    _, numbers = cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)
    flat = numbers.T.ravel()
    starts = np.concatenate([[0], np.flatnonzero(np.diff(flat)) + 1])
    ends = np.concatenate([starts[1:], [len(flat)]])
    of_run = flat[starts]
    rows = np.flatnonzero(of_run)
    rows = rows[np.argsort(of_run[rows], kind="stable")]
    parts = np.split(rows, np.flatnonzero(np.diff(of_run[rows])) + 1) if len(rows) else []
    return [_rle(starts[part], ends[part], mask.shape) for part in sorted(parts, key=lambda part: int(part[0]))]


def _rle(starts: NDArray[np.int64], ends: NDArray[np.int64], image_hw: tuple[int, ...]) -> dict[str, Any]:
    """Encodes runs of pixels, counted down the columns."""
    height, width = image_hw
    borders = np.concatenate([[0], np.column_stack([starts, ends]).ravel(), [height * width]])
    counts = np.diff(borders).tolist()
    if not counts[-1]:  # the region holds the last pixel
        del counts[-1]
    return rle_to_json(segmentation_to_rle({"size": [height, width], "counts": counts}, (height, width)))


def placed(mask: NDArray[np.bool_], left_top: tuple[int, int], image_hw: tuple[int, int]) -> NDArray[np.bool_]:
    """Puts a mask [h, w] into an empty one [H, W] with its first pixel at `left_top`; what is outside is cut off."""
    whole = np.zeros(image_hw, bool)
    left, top = left_top
    y, x = np.nonzero(mask)
    y, x = y + top, x + left
    inside = (y >= 0) & (x >= 0) & (y < image_hw[0]) & (x < image_hw[1])
    whole[y[inside], x[inside]] = True
    return whole
