"""A merged adapter is the tuned model without adapters: same outputs, the base's names."""

import copy
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from gsam_edge.teachers.errors import AdapterError
from gsam_edge.teachers.grounding_dino.model import load_grounding_dino
from gsam_edge.teachers.grounding_dino.tiny import build_tiny_grounding_dino
from gsam_edge.teachers.lora.config import LoraConfig
from gsam_edge.teachers.lora.layers import adapter_parameters, add_lora, weights_digest
from gsam_edge.teachers.lora.merging import merge_lora
from gsam_edge.teachers.sam.architecture import build_sam
from gsam_edge.teachers.sam.model import SamModel
from support.tiny import TINY_GROUNDING_DINO, TINY_SAM, original_grounding_dino
from support.tuning import tuning_config
from support.yolo import random_network

LORA = LoraConfig(r=2, alpha=4, dropout=0, targets="^.*", frozen=(), max_share=0.9)
IMAGE = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)


def tuned(model: nn.Module, lora: LoraConfig) -> nn.Module:
    """A copy with random adapters."""
    model = add_lora(copy.deepcopy(model), lora, seed=0).eval()
    torch.manual_seed(1)
    with torch.no_grad():
        for value in adapter_parameters(model).values():
            value.normal_(std=0.1)
    return model.requires_grad_(False)


def outputs(kind: str, model: nn.Module, base) -> list[torch.Tensor]:
    with torch.inference_mode():
        if kind == "sam":
            sam = SamModel(model, TINY_SAM, "tuned")
            return list(sam.decode(sam.embed([IMAGE]), torch.tensor([[4.0, 4, 50, 50]]), multimask=True))
        if kind == "yolo":
            return [model(torch.from_numpy(IMAGE).permute(2, 0, 1)[None] / 255)[0]]
        found = model(**base.inputs([IMAGE], ["ring. star."]))
        tokens = found.logits.isfinite()
        return [found.logits[tokens], found.pred_boxes]


def build(kind: str):
    """A base and its model."""
    if kind == "sam":
        torch.manual_seed(0)
        return None, build_sam(TINY_SAM)
    if kind == "yolo":
        return None, random_network().eval()
    tiny = build_tiny_grounding_dino(TINY_GROUNDING_DINO, ["ring", "star"], seed=0)
    base = original_grounding_dino(tiny.processor) if kind == "full" else tiny
    return base, base.model


@pytest.mark.parametrize("kind", ["tiny", "full", "sam", "yolo"])
def test_a_merged_model_answers_as_the_tuned_one_and_not_as_its_base(kind):
    base, plain = build(kind)
    name, env = {"tiny": ("grounding_dino", "base"), "full": ("grounding_dino", "full")}.get(kind, (kind, "base"))
    model = tuned(plain, tuning_config(name, env).lora.model_copy(update={"max_share": 0.9}))
    wanted = outputs(kind, model, base)
    merged = merge_lora(model)
    assert merged.state_dict().keys() == plain.state_dict().keys()
    assert not adapter_parameters(merged)
    for got, tuned_output, base_output in zip(
        outputs(kind, merged, base), wanted, outputs(kind, plain, base), strict=True
    ):
        torch.testing.assert_close(got, tuned_output, rtol=1e-4, atol=1e-4)
        assert not torch.allclose(got, base_output, rtol=1e-4, atol=1e-4)


def test_a_layer_with_several_names_is_changed_once():
    torch.manual_seed(0)
    plain = nn.ModuleDict({"one": nn.Linear(3, 3), "other": nn.Linear(3, 3, bias=False)})
    plain["other"].weight = plain["one"].weight
    model = tuned(plain, LORA)
    x = torch.randn(2, 3)
    wanted = [model[name](x) for name in ("one", "other")]
    merged = merge_lora(model)
    assert merged["one"].weight is merged["other"].weight
    torch.testing.assert_close([merged[name](x) for name in ("one", "other")], wanted)


def test_a_merge_that_changes_nothing_is_an_error():
    """A fresh adapter, one that is too small for the weights' precision, and a model without any."""
    plain = nn.ModuleDict({"one": nn.Linear(3, 3)})
    with pytest.raises(AdapterError, match="got 1 adapted layers that change none"):
        merge_lora(add_lora(copy.deepcopy(plain), LORA, seed=0))
    lost = tuned(plain, LORA)
    with torch.no_grad():
        for value in adapter_parameters(lost).values():
            value.mul_(1e-12)
    with pytest.raises(AdapterError, match="change none"):
        merge_lora(lost)
    with pytest.raises(AdapterError, match="got 0 adapted layers"):
        merge_lora(plain)


def test_a_merged_grounding_dino_is_saved_and_loaded_like_any_base(tmp_path: Path):
    """As docs/lora.md says."""
    base, plain = build("tiny")
    merged = merge_lora(
        tuned(plain, tuning_config("grounding_dino", "base").lora.model_copy(update={"max_share": 0.9}))
    )
    type(base)(merged, base.processor, "merged").save(tmp_path / "merged")
    assert weights_digest(load_grounding_dino(str(tmp_path / "merged")).model) == weights_digest(merged)
