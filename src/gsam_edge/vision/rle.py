"""COCO's run-length encoding of masks in numpy: reads untrusted text, and writes it where there is no pycocotools."""

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
    if isinstance(counts, (str, bytes)):
        runs = _decompress(counts if isinstance(counts, bytes) else counts.encode("utf-8", "replace"))
    else:
        if not set(map(type, counts)) <= {int} or min(counts, default=0) < 0 or max(counts, default=0) > _MAX_RUN:
            raise ValueError("RLE counts: expected whole numbers of pixels from 0 upwards")
        runs = np.array(counts, np.int64)
    pixels = image_hw[0] * image_hw[1]
    if (runs < 0).any() or int(runs.sum()) != pixels:
        raise ValueError(f"RLE counts: expected runs that cover {pixels} pixels, got {len(runs)} runs of {runs.sum()}")
    return runs


def compressed(runs: NDArray[np.int64]) -> str:
    """Returns runs [R] as COCO's text, which `run_lengths` reads; equal to what pycocotools writes."""
    numbers = runs.astype(np.int64)
    numbers[3:] -= runs[1:-2]  # from the fourth run on, the difference to the run two before
    places = 5 * np.arange(_MAX_DIGITS)
    digits = (numbers[:, None] >> places) & 0x1F
    rest = numbers[:, None] >> (places + 5)
    more = np.where(digits & 0x10, rest != -1, rest != 0)
    written = np.concatenate([np.ones((len(runs), 1), bool), np.logical_and.accumulate(more, axis=1)[:, :-1]], axis=1)
    return (digits + 0x20 * more + _FIRST)[written].astype(np.uint8).tobytes().decode("ascii")


def window_runs(part: NDArray[np.bool_], corner_xy: tuple[int, int], image_hw: tuple[int, int]) -> NDArray[np.int64]:
    """Returns the runs of a mask that is empty outside a window, without its pixels there.

    Args:
        part: the mask in the window, bool [h, w].
        corner_xy: left and top of the window in pixels of the image.
        image_hw: height and width of the image in pixels.

    Returns:
        int64 [R], column-major runs of background, object, ...; none but the first is empty.
    """
    (height, width), (left, top) = part.shape, corner_xy
    columns = np.zeros((width, height + 1), bool)  # behind each column one pixel of background, where its last run ends
    columns[:, :-1] = part.T
    column, line = np.divmod(np.flatnonzero(np.diff(columns.ravel(), prepend=False)), height + 1)
    ends = (left + column) * image_hw[0] + top + line  # where a run starts, where it ends, in turn
    apart = np.ones(len(ends), bool)
    apart[1:-1] = np.repeat(ends[1:-1:2] != ends[2::2], 2)  # a run may go on in the next column
    runs = np.diff(ends[apart], prepend=0, append=image_hw[0] * image_hw[1])
    return runs if runs[-1] else runs[:-1]


def runs_in_window(
    runs: NDArray[np.int64], window_xyxy: tuple[int, int, int, int], image_height: int
) -> NDArray[np.bool_]:
    """Returns the mask of some runs inside a window, bool [h, w]: the inverse of `window_runs`.

    Args:
        runs: int64 [R], column-major, that cover the image; see `run_lengths`.
        window_xyxy: corners in pixels inside the image, right and bottom exclusive.
        image_height: in pixels.
    """
    left, top, right, bottom = window_xyxy
    ends = np.cumsum(runs)
    pixels = np.arange(left, right)[:, None] * image_height + np.arange(top, bottom)
    return (np.searchsorted(ends, pixels, side="right") % 2 == 1).T


def tight_window(runs: NDArray[np.int64], image_height: int) -> tuple[int, int, int, int]:
    """Returns the tight corners of the mask of some runs, right and bottom exclusive; zeros for an empty one."""
    ends = np.cumsum(runs)
    starts, stops = ends[:-1:2], ends[1::2]  # of the object's runs
    starts, stops = starts[stops > starts], stops[stops > starts]
    if not len(starts):
        return 0, 0, 0, 0
    first, last = starts // image_height, (stops - 1) // image_height
    if (first != last).any():  # a run that goes on in the next column touches bottom and top
        top, bottom = 0, image_height
    else:
        top, bottom = int((starts % image_height).min()), int(((stops - 1) % image_height).max()) + 1
    return int(first.min()), top, int(last.max()) + 1, bottom


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
