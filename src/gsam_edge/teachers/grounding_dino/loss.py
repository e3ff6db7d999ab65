"""Grounding DINO's loss: set prediction in every decoder layer, and a loss on the encoder's proposals.

In all shapes: B images, L decoder layers, Q queries (the boxes that a layer proposes), S image tokens of the encoder
(each proposes a box, too), T tokens of the longest prompt, N objects of an image, P pairs of a proposal and an object.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torchvision.ops import box_convert, generalized_box_iou_loss, sigmoid_focal_loss
from transformers.loss.loss_grounding_dino import GroundingDinoHungarianMatcher

from gsam_edge.teachers.grounding_dino.batch import GroundingDinoBatch
from gsam_edge.teachers.grounding_dino.config import GroundingDinoLossConfig
from gsam_edge.teachers.grounding_dino.library import TunableModel
from gsam_edge.training.errors import TrainingError


def grounding_dino_losses(
    model: TunableModel, batch: GroundingDinoBatch, config: GroundingDinoLossConfig
) -> dict[str, Tensor]:
    """Returns a batch's weighted losses `class_loss`, `l1_loss`, `giou_loss` and `encoder_loss`.

    The decoder's part is DINO's (Zhang et al. 2022): every layer's queries are matched to the objects one to one by the
    library's Hungarian matcher and trained on the tokens of their object's class (focal) and its box. The library's own
    loss is not used: in transformers 5.23 it looks up the tokens of images past the first in the wrong prompt, and its
    encoder part trains the query embeddings independently of the image.

    The encoder's proposals always have a loss of their own, since nothing else teaches which of them become queries:
    the decoder's gradient stops at its first boxes. See `GroundingDinoLossConfig.encoder_loss`.

    Raises:
        TrainingError: if a class logit or a box is NaN or infinite, as after a step that was too large.
    """
    outputs = model.model(**batch.inputs)  # without the heads: `decoder_predictions` asks those of every layer
    logits, boxes = decoder_predictions(model, outputs, batch.inputs["attention_mask"])
    _check_finite(logits[batch.inputs["attention_mask"].bool()[None, :, None].expand_as(logits)], boxes)
    weights = {"class_loss": config.class_weight, "l1_loss": config.l1_weight, "giou_loss": config.giou_weight}
    usable = torch.ones_like(boxes[0, ..., 0], dtype=torch.bool)
    layers = [_set_loss(*layer, usable, batch, config) for layer in zip(logits, boxes, strict=True)]
    losses = {name: weight * torch.stack([layer[name] for layer in layers]).sum() for name, weight in weights.items()}
    if config.encoder_loss == "dense":
        encoder = _dense_loss(outputs, batch, config)
    else:
        encoder = _two_stage_loss(outputs, model.config.num_queries, batch, config)
    weighted = torch.stack([weight * encoder[name] for name, weight in weights.items()])
    return {**losses, "encoder_loss": config.encoder_weight * weighted.sum()}


def decoder_predictions(model: TunableModel, outputs: Any, attention_mask: Tensor) -> tuple[Tensor, Tensor]:
    """Returns the predictions of every decoder layer, from the model's own heads.

    Returns:
        Logits [L, B, Q, T] over the prompt's tokens, -inf at padding, and boxes [L, B, Q, 4] cxcywh in 0..1.
    """
    hidden = outputs.intermediate_hidden_states
    references = [outputs.init_reference_points, *outputs.intermediate_reference_points.unbind(1)]
    text, tokens = outputs.encoder_last_hidden_state_text, attention_mask.shape[1]
    logits, boxes = [], []
    for layer in range(hidden.shape[1]):
        scores = model.class_embed[layer](hidden[:, layer], text, attention_mask.bool())
        logits.append(scores[..., :tokens].float())
        shift = model.bbox_embed[layer](hidden[:, layer])
        boxes.append((shift.float() + torch.special.logit(references[layer].float(), eps=1e-5)).sigmoid())
    return torch.stack(logits), torch.stack(boxes)


def _check_finite(logits: Tensor, boxes: Tensor) -> None:
    """Checks that logits and boxes are finite; the matcher's own error would blame the format of the boxes."""
    broken = [int((~part.isfinite()).sum()) for part in (logits, boxes)]
    if any(broken):
        raise TrainingError(
            f"expected finite class logits and boxes, got NaN or infinity in {broken[0]} of {logits.numel()} logits "
            f"and {broken[1]} of {boxes.numel()} box coordinates; try a lower learning rate"
        )


