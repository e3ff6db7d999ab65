"""The distillation losses by name; their weights stand under `distillation.losses`.

Shapes: see `students.maps`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from math import ceil
from typing import Protocol

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits
from torchvision.ops import box_iou, generalized_box_iou_loss

from gsam_edge.distill.config import LossWeights, MapsConfig
from gsam_edge.students.maps import PlainOutputs, PlainTargets, WeightedLosses
from gsam_edge.teachers.maps import MapPart
from gsam_edge.training.errors import SettingError

#: Anchors that an object's mask is taught at, as many as Ultralytics' own assignment takes.
_ANCHORS_OF_OBJECT = 10
_SMALLEST = 1e-6


def logit(outputs: PlainOutputs, targets: PlainTargets, config: MapsConfig) -> Tensor:
    """Teaches the dense scores and boxes of the teacher's encoder (Zhou et al. 2022, Dense Teacher, arXiv:2207.02541).

    On the anchors with the highest scores t of the teacher and as many others, drawn at random from PyTorch's
    generator, the student's logits s cost |t - sigmoid(s)|^2 BCE(s, t), the quality focal loss (Li et al. 2020,
    arXiv:2006.04388), or, by the config, the divergence of both with a temperature. Where t is above the config's
    `box_score`, the student's box costs t (1 - GIoU) to the teacher's. Both sums are divided by the sum of their t.

    Anchors and classes for which the teacher gives no score are left out.
    """
    scores, boxes = _given(targets.scores, "scores"), _given(targets.boxes, "boxes")
    best = scores.nan_to_num(-1).amax(-1)  # [P, A], -1 where nothing is known
    chosen = _chosen_anchors(best, ceil(config.top_share * best.shape[1]))  # [P, A]
    asked = ~scores.isnan() & chosen[..., None]  # [P, A, C]
    wanted, logits = scores[asked], outputs.class_logits[asked]
    if config.logit_form == "quality_focal":
        distance = (wanted - logits.sigmoid()).square()
        costs = distance * binary_cross_entropy_with_logits(logits, wanted, reduction="none")
    else:
        costs = _divergence(logits, wanted, config.temperature)
    loss = costs.sum() / wanted.sum().clamp(min=1)
    seen = chosen & (best > config.box_score) & boxes.isfinite().all(-1)
    weight = best[seen]
    giou = generalized_box_iou_loss(outputs.boxes[seen], boxes[seen])
    return loss + (weight * giou).sum() / weight.sum().clamp(min=1)


def _chosen_anchors(best: Tensor, count: int) -> Tensor:
    """Returns the `count` anchors of each image with the highest scores [P, A] and as many others: bool [P, A]."""
    top = best.topk(count, dim=1).indices
    drawn = torch.rand_like(best).scatter(1, top, -1.0)  # the best are not drawn again
    others = drawn.topk(min(count, best.shape[1] - count), dim=1).indices
    return torch.zeros_like(best, dtype=torch.bool).scatter(1, torch.cat([top, others], 1), value=True)


def _divergence(logits: Tensor, wanted: Tensor, temperature: float) -> Tensor:
    """Returns T^2 KL(sigmoid(t / T) || sigmoid(s / T)) for each logit s, t the logit of the wanted score.

    After Hinton et al. 2015, arXiv:1503.02531, for classes that are asked independently of one another.
    """
    softened = (torch.special.logit(wanted, eps=_SMALLEST) / temperature).sigmoid()
    cross = binary_cross_entropy_with_logits(logits / temperature, softened, reduction="none")
    entropy = torch.special.entr(softened) + torch.special.entr(1 - softened)
    return temperature**2 * (cross - entropy)


def feature(outputs: PlainOutputs, targets: PlainTargets, config: MapsConfig) -> Tensor:
    """Makes the student's projected features follow the teacher's (Cao et al. 2022, PKD, arXiv:2207.02039).

    Each channel of each level is standardised over all places of all images, so that neither its mean nor its spread is
    taught, and half the squared distance is averaged: with equal weights 1 - r, r Pearson's correlation. A place weighs
    what the teacher's highest class score says, as in Ultralytics' own distillation. The loss falls with the training
    from its full value to 0 at the config's `feature_until`.
    """
    share = max(0.0, 1 - targets.progress / config.feature_until)
    if not share:
        return outputs.class_logits.new_zeros(())
    learnt, wanted = _given(outputs.features, "features"), _given(targets.features, "features")
    weights = _given(targets.scores, "scores").nan_to_num(0).amax(-1, keepdim=True)  # [P, A, 1]
    levels = zip(
        *(torch.split(values, list(outputs.levels), dim=1) for values in (learnt, wanted, weights)), strict=True
    )
    costs = [
        (weight * (_standardised(student) - _standardised(teacher)).square()).sum()
        / (2 * student.shape[-1] * weight.sum()).clamp(min=_SMALLEST)
        for student, teacher, weight in levels
    ]
    return share * torch.stack(costs).mean()


def _standardised(features: Tensor) -> Tensor:
    """Returns features [P, A, D] with mean 0 and variance 1 of each channel over images and places."""
    variance, mean = torch.var_mean(features, dim=(0, 1), correction=0, keepdim=True)
    return (features - mean) * (variance + _SMALLEST).rsqrt()


def segmentation(outputs: PlainOutputs, targets: PlainTargets, config: MapsConfig) -> Tensor:
    """Teaches how sure the teacher is of each place of a mask, where a teacher drew it.

    An object's mask is taught at the anchors in its box whose own boxes fit it best: the mean binary cross-entropy,
    inside the box, of the student's mask logits and the sigmoid of the teacher's. Objects count by their weights.

    Raises:
        SettingError: if the student has no masks.
    """
    logits = _given(targets.mask_logits, "mask_logits")
    coefficients, prototypes = outputs.mask_coefficients, outputs.prototypes
    if coefficients is None or prototypes is None:
        raise SettingError(
            "distillation.losses: expected segmentation 0 for a student without masks; set it to 0, or choose a "
            "student.architecture that learns masks"
        )
    objects, anchors = _anchors_of_objects(outputs, targets)
    images = targets.object_image[objects]
    drawn = torch.einsum("km,kmhw->khw", coefficients[images, anchors], prototypes[images])
    costs = binary_cross_entropy_with_logits(drawn, logits[objects].sigmoid(), reduction="none")
    inside = _inside(targets.object_boxes[objects], (drawn.shape[1], drawn.shape[2]))
    each = (costs * inside).sum((1, 2)) / inside.sum((1, 2)).clamp(min=1)
    weights = targets.object_weights[objects]
    return (weights * each).sum() / weights.sum().clamp(min=1)


def _anchors_of_objects(outputs: PlainOutputs, targets: PlainTargets) -> tuple[Tensor, Tensor]:
    """Returns pairs of an object and an anchor, int64 [K] each, for the objects that count.

    The anchors lie in the object's box; of these, those whose predicted boxes overlap it most.
    """
    nothing = targets.object_image[:0]
    objects, anchors = [nothing], [nothing]
    for number in targets.object_weights.nonzero()[:, 0].tolist():
        box = targets.object_boxes[number]
        within = ((outputs.anchors > box[:2]) & (outputs.anchors < box[2:])).all(1).nonzero()[:, 0]
        overlap = box_iou(box[None], outputs.boxes[targets.object_image[number], within].detach())[0]
        best = within[overlap.topk(min(_ANCHORS_OF_OBJECT, len(within))).indices]
        objects.append(torch.full_like(best, number))
        anchors.append(best)
    return torch.cat(objects), torch.cat(anchors)


def _inside(boxes: Tensor, cells: tuple[int, int]) -> Tensor:
    """Returns 1 for the cells [K, h, w] that a box [K, 4], corners as fractions of the canvas, touches, else 0."""
    touched = []
    for axis, count in ((1, cells[0]), (0, cells[1])):
        low = torch.arange(count, device=boxes.device) / count
        touched.append((low + 1 / count > boxes[:, axis, None]) & (low < boxes[:, axis + 2, None]))
    return (touched[0][:, :, None] & touched[1][:, None, :]).float()


def _given(value: Tensor | None, name: str) -> Tensor:
    if value is None:
        raise ValueError(f"distillation loss: expected {name} of student and teacher, got none")
    return value


class Compute(Protocol):
    """A loss before its parameters are given."""

    def __call__(self, outputs: PlainOutputs, targets: PlainTargets, config: MapsConfig) -> Tensor:
        """Returns one number, without its weight."""


@dataclass(frozen=True)
class DistillationTerm:
    """A distillation loss and what it reads.

    Attributes:
        compute: gives one number, without its weight.
        part: the teacher that it learns from.
        maps: names of the maps that this teacher is asked for (`teachers.maps.TeacherMaps`).
    """

    compute: Compute
    part: MapPart
    maps: tuple[str, ...]


LOSSES: Mapping[str, DistillationTerm] = {
    "segmentation": DistillationTerm(segmentation, "outliner", ("mask_logits",)),
    "logit": DistillationTerm(logit, "finder", ("scores", "boxes")),
    "feature": DistillationTerm(feature, "finder", ("scores", "features")),
}


def weighted_losses(weights: LossWeights, config: MapsConfig) -> WeightedLosses:
    """Returns the losses whose weight is not 0, in the order of `LOSSES`."""
    given: dict[str, float] = weights.model_dump()
    return {name: (given[name], partial(one.compute, config=config)) for name, one in LOSSES.items() if given[name]}


def asked_maps(weights: LossWeights) -> dict[MapPart, tuple[str, ...]]:
    """Returns the maps that losses whose weight is not 0 read, sorted, by the teacher that gives them."""
    given: dict[str, float] = weights.model_dump()
    asked: dict[MapPart, tuple[str, ...]] = {}
    for name, one in LOSSES.items():
        if given[name]:
            asked[one.part] = tuple(sorted({*asked.get(one.part, ()), *one.maps}))
    return asked
