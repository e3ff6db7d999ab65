"""Checks and decodes untrusted RLE in numpy, before pycocotools' C code reads it."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

#: COCO's text writes a number as digits of 5 bits in the characters "0" to "o"; 7 digits hold every 32-bit count.
_FIRST, _LAST, _MAX_DIGITS = ord("0"), ord("o"), 7
_MAX_RUN = 2**31 - 1


def run_lengths(counts: str | bytes | Sequence[int], image_hw: tuple[int, int]) -> NDArray[np.int64]:
    """Checks a COCO RLE and returns its runs.

    pycocotools trusts its input: a code that is cut off or too long makes it read or write outside its memory.

    Args:
        counts: the compressed text (pycocotools' `rleToString`: 5 bits a character, differences to the run before
            last), or the runs themselves, column-major and beginning with background.
        image_hw: height and width of the mask in pixels.

    Returns:
        int64 [R], runs of background, object, background, ... whose sum is height x width.

    Raises:
        ValueError: if the code is damaged, a run is negative, or the runs do not cover the mask exactly.
    """
    if isinstance(counts, str | bytes):
        runs = _decompress(counts if isinstance(counts, bytes) else counts.encode("utf-8", "replace"))
    else:
        if not set(map(type, counts)) <= {int} or min(counts, default=0) < 0 or max(counts, default=0) > _MAX_RUN:
            raise ValueError("RLE counts: expected whole numbers of pixels from 0 upwards")
        runs = np.array(counts, np.int64)
    pixels = image_hw[0] * image_hw[1]
    if (runs < 0).any() or int(runs.sum()) != pixels:
        raise ValueError(f"RLE counts: expected runs that cover {pixels} pixels, got {len(runs)} runs of {runs.sum()}")
    return runs


def _decompress(text: bytes) -> NDArray[np.int64]:
    characters = np.frombuffer(text, np.uint8)
    if not len(text) or characters.min() < _FIRST or characters.max() > _LAST:
        raise ValueError("RLE counts: expected characters from '0' to 'o'")
    digits = characters.astype(np.int64) - _FIRST
    ends = np.flatnonzero((digits & 0x20) == 0)
    starts = np.concatenate([[0], ends[:-1] + 1]) if len(ends) else ends
    lengths = ends - starts + 1
    if not len(ends) or ends[-1] != len(digits) - 1 or lengths.max() > _MAX_DIGITS:
        raise ValueError("RLE counts: the code is cut off or holds a number above 32 bits")
    place = np.arange(len(digits)) - np.repeat(starts, lengths)
    numbers = np.add.reduceat((digits & 0x1F) << (5 * place), starts)
    numbers -= np.where(digits[ends] & 0x10, np.int64(1) << (5 * lengths), 0)
    # From the fourth run on, the text holds the difference to the run two before.
    numbers[1::2] = np.cumsum(numbers[1::2])
    numbers[2::2] = np.cumsum(numbers[2::2])
    return numbers
