"""The losses by which a student listens to a teacher, each with its weight under `distillation.losses`."""

from collections.abc import Mapping

import torch
from torch import Tensor

from gsam_edge.distill.config import LossWeights
from gsam_edge.students.raw import DistillationLoss, StudentRaw, Targets, WeightedLosses


def class_scores(raw: StudentRaw, targets: Targets) -> Tensor:
    """Class targets [B, A, C] that are the teacher's scores, as sure as the anchor fits its object.

    An anchor with the truth's target w at its object's class has w s with the teacher's scores s [C]. It stays the
    truth's in the background and at a class of which the teacher says nothing. Boxes and masks weigh as before.
    """
    scores = targets.at_anchors(targets.teacher_scores)  # [B, A, C]
    is_taught = targets.foreground[..., None] & ~scores.isnan()  # [B, A, C]
    fit = targets.class_targets.sum(-1, keepdim=True)  # [B, A, 1]
    return torch.where(is_taught, fit * scores.nan_to_num(), targets.class_targets)


LOSSES: Mapping[str, DistillationLoss] = {
    "class_scores": DistillationLoss(class_scores, "class_targets"),
}


def weighted_losses(weights: LossWeights) -> WeightedLosses:
    """The losses that have a weight, in the order of `LOSSES`."""
    given: dict[str, float] = weights.model_dump()
    return {name: (given[name], loss) for name, loss in LOSSES.items() if given[name]}
