"""Two tiny networks with what they say about three images, and the labels of these."""

from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import Tensor
from ultralytics.cfg import get_cfg
from ultralytics.utils.loss import v8DetectionLoss, v8SegmentationLoss

from gsam_edge.students.ultralytics.network import new_network
from gsam_edge.students.ultralytics.training.loss import DetectionLoss, SegmentationLoss


def with_grad(outputs: Any) -> Any:
    """The same outputs as leaves, whose gradients can be read."""
    if isinstance(outputs, dict):
        return {name: with_grad(value) for name, value in outputs.items()}
    if isinstance(outputs, list):
        return [with_grad(value) for value in outputs]
    return outputs.detach().clone().requires_grad_()


@dataclass
class Setting:
    """Three images: two objects, none, and one object; all labels of full weight."""

    network: Any
    ours: Any
    stock: Any
    said: dict[str, Any]
    batch: dict[str, Tensor]
    masks: bool

    def loss(self, **changes: list[float] | list[bool]) -> tuple[Any, dict[str, Tensor], dict[str, Any]]:
        """Our loss, its items and the outputs with their gradients, for labels with some changes."""
        said, own = with_grad(self.said), self.ours(self.network)
        total, items = own(said, {**self.batch, **{name: torch.tensor(values) for name, values in changes.items()}})
        total.sum().backward()
        return own, items, said


@pytest.fixture(params=["yolov8", "yolov8-seg"])
def setting(request) -> Setting:
    torch.manual_seed(0)
    network = new_network(request.param, "n", 2)
    network.args = get_cfg(overrides={"overlap_mask": False})
    with torch.no_grad():
        said = network(torch.rand(3, 3, 64, 64))
    masks = request.param == "yolov8-seg"
    batch = {
        "batch_idx": torch.tensor([0.0, 0.0, 2.0]),
        "cls": torch.tensor([[0.0], [1.0], [1.0]]),
        "bboxes": torch.tensor([[0.3, 0.3, 0.4, 0.4], [0.75, 0.7, 0.3, 0.4], [0.5, 0.5, 0.6, 0.6]]),
        "masks": torch.zeros(3, 16, 16),
        "has_mask": torch.ones(3, dtype=torch.bool),
        "class_weight": torch.ones(3),
        "box_weight": torch.ones(3),
        "mask_weight": torch.ones(3),
        "ignored": torch.zeros(3, dtype=torch.bool),
        "pseudo": torch.zeros(3, dtype=torch.bool),
    }
    batch["masks"][:, 4:9, 4:9] = 1
    ours, stock = (SegmentationLoss, v8SegmentationLoss) if masks else (DetectionLoss, v8DetectionLoss)
    return Setting(network, ours, stock, said, batch, masks)
