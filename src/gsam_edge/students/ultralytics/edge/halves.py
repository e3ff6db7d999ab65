"""Ultralytics' blocks that cut a convolution's answer in two, with two convolutions."""

from typing import Any

import torch
from torch import Tensor, nn

from gsam_edge.students.ultralytics.imports import C2f


class HalvedBlock(nn.Module):
    """Ultralytics' C2f, or a block that inherits what it computes, whose first convolution is two.

    ONNX Runtime keeps maps in blocks of channels from one convolution to the next, and leaves that layout to cut them.
    """

    def __init__(self, block: Any) -> None:
        """Takes over the layers of a block for which `_is_cut` holds."""
        super().__init__()
        whole = block.cv1.conv
        self.halves = nn.ModuleList()
        for weight, bias in zip(whole.weight.detach().chunk(2), whole.bias.detach().chunk(2), strict=True):
            half = nn.Conv2d(whole.in_channels, len(bias), whole.kernel_size, whole.stride, whole.padding)
            half.load_state_dict({"weight": weight, "bias": bias})
            self.halves.append(half)
        self.activation = block.cv1.act
        self.blocks = block.m
        self.last = block.cv2

    def forward(self, maps: Tensor) -> Tensor:
        """Maps [B, C_in, h, w] to [B, C, h, w], as the block does."""
        answers = [self.activation(half(maps)) for half in self.halves]
        for block in self.blocks:
            answers.append(block(answers[-1]))
        joined: Tensor = self.last(torch.cat(answers, 1))
        return joined


def halve_blocks(network: nn.Module) -> None:
    """Replaces, in place, the blocks of a network, its normalisation folded in, that `HalvedBlock` stands for."""
    for parent in list(network.modules()):
        for name, child in list(parent.named_children()):
            if _is_cut(child):
                halved = HalvedBlock(child)
                for of_ultralytics in ("i", "f"):  # where the layer stands and whose outputs it takes
                    if hasattr(child, of_ultralytics):
                        setattr(halved, of_ultralytics, getattr(child, of_ultralytics))
                setattr(parent, name, halved)


def _is_cut(block: Any) -> bool:
    """Tells whether a block computes what C2f does, with a first convolution that two can replace."""
    return (
        isinstance(block, C2f)
        and type(block).forward is C2f.forward
        and block.cv1.conv.groups == 1
        and block.cv1.conv.dilation == (1, 1)
        and block.cv1.conv.bias is not None
    )
