"""Detections with masks as RLE: the form in memory, between processes and in files."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from gsam_edge.coco.geometry.segmentation import (
    Rle,
    decode_segmentation,
    mask_to_rle,
    rle_areas,
    rle_boxes,
    rle_to_json,
    segmentation_to_rle,
    window_to_rle,
)
from gsam_edge.vision import Detections
from gsam_edge.vision.boxes import paired_box_iou
from gsam_edge.vision.errors import UserError
from gsam_edge.vision.masks import CroppedMasks

#: Half precision, the same bytes on every machine.
_HALF = np.dtype("<f2")
#: What Detections hold about each mask, where the source says it.
_OF_MASKS = ("mask_scores", "box_agreement")


class StoredDetectionsError(UserError):
    """Labels or predictions of an earlier run that are damaged or that another version wrote."""


@dataclass(frozen=True)
class PackedDetections:
    """Detections with masks as RLE.

    Attributes:
        unmasked: the detections without their masks.
        mask_hw: height and width of the masks, or None where the source gives no masks.
        rles: one compressed COCO RLE of the size `mask_hw` per row; empty where the source gives no masks.

    Raises:
        ValueError: if there are masks and not one per row.
    """

    unmasked: Detections
    mask_hw: tuple[int, int] | None
    rles: tuple[Rle, ...]

    def __post_init__(self) -> None:
        expected = 0 if self.mask_hw is None else len(self.unmasked)
        if len(self.rles) != expected:
            raise ValueError(f"PackedDetections.rles: expected {expected}, got {len(self.rles)}")

    def __len__(self) -> int:
        return len(self.unmasked)

    @classmethod
    def pack(cls, detections: Detections) -> Self:
        """Encodes the masks; `unpack` gives an equal value back."""
        cropped = detections.cropped
        unmasked = replace(detections, masks=None)
        if cropped is not None:
            corners = [(left, top) for left, top, _, _ in cropped.windows_xyxy.tolist()]
            rles = (window_to_rle(cropped.part(row), corner, cropped.image_hw) for row, corner in enumerate(corners))
            return cls(unmasked, cropped.image_hw, tuple(rles))
        masks = detections.masks
        if masks is None:
            return cls(unmasked, None, ())
        return cls(unmasked, (masks.shape[1], masks.shape[2]), tuple(mask_to_rle(mask) for mask in masks))

    def unpack(self) -> Detections:
        """Returns the detections with masks, cropped until they are read, where the source gives masks."""
        if self.mask_hw is None:
            return self.unmasked
        masks = CroppedMasks.crop(self.mask_hw, (decode_segmentation(rle, self.mask_hw) for rle in self.rles))
        return replace(self.unmasked, masks=masks)

    @property
    def mask_areas(self) -> NDArray[np.int64]:
        """Pixels of each mask, int64 [N]; 0 where there is none."""
        return np.zeros(len(self), np.int64) if self.mask_hw is None else rle_areas(self.rles)

    @property
    def reliability(self) -> NDArray[np.float32]:
        """How far each mask can be trusted without knowing the truth, float32 [N] in 0..1; 1 where there are no masks.

        `agreement` x `estimates`: box and mask, drawn by two models that know nothing of each other, bound the same
        pixels, and the second is sure of its mask.
        """
        return np.ones(len(self), np.float32) if self.mask_hw is None else self.agreement * self.estimates

    @property
    def agreement(self) -> NDArray[np.float32]:
        """`box_agreement`, float32 [N]; that of mask and box where the mask was drawn in no given one."""
        given = self.unmasked.box_agreement
        return paired_box_iou(self.unmasked.xyxy, rle_boxes(self.rles)) if given is None else given

    @property
    def estimates(self) -> NDArray[np.float32]:
        """`mask_scores`, float32 [N]; 1 of a source that estimates none and is taken at its word."""
        given = self.unmasked.mask_scores
        return np.ones(len(self), np.float32) if given is None else given

    def with_tight_boxes(self) -> Self:
        """Returns the same with each box the tight one of its mask; that of an empty mask, or of none, stays."""
        tight = rle_boxes(self.rles) if self.rles else self.unmasked.xyxy
        seen = (tight[:, 2] > tight[:, 0])[:, None]
        return replace(self, unmasked=replace(self.unmasked, xyxy=np.where(seen, tight, self.unmasked.xyxy)))

    def select(self, index: NDArray[np.bool_]) -> Self:
        """Returns the rows of a boolean mask [N]."""
        rles = tuple(self.rles[row] for row in np.flatnonzero(index)) if self.rles else ()
        return replace(self, unmasked=self.unmasked.select(index), rles=rles)

    def to_record(self) -> dict[str, Any]:
        """Returns a mapping for JSON; what is None is absent.

        Class scores take most of the space where classes are many: 20 bytes each as decimal text, 2.7 here. They are
        rounded to half precision, by at most 0.05 % or 3e-8: less than bfloat16, in which a student is trained with
        them on a GPU (0.2 %). And JSON has no NaN, which marks a class that was not in the prompt.
        """
        plain = self.unmasked
        record: dict[str, Any] = {
            "xyxy": plain.xyxy.tolist(),
            "scores": plain.scores.tolist(),
            "class_ids": plain.class_ids.tolist(),
        }
        if self.mask_hw is not None:
            record["mask_hw"] = list(self.mask_hw)
            record["masks"] = [rle_to_json(rle) for rle in self.rles]
        for name in _OF_MASKS:
            values = getattr(plain, name)
            if values is not None:
                record[name] = values.tolist()
        if plain.class_scores is not None:
            record["num_classes"] = plain.class_scores.shape[1]
            record["class_scores"] = base64.b64encode(plain.class_scores.astype(_HALF).tobytes()).decode("ascii")
        return record

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Self:
        """The inverse of `to_record`, exact to the last bit but for class scores; no mask is decoded.

        Raises:
            StoredDetectionsError: if a part is missing or damaged, or does not fit the others.
        """
        try:
            count = len(record["scores"])
            mask_hw = class_scores = None
            mask_scores, box_agreement = (
                np.array(record[name], np.float32) if name in record else None for name in _OF_MASKS
            )
            rles: tuple[Rle, ...] = ()
            if "masks" in record:
                height, width = (int(side) for side in record["mask_hw"])
                mask_hw = height, width
                rles = tuple(segmentation_to_rle(segmentation, mask_hw) for segmentation in record["masks"])
            if "class_scores" in record:
                halves = np.frombuffer(base64.b64decode(record["class_scores"], validate=True), _HALF)
                class_scores = halves.astype(np.float32).reshape(count, int(record["num_classes"]))
            unmasked = Detections(
                xyxy=np.array(record["xyxy"], np.float32).reshape(count, 4),
                scores=np.array(record["scores"], np.float32),
                class_ids=np.array(record["class_ids"], np.int64),
                class_scores=class_scores,
                mask_scores=mask_scores,
                box_agreement=box_agreement,
            )
            return cls(unmasked, mask_hw, rles)
        except (LookupError, TypeError, ValueError, OverflowError) as error:
            got = sorted(record) if isinstance(record, Mapping) else record
            raise StoredDetectionsError(
                "objects of one image: expected the parts of Detections as this version writes them, got "
                f"{got!r:.200}: {error!r}; run again the pipeline that made them"
            ) from error
