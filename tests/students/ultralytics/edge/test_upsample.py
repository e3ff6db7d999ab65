import pytest
import torch
from torch import nn

from gsam_edge.students.ultralytics.edge.upsample import ShuffledConvolution, is_shuffle, shuffle_upsampling


@pytest.mark.parametrize(("side", "bias"), [(2, True), (2, False), (3, True)])
def test_a_transposed_convolution_is_a_convolution_and_a_shuffle(side, bias):
    torch.manual_seed(0)
    transposed = nn.ConvTranspose2d(6, 5, side, side, bias=bias)
    maps = torch.rand(2, 6, 7, 9)
    with torch.no_grad():
        torch.testing.assert_close(ShuffledConvolution(transposed)(maps), transposed(maps), atol=1e-6, rtol=0)


@pytest.mark.parametrize(
    "other",
    [
        nn.ConvTranspose2d(4, 4, 3, 2),
        nn.ConvTranspose2d(4, 4, 2, 2, padding=1),
        nn.ConvTranspose2d(4, 4, 2, 2, groups=2),
        nn.ConvTranspose2d(4, 4, 2, 2, output_padding=1),
        nn.ConvTranspose2d(4, 4, (2, 3), (2, 3)),
        nn.Conv2d(4, 4, 2, 2),
    ],
)
def test_squares_that_overlap_or_leave_gaps_are_left_alone(other):
    assert not is_shuffle(other)
    network = nn.Sequential(other)
    shuffle_upsampling(network)
    assert network[0] is other
