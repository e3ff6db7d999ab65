"""Whatever the environment, no part of Grounding DINO that is adapted stays untaught."""

from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from torch import nn
from transformers import GroundingDinoImageProcessor, GroundingDinoProcessor

from gsam_edge.teachers.grounding_dino.batch import labelled_batch
from gsam_edge.teachers.grounding_dino.config import GroundingDinoLossConfig
from gsam_edge.teachers.grounding_dino.loss import grounding_dino_losses
from gsam_edge.teachers.grounding_dino.tiny import build_tiny_grounding_dino
from gsam_edge.teachers.lora.config import LoraConfig
from gsam_edge.teachers.lora.layers import adapter_parameters, add_lora
from gsam_edge.vision import Detections
from support.tiny import TINY_GROUNDING_DINO, full_size_grounding_dino, original_grounding_dino

ROOT = Path(__file__).parents[3]


def parameters(env):
    """Grounding DINO's parameters in an environment: its own over those of conf/base."""
    base, own = (
        yaml.safe_load((ROOT / f"conf/{name}/parameters_teacher_finetune.yml").read_text())["grounding_dino"]
        for name in ("base", env)
    )
    return {part: {**base[part], **own.get(part, {})} for part in ("lora", "loss")}


@pytest.fixture(scope="module")
def processor():
    return build_tiny_grounding_dino(TINY_GROUNDING_DINO, ["ring", "star"], seed=0).processor


def gradients(detector, loss, targets):
    """The largest gradient of every adapter's matrix, in one step on an image with objects and one without."""
    lora = LoraConfig(r=2, alpha=2, dropout=0, frozen=(), max_share=0.9, targets=targets)
    model = add_lora(detector.model, lora, seed=0).train()
    for name, matrix in adapter_parameters(model).items():
        if ".lora_B." in name:  # at zero, as they start, they would keep the gradient from A
            nn.init.normal_(matrix, std=0.02)
    images = [np.random.default_rng(row).integers(0, 256, hw, np.uint8) for row, hw in enumerate([(96, 80, 3)] * 2)]
    some = Detections(np.array([[5, 8, 40, 60], [30, 30, 70, 50]], np.float32), np.ones(2, np.float32), np.arange(2))
    (prompt,) = detector.prompts(["ring", "big star"])
    batch = labelled_batch(detector, images, [some, some.select(np.zeros(2, bool))], [prompt] * 2)
    torch.stack(list(grounding_dino_losses(model, batch, loss).values())).sum().backward()
    return {
        name: 0.0 if matrix.grad is None else matrix.grad.abs().max().item()
        for name, matrix in adapter_parameters(model).items()
    }


@pytest.mark.parametrize("targets", ["base", "full"])
@pytest.mark.parametrize("env", ["base", "full", "test"])
def test_every_adapter_of_the_real_structure_learns_with_every_environments_loss(env, targets, processor):
    """The original architecture, narrow: the encoder's heads choose the queries and are taught by their loss alone."""
    loss = GroundingDinoLossConfig.model_validate(parameters(env)["loss"])
    pattern = parameters(targets)["lora"]["targets"]
    found = gradients(original_grounding_dino(processor), loss, pattern)
    assert len(found) > 20
    assert [name for name, largest in found.items() if not largest] == []


@pytest.mark.slow
@pytest.mark.parametrize("targets", ["base", "full"])
def test_every_adapter_of_the_full_size_model_learns(targets, processor):
    """172 million random weights, conf/full's loss; the smallest input that has tokens for 900 queries."""
    images = GroundingDinoImageProcessor(size={"shortest_edge": 224, "longest_edge": 269})
    processor = GroundingDinoProcessor(images, processor.tokenizer)
    loss = GroundingDinoLossConfig.model_validate(parameters("full")["loss"])
    found = gradients(full_size_grounding_dino(processor), loss, parameters(targets)["lora"]["targets"])
    assert len(found) > 100
    assert [name for name, largest in found.items() if not largest] == []
