"""Channels that leave a network together are those that can: what is left computes what it computed."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from gsam_edge.students.choice import EdgeConfig
from gsam_edge.students.table import family_of
from gsam_edge.students.ultralytics.architectures import ARCHITECTURES
from gsam_edge.students.ultralytics.edge.student import RawNetwork
from gsam_edge.students.ultralytics.network import build_network, has_end_to_end, new_network
from gsam_edge.students.ultralytics.pruning.channels import Channels, find_channels
from gsam_edge.students.ultralytics.pruning.choose import joined_halves
from gsam_edge.students.ultralytics.pruning.prune import channels_of, without
from gsam_edge.students.weights import StudentWeights, StudentWeightsError

EDGE = EdgeConfig(max_detections=10, candidates=50, iou_threshold=0.6, nms_iterations=12, score_floor=0.001)
SMALL = ("yolov8", "yolov8-seg", "yolov8-ghost", "yolo11-seg", "yolov10", "yolo26-seg")


def student(name: str) -> StudentWeights:
    """A student of the smallest size whose every tensor is random, the statistics of its normalisations too."""
    architecture = ARCHITECTURES[name]
    size = architecture.sizes[0] if architecture.sizes else None
    torch.manual_seed(0)
    network = new_network(name, size, 2)
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm2d):
            for tensor in (layer.weight, layer.bias, layer.running_mean, layer.running_var):
                nn.init.uniform_(tensor, 0.5, 1.0)
    tensors = {key: tensor.detach().clone() for key, tensor in network.state_dict().items()}
    return StudentWeights(name, size, ("red", "blue"), 2 * architecture.stride, EDGE, tensors)


def some_channels(channels: Channels, share: float) -> np.ndarray:
    """Draws channels that may leave, as many of each part of a chunk, but at most `share` of those along an axis."""
    rng = np.random.default_rng(0)
    same = joined_halves(channels, rng.random(channels.count))
    stays = np.zeros(channels.count, bool)
    stays[same[channels.fixed]] = True
    leaving = rng.random(channels.count) < share
    leaving &= ~stays
    for numbers in channels.axes.values():
        if leaving[same[numbers]].all():
            leaving[same[numbers[0]]] = False
    return leaving[same]


def without_what_makes(weights: StudentWeights, channels: Channels, leaving: np.ndarray) -> dict[str, Tensor]:
    """Returns the tensors with 0 in the place of all that makes the channels."""
    tensors = {name: tensor.clone() for name, tensor in weights.tensors.items()}
    for axis in channels.making:
        gone = torch.from_numpy(np.flatnonzero(leaving[channels.axes[axis]]))
        tensors[axis.tensor].index_fill_(axis.dimension, gone, 0.0)
    return tensors


def raw(weights: StudentWeights, images: Tensor) -> tuple[Tensor, ...]:
    network = build_network(weights)
    network.model[-1].end2end = has_end_to_end(network)
    with torch.inference_mode():
        return RawNetwork(network)(images)


@pytest.mark.parametrize(
    "name", [*SMALL, *(pytest.param(name, marks=pytest.mark.slow) for name in ARCHITECTURES if name not in SMALL)]
)
def test_a_network_without_channels_of_zeros_computes_what_it_computed(name: str) -> None:
    weights = student(name)
    channels = channels_of(build_network(weights), name)
    leaving = some_channels(channels, 0.4)
    assert 0.2 < leaving.mean() < 0.4
    silent = replace(weights, tensors=without_what_makes(weights, channels, leaving))
    images = torch.rand(2, 3, weights.image_size, weights.image_size)
    expected = raw(silent, images)
    pruned = without(silent, channels, leaving)
    assert sum(map(torch.numel, pruned.tensors.values())) < 0.85 * sum(map(torch.numel, silent.tensors.values()))
    read = StudentWeights.from_bytes(pruned.to_bytes())
    assert read.digest == pruned.digest != replace(pruned, widths={}).digest
    for answer, of_all in zip(raw(read, images), expected, strict=True):
        scale = of_all.abs().max()
        torch.testing.assert_close(answer / scale, of_all / scale, atol=2e-5, rtol=0)
    boxes = family_of(name).module(read)(images)[0]  # folded and decoded
    assert boxes.shape == (2, EDGE.max_detections, 4)
    again = channels_of(build_network(read), name)
    assert again.multiplications(read.tensors) < channels.multiplications(weights.tensors)


def test_an_operation_that_is_not_understood_keeps_all_its_channels() -> None:
    """A mean over the channels needs every one of them, and so does what leaves the network."""

    class Odd(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second, self.last = (nn.Conv2d(3, 4, 1), nn.Conv2d(4, 5, 1), nn.Conv2d(5, 6, 1))

        def forward(self, images: Tensor) -> Tensor:
            first = self.first(images)
            return self.last(self.second(first)) * first.mean(1, keepdim=True)

    channels = find_channels(Odd(), 8)
    kept = set(channels.fixed.tolist())
    along = {axis.tensor: set(numbers.tolist()) for axis, numbers in channels.axes.items() if axis.dimension == 0}
    assert along["first.weight"] <= kept
    assert along["last.weight"] <= kept
    assert not along["second.weight"] & kept


@pytest.mark.parametrize(
    ("widths", "message"),
    [
        ({"model.99.conv": (3, 8)}, "got 'model.99.conv'"),
        ({"model.0.conv": (3, 17)}, "at most 3 channels in and 16 out, got 3 and 17"),
        ({"model.0.conv": (3, 0)}, "got 3 and 0"),
        ({"model.0.bn": (8, 4)}, "as many out as in, got 8 and 4"),
    ],
)
def test_widths_that_the_architecture_cannot_have_are_refused(widths: dict, message: str) -> None:
    with pytest.raises(StudentWeightsError, match=message):
        build_network(replace(student("yolov8"), widths=widths))


def test_layers_that_do_not_fit_together_are_refused() -> None:
    """Tensors and widths of one layer agree with each other, and not with the next layer."""
    weights = student("yolov8")
    tensors = dict(weights.tensors)
    tensors["model.0.conv.weight"] = tensors["model.0.conv.weight"][:8]
    with pytest.raises(StudentWeightsError, match="do not fit together"):
        build_network(replace(weights, tensors=tensors, widths={"model.0.conv": (3, 8)}))


def test_metadata_that_are_no_widths_are_refused() -> None:
    weights = replace(student("yolov8"), widths={"model.0.conv": ("a", 8)})  # type: ignore[dict-item]
    with pytest.raises(StudentWeightsError, match="numbers of channels in and out"):
        StudentWeights.from_bytes(weights.to_bytes())
