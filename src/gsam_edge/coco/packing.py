"""Predictions packed small: masks as run lengths, unpacked one image at a time when they are asked for."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self, overload

import numpy as np

from gsam_edge.coco.geometry.segmentation import decode_segmentation, encode_mask
from gsam_edge.vision import Detections


@dataclass(frozen=True)
class PackedDetections:
    """Detections whose masks are run lengths.

    Attributes:
        unmasked: the detections without their masks.
        mask_hw: height and width of the masks, or None where the source knows no masks.
        rles: one compressed COCO RLE per row; empty where there are no masks.
    """

    unmasked: Detections
    mask_hw: tuple[int, int] | None
    rles: tuple[dict[str, Any], ...]

    @classmethod
    def pack(cls, detections: Detections) -> Self:
        """The packed form; `unpack` gives an equal value back."""
        masks = detections.masks
        unmasked = replace(detections, masks=None)
        if masks is None:
            return cls(unmasked, None, ())
        return cls(unmasked, (masks.shape[1], masks.shape[2]), tuple(encode_mask(mask) for mask in masks))

    def unpack(self) -> Detections:
        """The detections with masks bool [N, H, W], where there were any."""
        if self.mask_hw is None:
            return self.unmasked
        masks = np.zeros((len(self.rles), *self.mask_hw), bool)
        for row, rle in enumerate(self.rles):
            masks[row] = decode_segmentation(rle, self.mask_hw)
        return replace(self.unmasked, masks=masks)


class PackedPredictions(Sequence[Detections]):
    """Packed detections of many images that read like a sequence of Detections."""

    def __init__(self, packed: Sequence[PackedDetections]) -> None:
        self._packed = tuple(packed)

    def __len__(self) -> int:
        return len(self._packed)

    @overload
    def __getitem__(self, index: int) -> Detections: ...
    @overload
    def __getitem__(self, index: slice) -> "PackedPredictions": ...
    def __getitem__(self, index: int | slice) -> "Detections | PackedPredictions":
        if isinstance(index, slice):
            return PackedPredictions(self._packed[index])
        return self._packed[index].unpack()


class PredictionsOfImages(Mapping[int, Detections]):
    """Image ids to a sequence's Detections, in the same order, each read when asked for.

    Raises:
        ValueError: if there are not as many ids as predictions, or an id comes twice.
    """

    def __init__(self, image_ids: Sequence[int], predictions: Sequence[Detections]) -> None:
        self._row = {image_id: row for row, image_id in enumerate(image_ids)}
        self._predictions = predictions
        if not len(self._row) == len(image_ids) == len(predictions):
            raise ValueError(
                f"predictions: expected one for each of {len(self._row)} different image ids, "
                f"got {len(image_ids)} ids and {len(predictions)} predictions"
            )

    def __getitem__(self, image_id: int) -> Detections:
        return self._predictions[self._row[image_id]]

    def __iter__(self) -> Iterator[int]:
        return iter(self._row)

    def __len__(self) -> int:
        return len(self._row)
