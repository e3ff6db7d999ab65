"""Prediction with a model that is prompted with boxes, as teachers are asked."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from gsam_edge.teachers.family import Image, Setting, TeacherPredict, one_by_one
from gsam_edge.teachers.lora.adapter import Adapter
from gsam_edge.teachers.maps import TeacherMaps
from gsam_edge.teachers.outlining.calibration import IouCalibration, OutlinerFacts
from gsam_edge.teachers.outlining.features import ImageFeatures
from gsam_edge.teachers.outlining.maps import mask_maps
from gsam_edge.teachers.outlining.model import PromptableModel, predict_masks
from gsam_edge.vision import Detections

#: How a base is asked that was not tuned.
_UNTUNED = OutlinerFacts(multimask=False, iou=IouCalibration(slope=1, intercept=0))


def outliner(model: PromptableModel, adapter: Adapter | None, setting: Setting) -> TeacherPredict:
    """Builds the prediction that draws a mask for every box of the prompt.

    Args:
        model: with the adapter's matrices, if it has any.
        adapter: its facts say how the model is asked and calibrate its estimates, the `mask_scores`; None, or one
            without matrices, leaves the estimates as they are, clipped to 0..1.
        setting: its store keeps what a frozen image encoder gives.
    """
    facts = _facts(adapter)
    # The calibration is that of the tuned model.
    calibration = facts.iou if adapter is not None and adapter.is_tuned else _UNTUNED.iou
    features = ImageFeatures(model, setting.features)

    def outline(image: Image, prompt: Detections | None) -> Detections:
        if prompt is None:
            raise ValueError("a teacher that outlines: expected the boxes of the objects, got none")
        embedded = features.of_pixels(image) if len(prompt) else {}
        image_hw = (image.shape[0], image.shape[1])
        masks, iou = predict_masks(model, embedded, prompt.xyxy, image_hw, multimask=facts.multimask)
        return replace(prompt, masks=masks, mask_scores=calibration.calibrated(iou))

    return one_by_one(outline)


def soft_outliner(model: PromptableModel, adapter: Adapter | None, setting: Setting) -> TeacherMaps:
    """Builds the function that gives the logits of the masks; arguments as those of `outliner`."""
    facts, features = _facts(adapter), ImageFeatures(model, setting.features)

    def maps(canvas: Image, boxes: NDArray[np.float32]) -> dict[str, Tensor]:
        embedded = features.of_pixels(canvas) if len(boxes) else {}
        canvas_hw = (canvas.shape[0], canvas.shape[1])
        return mask_maps(model, embedded, boxes, canvas_hw, multimask=facts.multimask)

    return maps


def _facts(adapter: Adapter | None) -> OutlinerFacts:
    """Returns how the model is asked."""
    if adapter is None or adapter.config.facts is None:
        return _UNTUNED
    return OutlinerFacts.model_validate(adapter.config.facts)
