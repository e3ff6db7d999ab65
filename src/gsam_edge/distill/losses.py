"""The distillation losses by name; their weights stand under `distillation.losses`."""

from collections.abc import Mapping

import torch
from torch import Tensor

from gsam_edge.distill.config import LossWeights
from gsam_edge.students.raw import DistillationLoss, StudentRaw, Targets, WeightedLosses


def class_scores(raw: StudentRaw, targets: Targets) -> Tensor:
    """Returns class targets [B, A, C]: the teacher's scores times how well the anchor fits its object.

    An anchor with target w at its object's class gets the targets w s, s [C] the teacher's scores. The targets stay as
    they are in the background and for a class without a teacher score. The weights of boxes and masks do not change.
    """
    scores = targets.at_anchors(targets.teacher_scores)  # [B, A, C]
    is_taught = targets.foreground[..., None] & ~scores.isnan()  # [B, A, C]
    fit = targets.class_targets.sum(-1, keepdim=True)  # [B, A, 1]
    return torch.where(is_taught, fit * scores.nan_to_num(), targets.class_targets)


LOSSES: Mapping[str, DistillationLoss] = {
    "class_scores": DistillationLoss(class_scores, "class_targets"),
}


def weighted_losses(weights: LossWeights) -> WeightedLosses:
    """Returns the losses whose weight is not 0, in the order of `LOSSES`."""
    given: dict[str, float] = weights.model_dump()
    return {name: (given[name], loss) for name, loss in LOSSES.items() if given[name]}
