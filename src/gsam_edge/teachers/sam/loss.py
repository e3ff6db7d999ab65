"""Training of SAM: jittered box prompts, target masks at the decoder's resolution, and losses."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from gsam_edge.teachers.sam.config import SamLossConfig
from gsam_edge.teachers.sam.model import SamModel, decode_boxes
from gsam_edge.vision.boxes import clip_xyxy


class Prompts(NamedTuple):
    """The prompted objects of one image.

    Attributes:
        boxes: float32 [N, 4], corners in pixels of SAM's input.
        targets: float32 [N, m, m], share of each cell of the decoder's output that the object covers.
    """

    boxes: Tensor
    targets: Tensor


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


def mask_targets(masks: NDArray[np.bool_], input_hw: tuple[int, int], input_size: int, mask_size: int) -> Tensor:
    """Returns masks as targets of the decoder's output.

    Args:
        masks: bool [N, H, W] in the original image's size.
        input_hw: height and width of the image on SAM's input.
        input_size: side of SAM's square input in pixels.
        mask_size: side m of the decoder's output, a divisor of `input_size`.

    Returns:
        float32 [N, m, m] in 0..1, the share of each cell that is covered; zero where the input is padding.
    """
    resized = torch.from_numpy(masks)[:, None].float()
    if tuple(masks.shape[1:]) != tuple(input_hw):
        resized = functional.interpolate(resized, input_hw, mode="bilinear", antialias=True)
    padded = functional.pad(resized, (0, input_size - input_hw[1], 0, input_size - input_hw[0]))
    return functional.avg_pool2d(padded, input_size // mask_size)[:, 0].clamp(0, 1)


def prompted_losses(
    sam: SamModel, features: Tensor, prompts: Sequence[Prompts], config: SamLossConfig
) -> dict[str, Tensor]:
    """Returns the losses of all prompts of a batch, in one pass through the decoder.

    Args:
        sam: the model.
        features: float [B, C, h, w], the embedded images.
        prompts: B items, one for each image.
        config: weights of the losses.

    Returns:
        See `sam_losses`.
    """
    counts = torch.tensor([len(one.boxes) for one in prompts], device=features.device)
    together = Prompts(torch.cat([one.boxes for one in prompts]), torch.cat([one.targets for one in prompts]))
    logits, iou = decode_boxes(sam.model, features.repeat_interleave(counts, dim=0), together.boxes)
    return sam_losses(logits, iou, together, sam.architecture.image_size, config)


def sam_losses(
    logits: Tensor, predicted_iou: Tensor, prompts: Prompts, input_size: int, config: SamLossConfig
) -> dict[str, Tensor]:
    """Returns the weighted losses of one or more prompted objects.

    Args:
        logits: float [N, m, m] over SAM's input.
        predicted_iou: float [N].
        prompts: boxes [N, 4] and targets [N, m, m].
        input_size: side of SAM's input in pixels.
        config: the weights.

    Returns:
        Scalars `dice_loss`, `bce_loss` and `iou_loss`, means over the objects, each at least zero.
    """
    logits, predicted_iou, targets = logits.float(), predicted_iou.float(), prompts.targets
    probabilities = logits.sigmoid()
    overlap = (probabilities * targets).sum((1, 2))
    dice = 1 - (2 * overlap + 1) / (probabilities.sum((1, 2)) + targets.sum((1, 2)) + 1)

    inside = _inside(prompts.boxes * (logits.shape[-1] / input_size), logits.shape[-1])
    entropy = functional.binary_cross_entropy_with_logits(logits, targets, reduction="none")
    bce = _mean_where(entropy, inside) + _mean_where(entropy, 1 - inside)

    actual_iou = _hard_iou(logits.detach() > 0, targets > 0.5)
    iou_error = (predicted_iou - actual_iou).square()
    return {
        "dice_loss": config.dice_weight * dice.mean(),
        "bce_loss": config.bce_weight * bce.mean(),
        "iou_loss": config.iou_weight * iou_error.mean(),
    }


def _inside(boxes: Tensor, size: int) -> Tensor:
    """Returns 1 for the cells [N, size, size] that a box [N, 4], corners in cells, touches, else 0."""
    cells = torch.arange(size, device=boxes.device, dtype=boxes.dtype)
    columns = (cells + 1 > boxes[:, None, 0]) & (cells < boxes[:, None, 2])
    lines = (cells + 1 > boxes[:, None, 1]) & (cells < boxes[:, None, 3])
    return (lines[:, :, None] & columns[:, None, :]).float()


def _mean_where(values: Tensor, weight: Tensor) -> Tensor:
    """Returns means [N] of values [N, m, m] over the cells of weight 1; 0 where there are none."""
    return (values * weight).sum((1, 2)) / weight.sum((1, 2)).clamp(min=1)


def _hard_iou(a: Tensor, b: Tensor) -> Tensor:
    """Returns the IoU [N] of bool masks [N, m, m]; 0 where both are empty."""
    union = (a | b).sum((1, 2))
    return (a & b).sum((1, 2)) / union.clamp(min=1)
