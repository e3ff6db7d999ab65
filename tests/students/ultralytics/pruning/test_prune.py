"""The least important channels leave until the cost is what was asked for, and what is left is a student."""

import math

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from torch import nn

from gsam_edge.students.choice import StudentChoice
from gsam_edge.students.pruning import PruningConfig
from gsam_edge.students.start import Start
from gsam_edge.students.table import family_of
from gsam_edge.students.ultralytics.network import build_network, new_network
from gsam_edge.students.ultralytics.pruning.channels import find_channels
from gsam_edge.students.ultralytics.pruning.choose import choose_leaving, joined_halves, least_widths
from gsam_edge.students.ultralytics.pruning.importance import batch_importance
from gsam_edge.students.ultralytics.pruning.prune import channels_of, without
from gsam_edge.students.weights import StudentWeights
from support.runs import a_run

CONFIG = PruningConfig(of="flops", left=0.6, multiple_of=8, least_width=0.25, rounds=2, batches=1)


@pytest.fixture
def weights(student_config) -> StudentWeights:
    torch.manual_seed(0)
    tensors = new_network("yolov8-seg", "n", 2).state_dict()
    edge = student_config.edge
    return StudentWeights("yolov8-seg", "n", ("red", "blue"), student_config.image_size, edge, tensors)


def cost(weights: StudentWeights, of: str) -> int:
    channels = channels_of(build_network(weights), weights.architecture)
    if of == "flops":
        return channels.multiplications(weights.tensors)
    return sum(weights.tensors[each.weight].numel() for each in channels.convolutions)


@pytest.mark.parametrize(("of", "left"), [("flops", 0.7), ("parameters", 0.5)])
def test_the_cost_is_what_was_asked_for_and_layers_are_as_wide_as_kernels_like(
    weights: StudentWeights, of: str, left: float
) -> None:
    channels = channels_of(build_network(weights), weights.architecture)
    config = CONFIG.model_copy(update={"of": of, "left": left})
    importance = np.random.default_rng(0).random(channels.count)
    least = least_widths(channels, config)
    leaving = choose_leaving(channels, weights.tensors, importance, config, least=least, left=left)
    pruned = without(weights, channels, leaving)
    assert left - 0.06 < cost(pruned, of) / cost(weights, of) <= left
    full = dict(new_network("yolov8-seg", "n", 2).named_modules())
    for name, (_, out) in pruned.widths.items():
        if isinstance(full[name], nn.Conv2d) and out != full[name].out_channels:
            assert out % 8 == 0
            assert out >= 0.25 * full[name].out_channels


def test_what_cannot_be_reached_leaves_each_layer_its_least_width(weights: StudentWeights) -> None:
    channels = channels_of(build_network(weights), weights.architecture)
    config = CONFIG.model_copy(update={"least_width": 0.5})
    least = least_widths(channels, config)
    leaving = choose_leaving(channels, weights.tensors, np.ones(channels.count), config, least=least, left=0.01)
    pruned = without(weights, channels, leaving)
    full = dict(new_network("yolov8-seg", "n", 2).named_modules())
    layers = {name: layer for name, layer in full.items() if isinstance(layer, nn.Conv2d)}
    shares = [pruned.widths[name][1] / layer.out_channels for name, layer in layers.items() if name in pruned.widths]
    assert min(shares) == 0.5
    assert cost(pruned, "flops") > 0.2 * cost(weights, "flops")


def test_the_least_width_is_a_share_of_the_student_whatever_the_number_of_rounds(
    weights: StudentWeights, make_images, training_config, monkeypatch
) -> None:
    """A share of what a round before has left would be a share of a share."""
    monkeypatch.setattr(
        "gsam_edge.students.ultralytics.pruning.prune._importance",
        lambda data, network, channels, *rest, **run: np.ones(channels.count),
    )
    config = CONFIG.model_copy(update={"left": 0.01, "least_width": 0.5, "rounds": 3})
    family = family_of("yolov8-seg")
    pruned = family.prune(make_images(1, masks=True), weights, config, training_config, run=a_run()).weights
    full = dict(new_network("yolov8-seg", "n", 2).named_modules())
    layers = {name: layer for name, layer in full.items() if isinstance(layer, nn.Conv2d)}
    shares = [pruned.widths[name][1] / layer.out_channels for name, layer in layers.items() if name in pruned.widths]
    assert min(shares) == 0.5


