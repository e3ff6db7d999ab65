"""Binary masks as arrays or cropped: their boxes and their overlap."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class CroppedMasks:
    """The masks of one image, each as the bits of a window, and empty outside it.

    A hundred masks that fill a 12-megapixel image take 150 MB so, and 1.2 GB as arrays of the image's size.

    Attributes:
        image_hw: height and width of the image in pixels.
        windows_xyxy: int64 [N, 4], the windows' corners in pixels inside the image, right and bottom exclusive.
        bits: for each of N masks uint8 [h, ceil(w / 8)], the rows of its window as `np.packbits` packs them.
    """

    image_hw: tuple[int, int]
    windows_xyxy: NDArray[np.int64]
    bits: tuple[NDArray[np.uint8], ...]

    @classmethod
    def pack(
        cls, image_hw: tuple[int, int], windows_xyxy: NDArray[np.int64], parts: Iterable[NDArray[np.bool_]]
    ) -> "CroppedMasks":
        """Packs N parts, bool [h, w] of the windows' sizes, one at a time."""
        return cls(image_hw, windows_xyxy, tuple(np.packbits(part, axis=1) for part in parts))

    @classmethod
    def crop(cls, image_hw: tuple[int, int], masks: Iterable[NDArray[np.bool_]]) -> "CroppedMasks":
        """Crops N masks, bool [H, W], to their tight windows, one at a time; an empty mask has an empty window."""
        windows: list[tuple[int, int, int, int]] = []
        bits: list[NDArray[np.uint8]] = []
        for mask in masks:
            left, top, right, bottom = _tight(mask)
            windows.append((left, top, right, bottom))
            bits.append(np.packbits(mask[top:bottom, left:right], axis=1))
        return cls(image_hw, np.array(windows, np.int64).reshape(-1, 4), tuple(bits))

    @classmethod
    def joined(cls, parts: Sequence["CroppedMasks"]) -> "CroppedMasks":
        """Returns the masks of several values of one image, at least one value, one behind the other."""
        windows = np.concatenate([part.windows_xyxy for part in parts])
        return cls(parts[0].image_hw, windows, tuple(bits for part in parts for bits in part.bits))

    @property
    def shape(self) -> tuple[int, int, int]:
        """N, H, W: the shape of `whole`."""
        return (len(self.bits), *self.image_hw)

    @property
    def areas(self) -> NDArray[np.int64]:
        """Pixels of each mask, int64 [N]."""
        return np.array([np.count_nonzero(self.part(row)) for row in range(len(self))], np.int64)

    def __len__(self) -> int:
        return len(self.bits)

    def __getitem__(self, index: NDArray[np.bool_] | NDArray[np.int64] | Sequence[int]) -> "CroppedMasks":
        """Returns the rows of a boolean mask [N] or an index array [M], in the index's order."""
        rows = np.arange(len(self))[np.asarray(index, None if len(index) else np.int64)].tolist()
        return CroppedMasks(self.image_hw, self.windows_xyxy[rows], tuple(self.bits[row] for row in rows))

    def with_empty(self, count: int) -> "CroppedMasks":
        """Returns the same masks and, behind them, some empty ones."""
        windows = np.concatenate([self.windows_xyxy, np.zeros((count, 4), np.int64)])
        return CroppedMasks(self.image_hw, windows, (*self.bits, *[np.zeros((0, 0), np.uint8)] * count))

    def part(self, row: int) -> NDArray[np.bool_]:
        """Returns one mask within its window, bool [h, w]."""
        left, _, right, _ = self.windows_xyxy[row].tolist()
        return np.unpackbits(self.bits[row], axis=1, count=right - left).view(bool)

    def whole(self) -> NDArray[np.bool_]:
        """Returns the masks in the image's size, bool [N, H, W]."""
        masks = np.zeros(self.shape, bool)
        for row, (left, top, right, bottom) in enumerate(self.windows_xyxy.tolist()):
            masks[row, top:bottom, left:right] = self.part(row)
        return masks


def masks_to_xyxy(masks: NDArray[np.bool_] | CroppedMasks) -> NDArray[np.float32]:
    """Returns the tight corners [N, 4], float32 pixels, of masks [N, H, W] or cropped ones; zeros for an empty mask.

    The right and bottom corners are exclusive, so that width and height count pixels as COCO's `toBbox` does.
    """
    boxes = np.zeros((len(masks), 4), np.float32)
    for row in range(len(masks)):
        if not isinstance(masks, CroppedMasks):
            boxes[row] = _tight(masks[row])
        elif any(box := _tight(masks.part(row))):
            boxes[row] = box + np.tile(masks.windows_xyxy[row, :2], 2)
    return boxes


def paired_iou(a: NDArray[np.bool_] | CroppedMasks, b: NDArray[np.bool_] | CroppedMasks) -> NDArray[np.float32]:
    """Returns intersection over union [N] of masks [N, H, W] or cropped ones, row by row; 0 where both are empty."""
    ious = np.zeros(len(a), np.float32)
    for row in range(len(a)):
        one, other = (each[[row]].whole()[0] if isinstance(each, CroppedMasks) else each[row] for each in (a, b))
        ious[row] = np.count_nonzero(one & other) / max(int(np.count_nonzero(one | other)), 1)
    return ious


def _tight(mask: NDArray[np.bool_]) -> tuple[int, int, int, int]:
    """Returns the tight corners of a mask [H, W], right and bottom exclusive; zeros for an empty one."""
    columns, lines = np.flatnonzero(mask.any(axis=0)), np.flatnonzero(mask.any(axis=1))
    if not len(columns):
        return 0, 0, 0, 0
    return int(columns[0]), int(lines[0]), int(columns[-1]) + 1, int(lines[-1]) + 1
