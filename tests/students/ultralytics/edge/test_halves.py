import pytest
import torch
from torch import nn

from gsam_edge.students.ultralytics.edge.halves import HalvedBlock, halve_blocks
from gsam_edge.students.ultralytics.imports import C2f
from gsam_edge.students.ultralytics.network import new_network


@pytest.mark.parametrize("architecture", ["yolov8", "yolo11"])  # C2f, and blocks that inherit what it computes
def test_a_network_with_halved_blocks_answers_as_before(architecture):
    torch.manual_seed(0)
    network = new_network(architecture, "n", 3).eval()
    images = torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        network.fuse(verbose=False)
        expected = network(images)[0]
        halve_blocks(network)
        answer = network(images)[0]
    assert sum(isinstance(module, HalvedBlock) for module in network.modules()) == 8
    torch.testing.assert_close(answer, expected, atol=1e-3, rtol=1e-4)  # pixels and scores


class _Other(C2f):
    def forward(self, maps):
        return maps


def test_a_block_that_computes_something_else_is_left_alone():
    network = nn.Sequential(_Other(4, 4))
    halve_blocks(network)
    assert type(network[0]) is _Other
