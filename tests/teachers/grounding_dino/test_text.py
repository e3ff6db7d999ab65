"""A prompt is read once where the text encoder is frozen, and nothing else changes by it."""

import copy

import numpy as np
import pytest
import torch

from gsam_edge.teachers.config import DetectionConfig
from gsam_edge.teachers.grounding_dino.batch import labelled_batch
from gsam_edge.teachers.grounding_dino.loss import grounding_dino_losses
from gsam_edge.teachers.grounding_dino.text import read_prompts_once
from gsam_edge.teachers.grounding_dino.tiny import build_tiny_grounding_dino
from gsam_edge.teachers.lora.config import LoraConfig
from gsam_edge.teachers.lora.layers import adapter_parameters, add_lora, weights_digest
from gsam_edge.vision import Detections
from support.tiny import GROUNDING_DINO_LOSS, TINY_GROUNDING_DINO, original_grounding_dino

DETECTION = DetectionConfig(score_threshold=0, candidates=100, nms_iou=1, max_detections=100, batch_size=2)
DECODER = LoraConfig(
    r=2,
    alpha=2,
    dropout=0,
    frozen=(),
    max_share=0.9,
    targets=r"^model\.(encoder|decoder)\.layers\..*(query|value|fc1|fc2)$",
)

TEXT = LoraConfig(r=2, alpha=2, dropout=0, frozen=(), max_share=0.9, targets=r"^model\.text_backbone\..*query$")


@pytest.fixture
def detector():
    """The original architecture, whose text encoder has dropout, with adapters beside the text encoder."""
    tiny = build_tiny_grounding_dino(TINY_GROUNDING_DINO, ["ring", "star"], seed=0)
    one = original_grounding_dino(tiny.processor)
    add_lora(one.model, DECODER, seed=0)
    return one


@pytest.fixture
def batch(detector):
    """Prompts of different lengths, so that the shorter ones are padded."""
    prompts = [detector.prompts(names)[0] for names in (["ring"], ["big star", "ring"], ["ring"])]
    truth = Detections(np.array([[5, 8, 40, 60]], np.float32), np.ones(1, np.float32), np.zeros(1, np.int64))
    images = [np.random.default_rng(row).integers(0, 256, (64, 64, 3), np.uint8) for row in range(3)]
    return labelled_batch(detector, images, [truth] * 3, prompts)


def counted(model):
    """Counts the rows of text that reach the encoder's first layer."""
    rows = []
    model.model.text_backbone.embeddings.register_forward_hook(lambda *call: rows.append(len(call[2])))
    return rows


def step(model, batch):
    """Losses and gradients of one training step."""
    torch.manual_seed(0)
    model.zero_grad()
    losses = grounding_dino_losses(model, batch, GROUNDING_DINO_LOSS)
    torch.stack(list(losses.values())).sum().backward()
    return losses, {name: matrix.grad.clone() for name, matrix in adapter_parameters(model).items()}


def test_losses_and_gradients_are_the_same_and_each_prompt_is_read_once(detector, batch):
    plain = copy.deepcopy(detector.model).train()
    plain.model.text_backbone.eval()
    wanted = step(plain, batch)
    read_prompts_once(detector.model)
    rows = counted(detector.model)
    first = step(detector.model.train(), batch)
    again = step(detector.model.train(), batch)
    assert rows == [1, 1]
    for name, loss in wanted[0].items():
        torch.testing.assert_close(first[0][name], loss, rtol=1e-5, atol=1e-6)
        assert torch.equal(first[0][name], again[0][name])
    for name, gradient in wanted[1].items():
        torch.testing.assert_close(first[1][name], gradient, rtol=1e-3, atol=1e-5)
        assert torch.equal(first[1][name], again[1][name])


def test_detections_are_the_same_and_training_goes_on_after_them(detector, batch):
    """As when a training validates before its first step; a copy reads with its own weights."""
    images = [np.random.default_rng(row).integers(0, 256, (64, 64, 3), np.uint8) for row in range(3)]
    wanted = detector.predict_batch(images, ["ring", "star"], DETECTION)
    digest, names = weights_digest(detector.model), list(detector.model.state_dict())
    read_prompts_once(detector.model)
    rows = counted(detector.model)
    for one, other in zip(wanted, detector.predict_batch(images, ["ring", "star"], DETECTION), strict=True):
        np.testing.assert_allclose(one.class_scores, other.class_scores, atol=1e-6)
    assert rows == [1]
    step(detector.model.train(), batch)
    assert (weights_digest(detector.model), list(detector.model.state_dict())) == (digest, names)
    changed = copy.deepcopy(detector.model)
    with torch.no_grad():
        changed.model.text_backbone.embeddings.word_embeddings.weight.add_(1)
        for model in (changed, detector.model):
            model.eval()
    inputs = detector.inputs(images[:1], ["star ring."])
    assert not torch.allclose(changed(**inputs).logits, detector.model(**inputs).logits)


@pytest.mark.parametrize("precision", [torch.bfloat16, None])
def test_the_features_do_not_depend_on_the_precision_of_the_step_that_came_first(detector, batch, precision):
    read_prompts_once(detector.model)
    encoder = detector.model.model.text_backbone
    inputs = [batch.inputs["input_ids"], torch.ones(3, 1, 1, 1, dtype=torch.bool), batch.inputs["token_type_ids"]]
    positions = torch.zeros_like(inputs[0])
    with torch.autocast("cpu", precision, enabled=precision is not None):
        features = encoder(*inputs, positions).last_hidden_state
    assert features.dtype == torch.float32
    plain = type(encoder).forward(encoder, *inputs, positions).last_hidden_state
    torch.testing.assert_close(features, plain)


def test_a_text_encoder_that_is_trained_reads_anew(detector, batch):
    tiny = build_tiny_grounding_dino(TINY_GROUNDING_DINO, ["ring", "star"], seed=0)
    model = add_lora(tiny.model, TEXT, seed=0)
    read_prompts_once(model)
    rows = counted(model)
    for _ in range(2):
        step(model.train(), batch)
    assert rows == [3, 3]


def test_a_model_that_remembers_learns_once_its_text_encoder_is_adapted(detector, batch):
    """As when a base that has labelled in place is tuned afterwards: its matrices would get no gradient."""
    tiny = build_tiny_grounding_dino(TINY_GROUNDING_DINO, ["ring", "star"], seed=0)
    read_prompts_once(tiny.model.requires_grad_(False))
    model = add_lora(copy.deepcopy(tiny.model), TEXT, seed=0)
    read_prompts_once(model)
    _, gradients = step(model.train(), batch)
    assert gradients
    assert all(gradient.any() for name, gradient in gradients.items() if "lora_B" in name)
