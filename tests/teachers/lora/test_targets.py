"""What adapters lie on is checked against what the model has, what must stay frozen and how much may be trained."""

from pathlib import Path

import pytest
import torch
from torch import nn
from transformers import Sam2Config, Sam2Model, Sam3Config, Sam3Model

from gsam_edge.teachers.errors import AdapterError
from gsam_edge.teachers.lora.config import LoraConfig
from gsam_edge.teachers.lora.layers import add_lora, count_parameters, verify_only_adapters_trainable
from gsam_edge.teachers.lora.targets import layers_to_adapt
from gsam_edge.teachers.sam.architecture import PUBLISHED, build_sam
from gsam_edge.teachers.table import TEACHERS
from support.tiny import full_size_grounding_dino
from support.tuning import tuning_config
from support.yolo import random_network

ROOT = Path(__file__).parents[3]

LORA = LoraConfig(r=2, alpha=4, dropout=0.0, targets="^decoder$", frozen=("backbone",), max_share=0.5)


def network() -> nn.Module:
    layers = [nn.Linear(8, 8) for _ in range(3)]
    return nn.ModuleDict(
        {"backbone": nn.ModuleList(layers[:2]), "decoder": layers[2], "backbone_norm": nn.Linear(8, 8)}
    )


def test_targets_in_a_frozen_part_are_refused_with_what_is_there() -> None:
    narrow = layers_to_adapt(network(), LORA.model_copy(update={"targets": "^(decoder|backbone_norm)$"}))
    assert narrow == [("decoder",), ("backbone_norm",)]
    everywhere = LORA.model_copy(update={"targets": "^.*"})
    with pytest.raises(AdapterError) as refused:
        add_lora(network(), everywhere, seed=0)
    message = str(refused.value)
    assert "frozen parts ['backbone'], got 2 layers in them, ['backbone.0', 'backbone.1']" in message
    assert "the model's layers: ['backbone.*', 'decoder', 'backbone_norm']" in message
    assert len(layers_to_adapt(network(), everywhere.model_copy(update={"frozen": ()}))) == 4


def test_a_frozen_part_that_the_model_does_not_have_protects_nothing_and_is_refused() -> None:
    with pytest.raises(AdapterError, match=r"got \['bakbone'\]; nearest: .*'backbone'"):
        add_lora(network(), LORA.model_copy(update={"frozen": ("bakbone",)}), seed=0)


def test_more_adapters_than_allowed_are_refused_with_the_numbers() -> None:
    """Two matrices of 16 numbers beside four layers of 72."""
    model = network()
    add_lora(model, LORA.model_copy(update={"targets": "^decoder$", "max_share": 0.11}), seed=0)
    assert count_parameters(model) == (32, 320)
    with pytest.raises(AdapterError, match=r"at most 9\.00% .* got 32 of 320, 10\.00%; lower `r`"):
        add_lora(network(), LORA.model_copy(update={"targets": "^decoder$", "max_share": 0.09}), seed=0)


def test_exactly_as_many_adapters_as_allowed_are_taken():
    """29 of 100 are 29 %, though 0.29 * 100 is less than 29 in floating point."""
    model = nn.ModuleDict({"narrow": nn.Linear(28, 1, bias=False), "wide": nn.Embedding(1, 43)})
    lora = LORA.model_copy(update={"r": 1, "targets": "^narrow$", "frozen": (), "max_share": 0.29})
    assert count_parameters(add_lora(model, lora, seed=0)) == (29, 100)


def test_a_layer_that_shares_its_weight_with_something_that_no_adapter_fits_is_refused() -> None:
    """As a head that is tied to word embeddings: merged, the adapter would change them, too."""
    model = nn.ModuleDict({"words": nn.Embedding(4, 4), "head": nn.Linear(4, 4)})
    model["head"].weight = model["words"].weight
    lora = LORA.model_copy(update={"targets": "^head$", "frozen": ()})
    with pytest.raises(AdapterError, match=r"share their weight with \['words'\]"):
        add_lora(model, lora, seed=0)


@pytest.mark.parametrize("name", ["grounding_dino", "sam"])
@pytest.mark.parametrize("env", ["base", "test"])
def test_the_shipped_teachers_take_the_adapters_that_their_parameters_name(name: str, env: str) -> None:
    base = TEACHERS[name].load(str(ROOT / "data/06_models/base" / name), allow_download=False)
    verify_only_adapters_trainable(add_lora(base.model, tuning_config(name, env).lora, seed=0))


@pytest.mark.parametrize("file", ["v8/yolov8.yaml", "v8/yolov8-seg.yaml", "26/yolo26.yaml"])
def test_the_smallest_yolos_take_the_adapters_that_their_parameters_name(file: str) -> None:
    network = random_network(file).requires_grad_(False)
    verify_only_adapters_trainable(add_lora(network, tuning_config("yolo", "base").lora, seed=0))


def test_the_full_size_grounding_dino_is_tuned_by_a_sixtieth_of_its_parameters() -> None:
    """On the meta device: sizes alone, of the architecture that its configuration names."""
    lora = tuning_config("grounding_dino", "full").lora
    assert (lora.r, lora.alpha, lora.dropout) == (16, 32, 0.1)
    with torch.device("meta"):
        model = full_size_grounding_dino(None).model
    assert count_parameters(model)[1] == 172_250_626
    add_lora(model, lora, seed=0)
    assert count_parameters(model) == (2_654_208, 172_250_626 + 2_654_208)


@pytest.mark.parametrize(("size", "total"), [("vit_b", 93_903_408), ("vit_l", 312_510_768), ("vit_h", 641_258_544)])
def test_a_full_size_sam_is_tuned_in_its_mask_decoder_alone(size: str, total: int) -> None:
    lora = tuning_config("sam", "full").lora
    assert (lora.r, lora.alpha, lora.dropout) == (8, 16, 0.05)
    with torch.device("meta"):
        model = build_sam(PUBLISHED[size])
    assert {layer.split(".")[0] for names in layers_to_adapt(model, lora) for layer in names} == {"mask_decoder"}
    assert count_parameters(add_lora(model, lora, seed=0)) == (167_936, total)


def test_the_smallest_sam_2_is_tuned_in_its_mask_decoder_alone() -> None:
    with torch.device("meta"):
        model = Sam2Model(Sam2Config())
    lora = tuning_config("sam2", "full").lora
    assert {layer.split(".")[0] for names in layers_to_adapt(model, lora) for layer in names} == {"mask_decoder"}
    assert count_parameters(add_lora(model, lora, seed=0)) == (167_936, 31_440_721 + 167_936)


def test_the_full_size_sam_3_is_tuned_by_a_thousandth_of_its_parameters() -> None:
    with torch.device("meta"):
        model = Sam3Model(Sam3Config())
    add_lora(model, tuning_config("sam3", "full").lora, seed=0)
    assert count_parameters(model) == (966_656, 840_376_374 + 966_656)
