"""Labelled images as input of Grounding DINO's training loss."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gsam_edge.teachers.grounding_dino.model import GroundingDino
from gsam_edge.teachers.grounding_dino.prompts import Prompt
from gsam_edge.vision import Detections
from gsam_edge.vision.boxes import xyxy_to_cxcywh


@dataclass(frozen=True)
class GroundingDinoBatch:
    """Images with their prompts and truth, on one device.

    Attributes:
        inputs: output of the processor: `pixel_values`, `pixel_mask`, `input_ids`, `token_type_ids`, `attention_mask`.
        boxes: per image float32 [N, 4], cxcywh as fractions of the image (padding excluded).
        labels: per image int64 [N], rows of that image's `class_tokens`.
        class_tokens: per image float32 [C, T], 1 where a token of the prompt belongs to the class.
    """

    inputs: Mapping[str, Tensor]
    boxes: list[Tensor]
    labels: list[Tensor]
    class_tokens: list[Tensor]


def labelled_batch(
    grounding_dino: GroundingDino,
    images: Sequence[NDArray[np.uint8]],
    truths: Sequence[Detections],
    prompts: Sequence[Prompt],
) -> GroundingDinoBatch:
    """Builds a batch of images uint8 [H, W, 3] RGB with objects; objects of classes outside a prompt are left out."""
    inputs = grounding_dino.inputs(images, [prompt.text for prompt in prompts])
    device, length = grounding_dino.device, inputs["input_ids"].shape[1]
    class_tokens, boxes, labels = [], [], []
    for image, truth, prompt in zip(images, truths, prompts, strict=True):
        tokens = torch.zeros(len(prompt.spans), length, device=device)
        for row, span in enumerate(prompt.spans):
            tokens[row, list(span)] = 1
        class_tokens.append(tokens)
        asked = truth.select(np.isin(truth.class_ids, prompt.class_ids))
        height, width = image.shape[:2]
        fractions = xyxy_to_cxcywh(asked.xyxy) / np.array([width, height, width, height], np.float32)
        boxes.append(torch.from_numpy(fractions).to(device))
        rows = [prompt.class_ids.index(class_id) for class_id in asked.class_ids]
        labels.append(torch.tensor(rows, dtype=torch.int64, device=device))
    return GroundingDinoBatch(inputs, boxes, labels, class_tokens)