def _set_loss(
    logits: Tensor, boxes: Tensor, usable: Tensor, batch: GroundingDinoBatch, config: GroundingDinoLossConfig
) -> dict[str, Tensor]:
    """Returns the unweighted losses of proposals that are matched to the objects one to one.

    Args:
        logits: [B, Q, T], -inf at padding.
        boxes: [B, Q, 4] cxcywh in 0..1.
        usable: bool [B, Q]; the other proposals are matched to nothing.
        batch: the truth.
        config: weights.
    """
    # The matcher's own focal cost has fixed alpha 0.25 and gamma 2, whatever the loss is configured to.
    matcher = GroundingDinoHungarianMatcher(
        class_cost=config.class_weight, bbox_cost=config.l1_weight, giou_cost=config.giou_weight
    )
    targets = [{"class_labels": c, "boxes": b} for c, b in zip(batch.labels, batch.boxes, strict=True)]
    # What costs NaN, the matcher takes last.
    offered = logits.masked_fill(~usable[..., None], torch.nan)
    # Per image: queries [N] and their objects [N]; each object has one query of its own.
    pairs = matcher({"logits": offered, "pred_boxes": boxes, "label_maps": batch.class_tokens}, targets)
    kept = [usable[row].cpu()[query] for row, (query, _) in enumerate(pairs)]
    pairs = [(query[keep], target[keep]) for (query, target), keep in zip(pairs, kept, strict=True)]
    image = torch.cat([torch.full_like(query, row) for row, (query, _) in enumerate(pairs)])  # [P]
    query = torch.cat([query for query, _ in pairs])  # [P]
    # [P, 4], and [P, T] by way of the objects' classes, which are rows of the class tokens.
    wanted_boxes = torch.cat([b[target.to(b.device)] for b, (_, target) in zip(batch.boxes, pairs, strict=True)])
    wanted_tokens = torch.cat(
        [m[c[t.to(c.device)]] for m, c, (_, t) in zip(batch.class_tokens, batch.labels, pairs, strict=True)]
    )
    target_tokens = torch.zeros_like(logits)  # [B, Q, T]
    target_tokens[image, query] = wanted_tokens
    return _losses((logits, target_tokens), (boxes[image, query], wanted_boxes), batch, config)


def _two_stage_loss(
    outputs: Any, queries: int, batch: GroundingDinoBatch, config: GroundingDinoLossConfig
) -> dict[str, Tensor]:
    """Returns the unweighted losses of the encoder's proposals that became queries, matched to the objects one to one.

    As in Deformable DETR's two-stage form (Zhu et al. 2020, appendix A.4) and Grounding DINO's original training.
    """
    tokens = batch.inputs["attention_mask"].shape[1]  # T
    best = outputs.enc_outputs_class.amax(-1).topk(queries, dim=1).indices  # [B, Q], the model's own choice
    logits, coordinates = (
        part.gather(1, best[..., None].expand(-1, -1, part.shape[-1])).float()
        for part in (outputs.enc_outputs_class[..., :tokens], outputs.enc_outputs_coord_logits)
    )
    # Coordinates are infinite at padding and at the image's very edge.
    return _set_loss(logits, coordinates.sigmoid(), coordinates.isfinite().all(-1), batch, config)


def _dense_loss(outputs: Any, batch: GroundingDinoBatch, config: GroundingDinoLossConfig) -> dict[str, Tensor]:
    """Returns the unweighted losses of the encoder's proposals; an object may have several tokens, or none."""
    tokens = batch.inputs["attention_mask"].shape[1]  # T
    logits = outputs.enc_outputs_class[..., :tokens].float()  # [B, S, T]
    coordinates = outputs.enc_outputs_coord_logits.float()  # [B, S, 4], cxcywh before the sigmoid, infinite at padding
    height, width = batch.inputs["pixel_values"].shape[-2:]
    centres, strides = token_grid((height, width), logits.shape[1], logits.device)  # [S, 2], [S], pixels
    target_tokens = torch.zeros_like(logits)  # [B, S, T]
    images, rows, wanted_boxes = [], [], []
    for image, (boxes, labels) in enumerate(zip(batch.boxes, batch.labels, strict=True)):  # [N, 4], [N]
        pixels = batch.inputs["pixel_mask"][image]  # [H, W], 1 where the image is, in the upper left
        size = torch.stack([pixels[0].sum(), pixels[:, 0].sum()]).float()  # [2], width and height of the image, pixels
        token, target = assign_tokens(boxes * size.repeat(2), centres, strides, config)  # token and object, [P], [P]
        usable = coordinates[image, token].isfinite().all(1)  # [P]
        token, target = token[usable], target[usable]
        target_tokens[image, token] = batch.class_tokens[image][labels[target]]  # [P, T]
        images.append(torch.full_like(token, image))
        rows.append(token)
        wanted_boxes.append(boxes[target])
    predicted = coordinates[torch.cat(images), torch.cat(rows)].sigmoid()  # [P of all images, 4]
    return _losses((logits, target_tokens), (predicted, torch.cat(wanted_boxes)), batch, config)


