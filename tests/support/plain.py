"""What a student and its teachers say about plain images, made up."""

import torch

from gsam_edge.distill.config import MapsConfig
from gsam_edge.students.maps import PlainOutputs, PlainTargets

CONFIG = MapsConfig(
    plain_share=0.5, top_share=0.05, box_score=0.3, logit_form="quality_focal", temperature=4, feature_until=0.5
)
NAN = float("nan")
SIDES = (8, 4, 2)
LEVELS = tuple(side**2 for side in SIDES)


def outputs() -> PlainOutputs:
    """Random ones of two images of side 64, with gradients."""
    places = [(torch.cartesian_prod(*[torch.arange(side)] * 2).flip(1) + 0.5) / side for side in SIDES]
    anchors = torch.cat(places)
    corners = torch.cat([anchors - 0.1, anchors + 0.1], 1) + 0.02 * torch.randn(2, sum(LEVELS), 4)
    free = [
        torch.randn(2, sum(LEVELS), 3),
        corners,
        torch.randn(2, sum(LEVELS), 5),
        torch.randn(2, sum(LEVELS), 4),
        torch.randn(2, 4, 16, 16),
    ]
    logits, boxes, features, coefficients, prototypes = (tensor.requires_grad_() for tensor in free)
    return PlainOutputs(logits, boxes, anchors, LEVELS, features, coefficients, prototypes)


def targets() -> PlainTargets:
    """Of the same images: an object each, in the second one that of a person."""
    boxes = torch.tensor([[0.1, 0.1, 0.6, 0.5], [0.3, 0.3, 0.9, 0.9]])
    scores = torch.rand(2, sum(LEVELS), 3)
    scores[0, 3, 1] = scores[1, 5] = NAN
    there = torch.rand(2, sum(LEVELS), 2)
    fitting = torch.cat([0.5 * there, 0.5 + 0.5 * there], 2)
    fitting[1, 5] = NAN
    features = torch.randn(2, sum(LEVELS), 5)
    masks = 4 * torch.randn(2, 16, 16)
    return PlainTargets(0.0, scores, fitting, features, masks, torch.tensor([0, 1]), boxes, torch.tensor([0.5, 0.0]))
