"""Ultralytics' networks and losses for the teachers; the one place of this room that passes its door (adr 11)."""

import copy
from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor

from gsam_edge.students.ultralytics.imports import LAYERS, DetectionModel, SegmentationModel, v8DetectionLoss
from gsam_edge.teachers.errors import BaseModelError
from gsam_edge.teachers.yolo.config import YoloLossConfig

#: By the last layer of a network, whether it draws masks.
HEADS: Mapping[str, bool] = {"Detect": False, "v10Detect": False, "Segment": True, "Segment26": True}
_IMAGE_CHANNELS = 3
#: Layers that fetch weights of others from the network.
_FETCHING = frozenset({"TorchVision"})


def build_network(definition: Mapping[str, Any], num_classes: int, tensors: Mapping[str, Tensor], where: str) -> Any:
    """A network (a torch module) from its definition, with these weights, frozen, in evaluation mode on the CPU.

    Args:
        definition: as Ultralytics' YAML files have it.
        num_classes: of the weights.
        tensors: the network's whole state.
        where: the file, for messages.

    Raises:
        BaseModelError: if it is no detect or segment network of known layers, or the tensors are not all of its own.
    """
    try:
        layers = [str(row[2]) for row in [*definition["backbone"], *definition["head"]]]
        unknown = {name for name in layers if not name.startswith("nn.") and name not in LAYERS - _FETCHING}
        if unknown or layers[-1] not in HEADS:
            raise BaseModelError(
                f"YOLO {where}: expected the weights of a detect or segment network, whose last layer is one of "
                f"{list(HEADS)}, got one that ends in {layers[-1]!r}, with the unknown layers {sorted(unknown)}"
            )
        kind = SegmentationModel if HEADS[layers[-1]] else DetectionModel
        with torch.random.fork_rng(devices=[]):
            network = kind(copy.deepcopy(dict(definition)), ch=_IMAGE_CHANNELS, nc=num_classes, verbose=False)
        network.load_state_dict(tensors)
    except (
        LookupError,
        TypeError,
        ValueError,
        AttributeError,
        RuntimeError,
        AssertionError,
        NameError,
        ArithmeticError,
    ) as error:
        # What Ultralytics and torch raise on a definition that makes no network, or tensors of another one.
        raise BaseModelError(
            f"YOLO {where}: expected a network that the installed Ultralytics builds, with all of its weights and "
            f"without fused layers, but: {error}"
        ) from error
    network.end2end = False  # scores of all classes for every anchor; a head without suppression gives one class alone
    return network.requires_grad_(False).eval()


def detection_loss(network: Any, num_classes: int, config: YoloLossConfig) -> Any:
    """YOLOv8's loss for a network whose class scores were brought to so many classes."""
    network.args = SimpleNamespace(box=config.box_weight, cls=config.class_weight, dfl=config.distribution_weight)
    loss = v8DetectionLoss(network)
    loss.assigner.num_classes = num_classes
    return loss


def raw_answers(network: Any, images: Tensor) -> dict[str, Tensor]:
    """What a network in training mode says of images [B, 3, S, S]: `boxes`, `scores` logits [B, K, A], `feats`."""
    answers = network(images)
    return answers.get("one2many", answers)


def decoded(network: Any, images: Tensor, head: str) -> tuple[Tensor, Tensor | None]:
    """Boxes, scores and mask coefficients of each anchor, [B, 4 + K + M, A], cxcywh in pixels; and the prototypes."""
    answers, _ = network(images)
    return (answers[0], answers[1]) if HEADS[head] else (answers, None)


def columns_of(scores: Tensor, columns: Sequence[Sequence[int]]) -> Tensor:
    """Logits [B, K, A] of the weights' classes as those of the classes that the columns stand for, [B, C, A]."""
    return torch.stack([scores[:, list(meant)].amax(1) for meant in columns], 1)