def token_grid(image_hw: tuple[int, int], count: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Returns the positions of the encoder's tokens: levels of stride 8, 16, 32 ..., each row by row.

    Args:
        image_hw: height and width of the padded input in pixels.
        count: tokens of all levels together.
        device: of the result.

    Returns:
        Centres float32 [S, 2] (x, y) in pixels of the input, and strides float32 [S] in pixels.

    Raises:
        ValueError: if no number of such levels has `count` tokens.
    """
    centres: list[Tensor] = []
    strides: list[Tensor] = []
    stride = 8
    while sum(len(level) for level in centres) < count:
        height, width = (-(-side // stride) for side in image_hw)
        y, x = torch.meshgrid(torch.arange(height, device=device), torch.arange(width, device=device), indexing="ij")
        centres.append((torch.stack([x, y], -1).reshape(-1, 2) + 0.5) * stride)
        strides.append(torch.full((height * width,), float(stride), device=device))
        stride *= 2
    if sum(len(level) for level in centres) != count:
        raise ValueError(f"encoder tokens: expected levels of stride 8, 16, 32 ... over {image_hw}, got {count} tokens")
    return torch.cat(centres), torch.cat(strides)


def assign_tokens(
    boxes: Tensor, centres: Tensor, strides: Tensor, config: GroundingDinoLossConfig
) -> tuple[Tensor, Tensor]:
    """Assigns objects to encoder tokens: those near the object's centre, on the level that fits its size.

    Args:
        boxes: [N, 4] cxcywh in pixels of the input.
        centres: [S, 2] pixels, see `token_grid`.
        strides: [S] pixels.
        config: radius and cells per level.

    Returns:
        Token indices [P] and object indices [P], int64; a token that fits two objects is assigned to the smaller one.
    """
    if not len(boxes):
        nothing = torch.zeros(0, dtype=torch.int64, device=boxes.device)
        return nothing, nothing
    finest, coarsest = strides.min(), strides.max()
    longest = boxes[:, 2:].amax(1)
    level = (longest / (config.dense_cells * finest)).clamp(min=1).log2().ceil()
    wanted_stride = (finest * 2**level).clamp(max=coarsest)
    offset = (centres[:, None] - boxes[None, :, :2]).abs().amax(2) / strides[:, None]
    near = (offset <= config.dense_radius) & (strides[:, None] == wanted_stride[None])
    area = boxes[:, 2:].prod(1).expand_as(near).masked_fill(~near, torch.inf)
    token = near.any(1).nonzero()[:, 0]
    return token, area[token].argmin(1)


def token_weights(class_tokens: Sequence[Tensor]) -> Tensor:
    """Returns the weights of tokens in the class loss, so that a class counts the same however long its name is.

    The tokens of a class share the weight 1, where they are wanted and where they are not; so the loss of a class is
    the mean over its tokens, as its cost is in the library's matcher. Every other token (separators, [CLS]) has the
    weight 1: there are as many of them as classes, and two more.

    Args:
        class_tokens: per image [C, T], 1 where a token of the prompt belongs to the class.

    Returns:
        Weights [B, T]; at padding they are 1 and mean nothing.
    """
    return torch.stack(
        [(tokens / tokens.sum(1, keepdim=True)).sum(0) + (tokens.sum(0) == 0) for tokens in class_tokens]
    )


def _losses(
    tokens: tuple[Tensor, Tensor],
    boxes: tuple[Tensor, Tensor],
    batch: GroundingDinoBatch,
    config: GroundingDinoLossConfig,
) -> dict[str, Tensor]:
    """Returns focal loss over all real tokens, L1 and GIoU over boxes, each per box; pairs are (predicted, target).

    `tokens` are [B, Q or S, T] each and `boxes` [P, 4] each. For the weights of tokens see `token_weights`.
    """
    logits, target_tokens = tokens
    predicted, wanted = boxes
    real = batch.inputs["attention_mask"].bool()[:, None].expand_as(logits)  # [B, Q or S, T]
    focal = sigmoid_focal_loss(
        logits[real], target_tokens[real], alpha=config.focal_alpha, gamma=config.focal_gamma, reduction="none"
    )
    focal = (focal * token_weights(batch.class_tokens)[:, None].expand_as(logits)[real]).sum()
    # DETR, DINO and the library bound the number of boxes in the same way: a batch without objects counts as one box.
    pairs = max(len(wanted), 1)
    giou = generalized_box_iou_loss(
        box_convert(predicted, "cxcywh", "xyxy"), box_convert(wanted, "cxcywh", "xyxy"), reduction="sum"
    )
    return {
        "class_loss": focal / pairs,
        "l1_loss": (predicted - wanted).abs().sum() / pairs,
        "giou_loss": giou / pairs,
    }
