"""What each distillation loss asks of a student."""

from gsam_edge.distill.config import LossWeights
from gsam_edge.distill.losses import LOSSES, weighted_losses


def test_a_loss_without_weight_is_left_out():
    assert weighted_losses(LossWeights(**dict.fromkeys(LOSSES, 0.0), detection=1.0)) == {}
