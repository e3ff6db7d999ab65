"""Masks packed as bits into the channels of one image, so that one warp transforms many masks.

Nearest-neighbour interpolation copies values and never mixes them, so no bit changes.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from gsam_edge.vision.masks import CroppedMasks

_BITS = 8
#: Most bytes of the channels that are warped at a time.
_MOST_BYTES = 2**26


def passes(count: int, image_hw: tuple[int, int]) -> Iterator[slice]:
    """Yields the rows of masks that are warped together, at least one slice: few where the image is large."""
    at_once = _BITS * max(1, _MOST_BYTES // (image_hw[0] * image_hw[1]))
    for first in range(0, max(1, count), at_once):
        yield slice(first, min(first + at_once, count))


def pack_masks(masks: CroppedMasks) -> NDArray[np.uint8]:
    """Packs N masks into uint8 [H, W, max(1, ceil(N / 8))]: mask i is bit i % 8 of channel i // 8."""
    count, height, width = masks.shape
    channels = np.zeros((max(1, -(-count // _BITS)), height, width), np.uint8)
    for row, (left, top, right, bottom) in enumerate(masks.windows_xyxy.tolist()):
        channels[row // _BITS, top:bottom, left:right] |= masks.part(row).view(np.uint8) << np.uint8(row % _BITS)
    return np.dstack(list(channels))


def unpack_masks(bits: NDArray[np.uint8], count: int) -> CroppedMasks:
    """Unpacks the first `count` masks from packed channels (see `pack_masks`)."""
    channels = np.ascontiguousarray(bits.transpose(2, 0, 1))
    masks = (channels[row // _BITS] & np.uint8(1 << row % _BITS) != 0 for row in range(count))
    return CroppedMasks.crop((bits.shape[0], bits.shape[1]), masks)
