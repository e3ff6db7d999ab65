"""The distillation losses by name; their weights stand under `distillation.losses`."""

from collections.abc import Mapping

from gsam_edge.distill.config import LossWeights
from gsam_edge.students.raw import DistillationLoss, WeightedLosses

LOSSES: Mapping[str, DistillationLoss] = {}


def weighted_losses(weights: LossWeights) -> WeightedLosses:
    """Returns the losses whose weight is not 0, in the order of `LOSSES`."""
    given: dict[str, float] = weights.model_dump()
    return {name: (given[name], loss) for name, loss in LOSSES.items() if given[name]}
