"""SAM 3's loss: set prediction of boxes in every decoder layer, the presence of a class, and masks.

In all shapes: B prompts, each an image asked for one class, L decoder layers, Q queries, N objects of a prompt, P pairs
of a query and an object.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional
from torchvision.ops import box_convert, generalized_box_iou_loss, sigmoid_focal_loss
from transformers.loss.loss_deformable_detr import DeformableDetrHungarianMatcher

from gsam_edge.teachers.sam3.config import Sam3LossConfig
from gsam_edge.teachers.sam3.network import Answers, Pyramid, Texts, answers, mask_logits
from gsam_edge.training.errors import TrainingError


class Objects(NamedTuple):
    """The objects of one prompt; none where the class is absent.

    Attributes:
        boxes: float32 [N, 4], cxcywh as fractions of the image.
        masks: float32 [N, m, m], share of each cell that the object covers; all zero for an object without a mask. None
            where masks are not taught.
    """

    boxes: Tensor
    masks: Tensor | None


class _Pairs(NamedTuple):
    """Queries and objects that belong together: prompt, query and object, int64 [P] each."""

    prompt: Tensor
    query: Tensor
    target: Tensor


def sam3_losses(
    model: Any, images: Pyramid, texts: Texts, wanted: Sequence[Objects], config: Sam3LossConfig
) -> dict[str, Tensor]:
    """Returns the weighted losses of a batch of prompts.

    As in SAM 3's own training (`facebookresearch/sam3`, `train/loss/loss_fns.py`), each query's score is taught only
    where the class is present, since the presence already says where it is not; queries and objects are matched one to
    one in every layer. Its further one-to-many matching is left out.

    Args:
        model: a `Sam3Model`.
        images: the images of the B prompts.
        texts: their classes.
        wanted: their objects.
        config: weights.

    Returns:
        Scalars `class_loss`, `presence_loss`, `l1_loss` and `giou_loss`, summed over the layers, and, where masks are
        taught, `mask_loss` and `dice_loss` of the last layer.

    Raises:
        TrainingError: if a box or a logit is NaN or infinite, as after a step that was too large.
    """
    asked = answers(model, images, texts)
    for name, part in (("boxes", asked.boxes), ("class logits", asked.logits)):
        if not bool(part.isfinite().all()):
            raise TrainingError(f"expected finite {name}, got NaN or infinity; try a lower learning rate")
    totals: dict[str, Tensor] = {}
    for layer in range(len(asked.boxes)):
        pairs = _matched(asked.boxes[layer], asked.logits[layer], wanted, config)
        for name, loss in _set_loss(asked, layer, pairs, wanted, config).items():
            totals[name] = totals.get(name, torch.zeros_like(loss)) + loss
    if any(one.masks is not None for one in wanted):
        totals |= _mask_losses(model, images, texts, asked, pairs, wanted, config)
    return totals


def _matched(boxes: Tensor, logits: Tensor, wanted: Sequence[Objects], config: Sam3LossConfig) -> _Pairs:
    """Matches the queries of a layer, boxes [B, Q, 4] and logits [B, Q], to objects one to one."""
    matcher = DeformableDetrHungarianMatcher(
        class_cost=config.class_weight, bbox_cost=config.l1_weight, giou_cost=config.giou_weight
    )
    targets = [
        {"class_labels": torch.zeros(len(one.boxes), dtype=torch.int64, device=boxes.device), "boxes": one.boxes}
        for one in wanted
    ]
    found = matcher({"logits": logits[..., None].detach(), "pred_boxes": boxes.detach()}, targets)
    prompt = torch.cat([torch.full_like(query, row) for row, (query, _) in enumerate(found)])
    query, target = (torch.cat([pair[part] for pair in found]) for part in (0, 1))
    return _Pairs(prompt.to(boxes.device), query.to(boxes.device), target.to(boxes.device))


def _set_loss(
    asked: Answers, layer: int, pairs: _Pairs, wanted: Sequence[Objects], config: Sam3LossConfig
) -> dict[str, Tensor]:
    """Returns the weighted losses of one decoder layer; those of queries and boxes are means over the objects."""
    objects = max(len(pairs.query), 1)  # a batch without objects counts as one, as DETR does
    present = torch.tensor([len(one.boxes) > 0 for one in wanted], device=asked.logits.device)
    target = torch.zeros_like(asked.logits[layer])
    target[pairs.prompt, pairs.query] = 1
    focal = sigmoid_focal_loss(
        asked.logits[layer][present], target[present], config.focal_alpha, config.focal_gamma, reduction="sum"
    )
    predicted = asked.boxes[layer][pairs.prompt, pairs.query]
    boxes = _of_pairs([one.boxes for one in wanted], pairs)
    giou = generalized_box_iou_loss(
        box_convert(predicted, "cxcywh", "xyxy"), box_convert(boxes, "cxcywh", "xyxy"), reduction="sum"
    )
    presence = functional.binary_cross_entropy_with_logits(asked.presence[layer], present.float())
    return {
        "class_loss": config.class_weight * focal / objects,
        "presence_loss": config.presence_weight * presence,
        "l1_loss": config.l1_weight * (predicted - boxes).abs().sum() / objects,
        "giou_loss": config.giou_weight * giou / objects,
    }


def _mask_losses(
    model: Any,
    images: Pyramid,
    texts: Texts,
    asked: Answers,
    pairs: _Pairs,
    wanted: Sequence[Objects],
    config: Sam3LossConfig,
) -> dict[str, Tensor]:
    """Returns the weighted focal and Dice losses of the matched queries' masks, means over the objects with a mask."""
    # Prompts have different numbers of objects: place of each pair within its prompt, then queries padded to the most.
    place = torch.cat([torch.arange(int((pairs.prompt == row).sum())) for row in range(len(wanted))]).to(pairs.query)
    most = int(place.max()) + 1 if len(place) else 1
    padded = asked.queries.new_zeros(len(wanted), most, asked.queries.shape[-1])
    padded[pairs.prompt, place] = asked.queries[pairs.prompt, pairs.query]
    logits = mask_logits(model, images, texts, asked.encoded, padded)[pairs.prompt, place]  # [P, m, m]
    targets = _of_pairs([one.masks for one in wanted if one.masks is not None], pairs)
    drawn = targets.flatten(1).any(1)
    logits, targets = logits[drawn], targets[drawn]
    count = max(len(targets), 1)
    focal = sigmoid_focal_loss(logits, targets, config.focal_alpha, config.focal_gamma).mean((1, 2)).sum()
    probabilities = logits.sigmoid()
    overlap = (probabilities * targets).sum((1, 2))
    dice = 1 - (2 * overlap + 1) / (probabilities.sum((1, 2)) + targets.sum((1, 2)) + 1)
    return {"mask_loss": config.mask_weight * focal / count, "dice_loss": config.dice_weight * dice.sum() / count}


def _of_pairs(of_prompts: Sequence[Tensor], pairs: _Pairs) -> Tensor:
    """Picks the pairs' objects [P, ...] from those of each prompt, [N, ...] each."""
    first = torch.tensor([0, *(len(one) for one in of_prompts)][:-1], device=pairs.target.device).cumsum(0)
    return torch.cat(list(of_prompts))[first[pairs.prompt] + pairs.target]
