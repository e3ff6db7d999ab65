import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from torch import nn

from gsam_edge.teachers.errors import AdapterError
from gsam_edge.teachers.lora.adapter import Adapter, AdapterConfig, apply_adapter, extract_adapter
from gsam_edge.teachers.lora.config import LoraConfig
from gsam_edge.teachers.lora.files import adapter_files, read_adapter
from gsam_edge.teachers.lora.layers import (
    adapter_parameters,
    add_lora,
    count_parameters,
    verify_only_adapters_trainable,
    weights_digest,
)
from gsam_edge.teachers.lora.targets import adaptable_layers


class Block(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.query = nn.Linear(width, width)
        self.value = nn.Linear(width, width // 2)
        self.norm = nn.LayerNorm(width)

    def forward(self, x):
        return self.value(self.norm(torch.relu(self.query(x))))


class Network(nn.Module):
    def __init__(self, width: int = 8) -> None:
        super().__init__()
        self.backbone = Block(width)
        self.decoder = nn.ModuleList([Block(width), Block(width)])

    def forward(self, x):
        return self.backbone(x) + sum(block(x) for block in self.decoder)


LORA = LoraConfig(r=2, alpha=4, dropout=0.0, frozen=(), max_share=0.9, targets=r"^decoder\.\d+\.(query|value)$")


@pytest.fixture
def base() -> Network:
    torch.manual_seed(1)
    return Network().eval()


def config_for(model: nn.Module, lora: LoraConfig = LORA) -> AdapterConfig:
    return AdapterConfig(
        kind="sam", class_names=("a", "b"), base_name="base", base_digest=weights_digest(model), lora=lora
    )


def tuned(base: nn.Module, steps: int, lora: LoraConfig = LORA) -> nn.Module:
    model = add_lora(copy.deepcopy(base), lora, seed=3)
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-2)
    x = torch.randn(16, 8, generator=torch.Generator().manual_seed(0))
    for _ in range(steps):
        optimizer.zero_grad()
        model(x).square().mean().backward()
        optimizer.step()
    return model.eval()


@pytest.mark.parametrize(
    "change",
    [
        {"r": 0},
        {"alpha": 0},
        {"dropout": 1.0},
        {"targets": "decoder.*"},
        {"targets": "^(decoder"},
        {"rank": 4},
        {"alpha": float("inf")},
        {"max_share": 0},
    ],
)
def test_a_config_without_sense_is_refused(change):
    with pytest.raises(ValidationError):
        LoraConfig(**{**LORA.model_dump(), **change})


def test_only_the_matched_layers_are_adapted_and_trainable(base):
    model = add_lora(copy.deepcopy(base), LORA, seed=0)
    verify_only_adapters_trainable(model)
    assert {name.split(".lora_")[0] for name in adapter_parameters(model)} == {
        f"decoder.{i}.{layer}" for i in (0, 1) for layer in ("query", "value")
    }
    # A [2, 8] and B [8, 2] on query, A [2, 8] and B [4, 2] on value, in two blocks
    trainable, total = count_parameters(model)
    assert trainable == 2 * (16 + 16 + 16 + 8)
    assert total == trainable + count_parameters(base)[1]


def test_a_fresh_adapter_is_the_identity_and_seeded(base):
    x = torch.randn(5, 8)
    state = torch.random.get_rng_state()
    one, two = (add_lora(copy.deepcopy(base), LORA, seed=7) for _ in range(2))
    assert torch.equal(torch.random.get_rng_state(), state)
    assert torch.equal(one(x), base(x))
    for name, value in adapter_parameters(one).items():
        assert torch.equal(value, adapter_parameters(two)[name])
    assert extract_adapter(one, config_for(base)).changes_nothing


def test_a_pattern_that_matches_nothing_names_its_neighbours(base):
    with pytest.raises(AdapterError, match=r"match none of 6 layers; nearest: \['decoder.\d.query'"):
        add_lora(base, LORA.model_copy(update={"targets": r"^decoder\.\d+\.qery$"}), seed=0)
    # the norm's name matches, but it is no linear layer
    with pytest.raises(AdapterError, match="match none"):
        add_lora(base, LORA.model_copy(update={"targets": r"^decoder\.\d+\.norm$"}), seed=0)


def test_adapters_are_not_stacked(base):
    with pytest.raises(ValueError, match="without adapters"):
        add_lora(add_lora(base, LORA, seed=0), LORA, seed=0)


def test_verify_finds_open_base_weights_frozen_adapters_and_bare_models(base):
    with pytest.raises(ValueError, match="without"):
        verify_only_adapters_trainable(base)
    model = add_lora(base, LORA, seed=0)
    model.backbone.norm.weight.requires_grad_(True)
    with pytest.raises(ValueError, match=r"backbone\.norm\.weight"):
        verify_only_adapters_trainable(model)
    model.requires_grad_(False)
    with pytest.raises(ValueError, match="frozen adapters"):
        verify_only_adapters_trainable(model)


def test_training_changes_the_output_but_not_the_base(base):
    digest = weights_digest(base)
    model = tuned(base, steps=5)
    x = torch.randn(5, 8)
    assert weights_digest(model) == digest == weights_digest(base)
    assert not torch.allclose(model(x), base(x))
    assert not extract_adapter(model, config_for(base)).changes_nothing


def test_the_digest_sees_one_changed_weight_and_a_renamed_one(base):
    digest = weights_digest(base)
    with torch.no_grad():
        base.backbone.query.weight[0, 0] += 1e-6
    assert weights_digest(base) != digest
    assert weights_digest(nn.ModuleDict({"a": nn.Linear(2, 2).requires_grad_(False)})) != weights_digest(
        nn.ModuleDict({"b": nn.Linear(2, 2)})
    )


@settings(max_examples=15, deadline=None)
@given(r=st.integers(1, 6), alpha=st.floats(0.5, 32), steps=st.integers(0, 3), names=st.lists(st.text(), max_size=3))
def test_an_applied_adapter_is_the_tuned_model_exactly(r, alpha, steps, names):
    torch.manual_seed(2)
    base = Network().eval()
    lora = LoraConfig(r=r, alpha=alpha, dropout=0.0, frozen=(), max_share=0.9, targets=r"^decoder\..*")
    model = tuned(base, steps, lora)
    config = AdapterConfig(
        kind="sam", class_names=tuple(names), base_name="base", base_digest=weights_digest(base), lora=lora
    )
    extracted = extract_adapter(model, config)
    adapter = read_adapter(adapter_files(extracted))
    assert adapter.digest == extracted.digest
    x = torch.randn(4, 8)
    again = apply_adapter(copy.deepcopy(base), adapter)
    assert adapter.config == config
    assert torch.equal(again(x), model(x))
    assert torch.equal(again(x), base(x)) == (steps == 0)
    assert count_parameters(again)[0] == 0


def test_an_adapter_is_told_from_others_by_its_tensors_and_its_config(base):
    config = config_for(base)
    adapters = [
        extract_adapter(tuned(base, 1), config),
        extract_adapter(tuned(base, 2), config),
        extract_adapter(tuned(base, 1), config.model_copy(update={"split": "another"})),
    ]
    assert len({adapter.digest for adapter in adapters}) == 3
    assert adapters[0].digest == extract_adapter(tuned(base, 1), config).digest


def test_wrong_names_shapes_and_bases_are_refused(base):
    adapter = extract_adapter(tuned(base, 1), config_for(base))
    first = next(iter(adapter.tensors))
    renamed = {("x" + name if name == first else name): tensor for name, tensor in adapter.tensors.items()}
    with pytest.raises(AdapterError, match=rf"missing \['{first}'\], unexpected \['x{first}'\]"):
        apply_adapter(copy.deepcopy(base), Adapter(renamed, adapter.config))
    reshaped = {**adapter.tensors, first: adapter.tensors[first][:1]}
    with pytest.raises(AdapterError, match=r"expected \(2, 8\), got \(1, 8\)"):
        apply_adapter(copy.deepcopy(base), Adapter(reshaped, adapter.config))
    with pytest.raises(AdapterError, match="digest"):
        apply_adapter(Network(), adapter)


def test_extracting_refuses_a_touched_base_and_broken_weights(base):
    model = tuned(base, 1)
    config = config_for(base)
    with pytest.raises(ValueError, match="without"):
        extract_adapter(base, config)
    value = next(iter(adapter_parameters(model).values()))
    with torch.no_grad():
        value[0, 0] = torch.nan
    with pytest.raises(AdapterError, match="NaN"):
        extract_adapter(model, config)
    with torch.no_grad():
        value[0, 0] = 0
        model.backbone.norm.bias.add_(1)
    with pytest.raises(ValueError, match="digest"):
        extract_adapter(model, config)


def test_attention_that_bypasses_its_layer_and_convolutions_that_no_adapter_fits_are_left_out():
    assert adaptable_layers(nn.MultiheadAttention(4, 2)) == []
    convs = nn.ModuleDict(
        {"plain": nn.Conv2d(4, 4, 3), "groups": nn.Conv2d(4, 4, 3, groups=2), "dilated": nn.Conv2d(4, 4, 3, dilation=2)}
    )
    assert adaptable_layers(convs) == ["plain"]


def test_an_adapted_convolution_starts_as_its_base_and_is_put_on_again():
    model = nn.Sequential(nn.Conv2d(3, 5, 3, stride=2, padding=1), nn.ReLU(), nn.Conv2d(5, 2, 1))
    plain, image = copy.deepcopy(model), torch.rand(1, 3, 8, 8)
    lora = LoraConfig(r=2, alpha=2, dropout=0, frozen=(), max_share=0.9, targets="^0$")
    config = AdapterConfig(
        kind="yolo", class_names=("a",), base_name="base", base_digest=weights_digest(model), lora=lora
    )
    add_lora(model, lora, seed=0)
    torch.testing.assert_close(model(image), plain(image))
    with torch.no_grad():
        for value in adapter_parameters(model).values():
            value.normal_()
    adapter = read_adapter(adapter_files(extract_adapter(model, config)))
    torch.testing.assert_close(apply_adapter(plain, adapter)(image), model(image))


def test_a_base_as_it_is_travels_as_an_adapter_without_matrices():
    """With what its family must know."""
    base = nn.Linear(3, 2)
    plain, config = (
        copy.deepcopy(base),
        {"kind": "yolo", "class_names": ("a",), "base_name": "b", "base_digest": weights_digest(base)},
    )
    as_it_is = Adapter({}, AdapterConfig(**config, lora=None, facts={"image_size": 64}))
    again = read_adapter(adapter_files(as_it_is))
    assert again == as_it_is
    assert not again.is_tuned
    torch.testing.assert_close(apply_adapter(base, again)(torch.ones(1, 3)), plain(torch.ones(1, 3)))


class Sharing(nn.Module):
    """Layers that are one layer under several names: one module, one parameter of two modules, one list."""

    def __init__(self) -> None:
        super().__init__()
        self.module = nn.Linear(4, 4)
        self.same_module = self.module
        self.parameter = nn.Linear(4, 4, bias=False)
        self.same_parameter = nn.Linear(4, 4)
        self.same_parameter.weight = self.parameter.weight
        self.heads = nn.ModuleList([nn.Linear(4, 4)])
        self.same_heads = self.heads
        self.alone = nn.Linear(4, 4)

    def forward(self, x):
        one = self.same_module(torch.relu(self.module(x))) + self.same_parameter(torch.relu(self.parameter(x)))
        return self.alone(one + self.same_heads[0](torch.relu(self.heads[0](x))))


PAIRS = [("module", "same_module"), ("parameter", "same_parameter"), ("heads.0", "same_heads.0")]


@pytest.mark.parametrize("targets", ["^(?!alone).*", "^(module|parameter|heads\\.0)$", "^same.*"])
def test_layers_that_were_shared_are_shared_with_their_adapters(targets):
    """Also where the pattern matches only one of the names."""
    model = add_lora(Sharing(), LORA.model_copy(update={"targets": targets}), seed=0)
    for one, other in PAIRS:
        first, second = model.get_submodule(one), model.get_submodule(other)
        assert first.base_layer.weight is second.base_layer.weight
        for matrices in ("lora_A", "lora_B"):
            assert getattr(first, matrices)["default"].weight is getattr(second, matrices)["default"].weight
    assert len(adapter_parameters(model)) == 2 * len(PAIRS)
    assert count_parameters(model)[0] == len(PAIRS) * (2 * 4 + 4 * 2)
