"""Binary masks as arrays or cropped: their boxes and their overlap."""

from collections.abc import Iterable
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

    @property
    def shape(self) -> tuple[int, int, int]:
        """N, H, W: the shape of `whole`."""
        return (len(self.bits), *self.image_hw)

    def __len__(self) -> int:
        return len(self.bits)

    def __getitem__(self, index: NDArray[np.bool_] | NDArray[np.int64]) -> "CroppedMasks":
        """Returns the rows of a boolean mask [N] or an index array [M], in the index's order."""
        rows = np.arange(len(self))[index].tolist()
        return CroppedMasks(self.image_hw, self.windows_xyxy[rows], tuple(self.bits[row] for row in rows))

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


def masks_to_xyxy(masks: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Returns the tight corners [N, 4], float32 pixels, of masks [N, H, W]; zeros for an empty mask.

    The right and bottom corners are exclusive, so that width and height count pixels as COCO's `toBbox` does.
    """
    boxes = np.zeros((len(masks), 4), np.float32)
    for row, mask in enumerate(masks):
        columns = np.flatnonzero(mask.any(axis=0))
        lines = np.flatnonzero(mask.any(axis=1))
        if len(columns):
            boxes[row] = columns[0], lines[0], columns[-1] + 1, lines[-1] + 1
    return boxes


def paired_iou(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Returns intersection over union [N] of masks [N, H, W], row by row; 0 where both are empty."""
    union = (a | b).sum((1, 2))
    return ((a & b).sum((1, 2)) / np.maximum(union, 1)).astype(np.float32)
