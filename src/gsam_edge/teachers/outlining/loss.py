"""Losses of masks and of their predicted IoU."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional
from torchvision.ops import sigmoid_focal_loss

from gsam_edge.teachers.outlining.config import MaskLossConfig
from gsam_edge.teachers.outlining.model import Features, PromptableModel
from gsam_edge.teachers.outlining.prompts import Prompts


def prompted_losses(
    model: PromptableModel, features: Features, prompts: Sequence[Prompts], config: MaskLossConfig, *, multimask: bool
) -> dict[str, Tensor]:
    """Returns the losses of all prompts of a batch, in one pass through the decoder.

    Args:
        model: the model.
        features: of the B images, [B, ...].
        prompts: B items, one for each image.
        config: weights of the losses.
        multimask: see `PromptableModel.decode`.

    Returns:
        See `mask_losses`.
    """
    together = Prompts(torch.cat([one.boxes for one in prompts]), torch.cat([one.targets for one in prompts]))
    counts = torch.tensor([len(one.boxes) for one in prompts], device=together.boxes.device)
    repeated = {name: feature.repeat_interleave(counts, dim=0) for name, feature in features.items()}
    logits, iou = model.decode(repeated, together.boxes, multimask=multimask)
    return mask_losses(logits, iou, together, model.input_size, config)


def mask_losses(
    logits: Tensor, predicted_iou: Tensor, prompts: Prompts, input_size: int, config: MaskLossConfig
) -> dict[str, Tensor]:
    """Returns the weighted losses of one or more prompted objects.

    Of several masks of an object, the one that costs least is taught, so that the others stay free to answer another
    meaning of the box; the predicted IoU of each is taught (Kirillov et al. 2023, arXiv:2304.02643, appendix A).

    Args:
        logits: float [N, M, m, m] over the model's input.
        predicted_iou: float [N, M].
        prompts: boxes [N, 4] and targets [N, m, m].
        input_size: side of the model's input in pixels.
        config: the weights.

    Returns:
        Scalars among `dice_loss`, `focal_loss`, `bce_loss` and `iou_loss`, those with a weight above 0: means over the
        objects, each at least zero.
    """
    logits, predicted_iou = logits.float(), predicted_iou.float()
    targets = prompts.targets[:, None].expand_as(logits)
    costs: dict[str, Tensor] = {}
    if config.dice_weight:
        costs["dice_loss"] = config.dice_weight * _dice(logits.sigmoid(), targets)
    if config.focal_weight:
        focal = sigmoid_focal_loss(logits, targets, config.focal_alpha, config.focal_gamma)
        costs["focal_loss"] = config.focal_weight * focal.mean((2, 3))
    if config.bce_weight:
        size = logits.shape[-1]
        inside = _inside(prompts.boxes * (size / input_size), size)[:, None]
        entropy = functional.binary_cross_entropy_with_logits(logits, targets, reduction="none")
        costs["bce_loss"] = config.bce_weight * (_mean_where(entropy, inside) + _mean_where(entropy, 1 - inside))

    taught = torch.stack(list(costs.values())).detach().sum(0).argmin(1, keepdim=True)
    losses = {name: cost.gather(1, taught).mean() for name, cost in costs.items()}
    if config.iou_weight:
        actual_iou = _hard_iou(logits.detach() > 0, targets > 0.5)
        losses["iou_loss"] = config.iou_weight * (predicted_iou - actual_iou).square().mean()
    return losses


def _dice(probabilities: Tensor, targets: Tensor) -> Tensor:
    """Returns the Dice losses [N, M] of probabilities and targets [N, M, m, m], each with 1 added to both areas."""
    overlap = (probabilities * targets).sum((2, 3))
    return 1 - (2 * overlap + 1) / (probabilities.sum((2, 3)) + targets.sum((2, 3)) + 1)


def _inside(boxes: Tensor, size: int) -> Tensor:
    """Returns 1 for the cells [N, size, size] that a box [N, 4], corners in cells, touches, else 0."""
    cells = torch.arange(size, device=boxes.device, dtype=boxes.dtype)
    columns = (cells + 1 > boxes[:, None, 0]) & (cells < boxes[:, None, 2])
    lines = (cells + 1 > boxes[:, None, 1]) & (cells < boxes[:, None, 3])
    return (lines[:, :, None] & columns[:, None, :]).float()


def _mean_where(values: Tensor, weight: Tensor) -> Tensor:
    """Returns means [N, M] of values [N, M, m, m] over the cells of weight [N, 1, m, m] 1; 0 where there are none."""
    return (values * weight).sum((2, 3)) / weight.sum((2, 3)).clamp(min=1)


def _hard_iou(a: Tensor, b: Tensor) -> Tensor:
    """Returns the IoU [N, M] of bool masks [N, M, m, m]; 0 where both are empty."""
    union = (a | b).sum((2, 3))
    return (a & b).sum((2, 3)) / union.clamp(min=1)
