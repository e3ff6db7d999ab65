"""Prompts of a training step: objects, jittered boxes, target masks at the decoder's resolution."""

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from gsam_edge.coco import Annotations
from gsam_edge.coco.packed import PackedDetections
from gsam_edge.teachers.outlining.model import PromptableModel, boxes_to_input
from gsam_edge.vision.boxes import box_area, clip_xyxy
from gsam_edge.vision.masks import CroppedMasks


class Prompts(NamedTuple):
    """The prompted objects of one image.

    Attributes:
        boxes: float32 [N, 4], corners in pixels of the model's input.
        targets: float32 [N, m, m], share of each cell of the decoder's output that the object covers.
    """

    boxes: Tensor
    targets: Tensor


def prompted_objects(split: Annotations, image_id: int) -> PackedDetections:
    """Returns the objects of an image that can be prompts and targets: those with a mask and a box with an area."""
    truth = split.packed_truth(image_id)
    return truth.select((truth.mask_areas > 0) & (box_area(truth.unmasked.xyxy) > 0))


def drawn_prompts(
    model: PromptableModel,
    xyxy: NDArray[np.float32],
    masks: NDArray[np.bool_] | CroppedMasks,
    *,
    box_jitter: float,
    at_most: int,
    rng: np.random.Generator,
) -> Prompts:
    """Draws objects of an image and jitters their boxes.

    Args:
        model: gives the geometry; the prompts are on its device.
        xyxy: float32 [N, 4], true boxes, corners in pixels of the image.
        masks: bool [N, H, W] or cropped, true masks.
        box_jitter: see `jitter_boxes`.
        at_most: objects drawn.
        rng: random generator.
    """
    drawn = rng.permutation(len(xyxy))[:at_most]
    image_hw = (masks.shape[1], masks.shape[2])
    boxes = boxes_to_input(model, jitter_boxes(rng, xyxy[drawn], box_jitter, image_hw), image_hw)
    targets = mask_targets(masks[drawn], model.input_hw(image_hw), model.input_size, model.mask_size)
    return Prompts(boxes, targets.to(boxes.device))


def jitter_boxes(
    rng: np.random.Generator, xyxy: NDArray[np.float32], fraction: float, image_hw: tuple[int, int]
) -> NDArray[np.float32]:
    """Jitters boxes, as an imperfect detector would.

    Args:
        rng: random generator.
        xyxy: float32 [N, 4], corners in pixels.
        fraction: below 0.5; each side moves by a uniform draw within +- this fraction of the box's width or height.
        image_hw: the result is clipped to this height and width.

    Returns:
        float32 [N, 4] in the same pixels.
    """
    size = np.tile(xyxy[:, 2:] - xyxy[:, :2], 2)
    moved = xyxy + size * rng.uniform(-fraction, fraction, xyxy.shape).astype(np.float32)
    return clip_xyxy(moved, image_hw)


def mask_targets(
    masks: NDArray[np.bool_] | CroppedMasks, input_hw: tuple[int, int], input_size: int, mask_size: int
) -> Tensor:
    """Returns masks as targets of the decoder's output.

    Args:
        masks: bool [N, H, W] in the original image's size, or cropped; they are resized one at a time.
        input_hw: height and width of the image on the input.
        input_size: side of the square input in pixels.
        mask_size: side m of the decoder's output, a divisor of `input_size`.

    Returns:
        float32 [N, m, m] in 0..1, the share of each cell that is covered; zero where the input is padding.
    """
    targets = torch.zeros(len(masks), mask_size, mask_size)
    for row in range(len(masks)):
        whole = masks[[row]].whole() if isinstance(masks, CroppedMasks) else masks[row : row + 1]
        resized = torch.from_numpy(whole)[:, None].float()
        if tuple(masks.shape[1:]) != tuple(input_hw):
            resized = functional.interpolate(resized, input_hw, mode="bilinear", antialias=True)
        padded = functional.pad(resized, (0, input_size - input_hw[1], 0, input_size - input_hw[0]))
        targets[row] = functional.avg_pool2d(padded, input_size // mask_size)[0, 0].clamp(0, 1)
    return targets
