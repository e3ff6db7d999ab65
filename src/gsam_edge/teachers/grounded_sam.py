"""Grounded SAM (Ren et al. 2024, arXiv:2401.14159): Grounding DINO finds the named classes, SAM draws their masks."""

import copy
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from gsam_edge.teachers.grounding_dino.config import DetectionConfig
from gsam_edge.teachers.grounding_dino.model import GroundingDino
from gsam_edge.teachers.lora.adapter import Adapter, apply_adapter
from gsam_edge.teachers.sam.model import SamModel
from gsam_edge.training.device import DeviceName, resolve_device
from gsam_edge.vision import Detections

Teacher = TypeVar("Teacher", GroundingDino, SamModel)


@dataclass(frozen=True)
class GroundedSam:
    """The teachers that a dataset calls for, as one.

    Attributes:
        grounding_dino: finds boxes; None where the data holds no boxes of its own.
        sam: draws masks; None where the data holds no masks.
        class_names: by class id, all asked for in one prompt.
        detection: threshold and suppression of Grounding DINO's boxes.

    Raises:
        ValueError: if there is neither of the two.
    """

    grounding_dino: GroundingDino | None
    sam: SamModel | None
    class_names: tuple[str, ...]
    detection: DetectionConfig

    def __post_init__(self) -> None:
        if self.grounding_dino is None and self.sam is None:
            raise ValueError("GroundedSam: expected Grounding DINO, SAM or both, got neither")

    def predict(self, image: NDArray[np.uint8], prompt: Detections | None = None) -> Detections:
        """The objects of an image.

        Args:
            image: uint8 [H, W, 3], RGB.
            prompt: where the boxes are known, and always where Grounding DINO is absent: these boxes are given masks,
                nothing is looked for.

        Returns:
            Without a prompt Grounding DINO's boxes, scores and class scores, with masks where SAM is there. With one,
            its rows in its order with SAM's masks, and as score SAM's own estimate of the mask's IoU, cut to 0..1.

        Raises:
            ValueError: if neither boxes nor a model that finds them are there, or boxes but no model that draws masks.
        """
        if prompt is None:
            found = self._detect(image)
            return found if self.sam is None else replace(found, masks=self.sam.predict(image, found.xyxy)[0])
        if self.sam is None:
            raise ValueError("GroundedSam: expected SAM to draw the masks of the given boxes, but it is absent")
        masks, iou = self.sam.predict(image, prompt.xyxy)
        return replace(prompt, masks=masks, scores=iou.clip(0, 1))

    def _detect(self, image: NDArray[np.uint8]) -> Detections:
        if self.grounding_dino is None:
            raise ValueError("GroundedSam: expected the boxes of the objects, since Grounding DINO is absent; got none")
        return self.grounding_dino.predict_batch([image], self.class_names, self.detection)[0]


def teacher_predictor(
    *,
    grounding_dino: GroundingDino | None,
    grounding_dino_adapter: Adapter | None,
    sam: SamModel | None,
    sam_adapter: Adapter | None,
    class_names: tuple[str, ...],
    detection: DetectionConfig,
    device: DeviceName,
    keep_bases: bool = True,
) -> Callable[..., Detections]:
    """Grounded SAM with its adapters on, as `predict(image)` or `predict(image, prompt)`.

    A `functools.partial` of this function over its arguments can be pickled and called in another process.

    Args:
        grounding_dino: a base, or None.
        grounding_dino_adapter: None leaves the base as it is.
        sam: likewise.
        sam_adapter: likewise.
        class_names: by class id.
        detection: threshold and suppression.
        device: where to predict.
        keep_bases: whether the bases are left as they are; a process of its own may tune them in place and so hold
            their weights only once.

    Raises:
        ValueError: if there is no model at all, or an adapter that does not fit its base or its model is absent.
    """
    where = resolve_device(device)
    detector = _tuned(grounding_dino, grounding_dino_adapter, where, keep_bases)
    segmenter = _tuned(sam, sam_adapter, where, keep_bases)
    return GroundedSam(detector, segmenter, class_names, detection).predict


def _tuned(base: Teacher | None, adapter: Adapter | None, device: torch.device, keep_base: bool) -> Teacher | None:
    if base is None:
        if adapter is not None:
            raise ValueError(f"teacher: expected the base of the {adapter.config.kind} adapter, got none")
        return None
    model = copy.deepcopy(base.model) if keep_base else base.model
    return replace(base, model=(model if adapter is None else apply_adapter(model, adapter)).to(device))
