"""Masks packed as bits into the channels of one image, so that one warp transforms many masks.

Nearest-neighbour interpolation copies values and never mixes them, so no bit changes.
"""

import numpy as np
from numpy.typing import NDArray

_BITS = 8


def pack_masks(masks: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Packs masks bool [N, H, W] into uint8 [H, W, max(1, ceil(N / 8))]: mask i is bit i % 8 of channel i // 8."""
    count, height, width = masks.shape
    channels = np.zeros((max(1, -(-count // _BITS)), height, width), np.uint8)
    for row, mask in enumerate(masks):
        channels[row // _BITS] |= mask.view(np.uint8) << np.uint8(row % _BITS)
    return np.dstack(list(channels))


def unpack_masks(bits: NDArray[np.uint8], count: int) -> NDArray[np.bool_]:
    """Unpacks the first masks, bool [count, H, W], from packed channels (see `pack_masks`)."""
    channels = np.ascontiguousarray(bits.transpose(2, 0, 1))
    bits = np.empty((count, *bits.shape[:2]), np.uint8)
    for row, bit in enumerate(bits):
        np.right_shift(channels[row // _BITS], np.uint8(row % _BITS), out=bit)
    bits &= 1
    return bits.view(bool)
