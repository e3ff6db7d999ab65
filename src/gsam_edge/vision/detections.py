"""Detections of one image: the output of every model, teacher or student."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gsam_edge.vision.masks import CroppedMasks


class _Masks:
    """The field `masks`: cropped ones are filled out to arrays where they are first read, and stay so."""

    def __get__(self, detections: Any, owner: Any) -> NDArray[np.bool_] | None:
        if detections is None:
            return None  # the field's default
        held: NDArray[np.bool_] | CroppedMasks | None = vars(detections)["masks"]
        if isinstance(held, CroppedMasks):
            held = vars(detections)["masks"] = held.whole()
        return held

    def __set__(self, detections: Any, masks: NDArray[np.bool_] | CroppedMasks | None) -> None:
        vars(detections)["masks"] = masks


@dataclass(frozen=True)
class Detections:
    """Objects found, or labelled, in one image.

    Attributes:
        xyxy: float32 [N, 4], corners in pixels of the original image, x right and y down.
        scores: float32 [N] in 0..1; 1 for ground truth.
        class_ids: int64 [N], the student's ids 0..C-1.
        masks: bool [N, H, W] in the original image's size, or None where the source gives no masks. They may be given
            as `CroppedMasks`, which take less memory until the arrays are asked for; see `cropped`.
        class_scores: float32 [N, C] in 0..1, one score per class, NaN for classes that were not in the prompt; or None
            where the source gives only the best.
        mask_scores: float32 [N] in 0..1, the source's own estimate of each mask's IoU with the object; or None where
            the source estimates none.
        box_agreement: float32 [N] in 0..1, IoU of the box that a mask was drawn in with the mask's tight box, 0 for an
            empty mask; or None where the masks were drawn in no given box.

    Raises:
        ValueError: if the arrays do not agree in their first dimension or have another rank.
    """

    xyxy: NDArray[np.float32]
    scores: NDArray[np.float32]
    class_ids: NDArray[np.int64]
    masks: _Masks = _Masks()  # a descriptor, which every value shares
    class_scores: NDArray[np.float32] | None = None
    mask_scores: NDArray[np.float32] | None = None
    box_agreement: NDArray[np.float32] | None = None

    def __post_init__(self) -> None:
        n = len(self.xyxy)
        expected = {"xyxy": (n, 4), "scores": (n,), "class_ids": (n,)}
        for name, shape in expected.items():
            if getattr(self, name).shape != shape:
                raise ValueError(f"Detections.{name}: expected shape {shape}, got {getattr(self, name).shape}")
        for name, rank in (("masks", 3), ("class_scores", 2), ("mask_scores", 1), ("box_agreement", 1)):
            array = vars(self)[name]
            if array is not None and (len(array.shape) != rank or len(array) != n):
                raise ValueError(f"Detections.{name}: expected rank {rank} with {n} rows, got shape {array.shape}")

    def __len__(self) -> int:
        return len(self.xyxy)

    @property
    def cropped(self) -> CroppedMasks | None:
        """The masks as they were given, cropped; None where they were not, or `masks` was read since."""
        held = self.held_masks
        return held if isinstance(held, CroppedMasks) else None

    @property
    def held_masks(self) -> NDArray[np.bool_] | CroppedMasks | None:
        """The masks as they are held; `dataclasses.replace` fills them out unless it is given these."""
        held: NDArray[np.bool_] | CroppedMasks | None = vars(self)["masks"]
        return held

    def crop(self) -> CroppedMasks | None:
        """Returns the masks cropped to windows, whatever form they are held in, and leaves them in it."""
        held = self.held_masks
        if held is None or isinstance(held, CroppedMasks):
            return held
        return CroppedMasks.crop((held.shape[1], held.shape[2]), held)

    @classmethod
    def empty(cls, *, mask_hw: tuple[int, int] | None = None, num_classes: int | None = None) -> "Detections":
        """Returns no objects; `mask_hw` (height, width) adds empty masks, `num_classes` adds empty class scores."""
        return cls(
            xyxy=np.zeros((0, 4), np.float32),
            scores=np.zeros(0, np.float32),
            class_ids=np.zeros(0, np.int64),
            masks=None if mask_hw is None else np.zeros((0, *mask_hw), bool),
            class_scores=None if num_classes is None else np.zeros((0, num_classes), np.float32),
        )

    def select(self, index: NDArray[np.bool_] | NDArray[np.int64]) -> "Detections":
        """Returns the rows of a boolean mask [N] or an index array [M], in the index's order."""
        held = self.held_masks  # cropped ones stay cropped
        return replace(
            self,
            xyxy=self.xyxy[index],
            scores=self.scores[index],
            class_ids=self.class_ids[index],
            masks=None if held is None else held[index],
            class_scores=None if self.class_scores is None else self.class_scores[index],
            mask_scores=None if self.mask_scores is None else self.mask_scores[index],
            box_agreement=None if self.box_agreement is None else self.box_agreement[index],
        )