def test_channels_that_are_worth_nothing_leave_first(weights: StudentWeights) -> None:
    """Where as many as must leave are worth nothing, no other leaves."""
    channels = channels_of(build_network(weights), weights.architecture)
    rng = np.random.default_rng(0)
    importance = rng.random(channels.count)
    useless = rng.random(channels.count) < 0.5
    same = joined_halves(channels, importance)
    useless = useless[same]
    leaving = choose_leaving(
        channels,
        weights.tensors,
        np.where(useless, 0.0, importance),
        CONFIG.model_copy(update={"multiple_of": 1}),
        least=least_widths(channels, CONFIG),
        left=0.85,
    )
    assert leaving.any()
    assert (leaving & ~useless).sum() <= 0.05 * leaving.sum()  # of halves that were joined anew, by their worth


def test_importance_is_the_square_of_the_gradient_of_a_gate_on_the_channel() -> None:
    class Gated(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.norm, self.last = nn.Conv2d(3, 6, 3), nn.BatchNorm2d(6, eps=1e-12), nn.Conv2d(6, 1, 1)

        def forward(self, images: torch.Tensor, gate: torch.Tensor | None = None) -> torch.Tensor:
            normed = self.norm(self.conv(images))
            return self.last(nn.functional.silu(normed if gate is None else normed * gate))

    torch.manual_seed(0)
    network = Gated()
    nn.init.uniform_(network.norm.weight, 0.5, 1)
    nn.init.uniform_(network.norm.bias, -1, 1)
    channels = find_channels(network, 8)
    images, gate = torch.rand(4, 3, 8, 8), torch.ones(1, 6, 1, 1, requires_grad=True)
    (network(images, gate) ** 2).sum().backward()
    found = batch_importance(network, channels)
    numbers = next(numbers for axis, numbers in channels.axes.items() if axis.tensor == "norm.weight")
    np.testing.assert_allclose(found[numbers], gate.grad.flatten().numpy() ** 2, rtol=1e-3)


def test_a_pruned_student_is_trained_further_in_its_widths(
    weights: StudentWeights, make_images, student_config, training_config
) -> None:
    """Twice the same: so a killed run prunes as the one before did. The schedule chooses no channel."""
    data, family = make_images(4, masks=True), family_of("yolov8-seg")
    pruned = family.prune(data, weights, CONFIG, training_config, run=a_run(seed=3))
    flops = pruned.facts["flops"]
    assert flops["before"] == 2 * cost(weights, "flops")
    assert flops["after"] == 2 * cost(pruned.weights, "flops") <= CONFIG.left * flops["before"]
    scheduled = training_config.model_copy(update={"steps": 1000, "close_mosaic_steps": 0, "learning_rate": 1e-4})
    assert family.prune(data, weights, CONFIG, scheduled, run=a_run(seed=3)).weights.digest == pruned.weights.digest
    kept = pruned.weights.tensors["model.22.proto.cv3.conv.weight"]
    assert kept.shape[0] == 32  # prototypes leave the network, so all of them stay

    choice = StudentChoice("yolov8-seg", student_config, "a test", pruned.weights.widths)
    trained = family.train(
        data,
        choice,
        training_config.model_copy(update={"steps": 1, "warmup_steps": 0, "validate_every": 1}),
        losses={},
        pseudo_weight=0.0,
        initial=Start.of(pruned.weights, "the pruned student"),
        validate=None,
        run=a_run(),
    )
    assert trained.transfer.share == 1.0
    assert trained.weights.widths == pruned.weights.widths
    before, after = (each.tensors["model.0.conv.weight"] for each in (pruned.weights, trained.weights))
    assert before.shape == after.shape
    assert not torch.equal(before, after)
    assert StudentWeights.from_bytes(trained.weights.to_bytes()).digest == trained.weights.digest
    assert math.isfinite(sum(float(tensor.sum()) for tensor in trained.weights.tensors.values()))


def test_a_share_of_everything_is_no_pruning() -> None:
    with pytest.raises(ValidationError):
        PruningConfig(**CONFIG.model_dump() | {"left": 1.0})
