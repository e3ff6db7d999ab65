import copy
from string import ascii_lowercase

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.ops import batched_nms
from transformers import BertConfig

from gsam_edge.teachers.config import DetectionConfig
from gsam_edge.teachers.errors import BaseModelError
from gsam_edge.teachers.grounding_dino.batch import labelled_batch
from gsam_edge.teachers.grounding_dino.library import TunableGroundingDino, freeze_backbone, thaw_backbone
from gsam_edge.teachers.grounding_dino.loss import grounding_dino_losses
from gsam_edge.teachers.grounding_dino.model import class_probabilities, load_grounding_dino
from gsam_edge.teachers.grounding_dino.prompts import Prompt
from gsam_edge.teachers.grounding_dino.tiny import build_tiny_grounding_dino, build_vocabulary
from gsam_edge.training.errors import TrainingError
from gsam_edge.vision import Detections
from support.tiny import GROUNDING_DINO_LOSS, TINY_GROUNDING_DINO, original_grounding_dino

CONFIG = DetectionConfig(score_threshold=0, candidates=1000, nms_iou=0.5, max_detections=20, batch_size=2)


def tiny():
    return build_tiny_grounding_dino(TINY_GROUNDING_DINO, ["ring", "star"], seed=0)


@pytest.fixture(scope="module")
def grounding_dino():
    return tiny()


@pytest.fixture(scope="module")
def images():
    rng = np.random.default_rng(0)
    return [rng.integers(0, 256, (*hw, 3), dtype=np.uint8) for hw in ((50, 90), (80, 64), (64, 64))]


def test_the_vocabulary_keeps_berts_separators_and_spells_any_word(grounding_dino):
    vocabulary = build_vocabulary(["ring"])
    assert [vocabulary[i] for i in (0, 100, 101, 102, 103, 1012, 1029)] == [
        "[PAD]",
        "[UNK]",
        "[CLS]",
        "[SEP]",
        "[MASK]",
        ".",
        "?",
    ]
    assert len(set(vocabulary)) == len(vocabulary)
    tokenizer = grounding_dino.processor.tokenizer
    assert tokenizer.tokenize("Ring, zq~7.") == ["ri", "##ng", ",", "z", "##q", "~", "7", "."]
    assert tokenizer("ring.")["input_ids"][::3] == [101, 1012]
    with pytest.raises(ValueError, match="pieces, got"):
        build_vocabulary([2 * (first + second) for first in ascii_lowercase for second in ascii_lowercase])


def test_the_same_seed_builds_the_same_weights(grounding_dino):
    for name, tensor in tiny().model.state_dict().items():
        assert torch.equal(tensor, grounding_dino.model.state_dict()[name]), name


def test_a_saved_model_answers_as_before(grounding_dino, images, tmp_path):
    grounding_dino.save(tmp_path / "tiny")
    loaded = load_grounding_dino(str(tmp_path / "tiny"))
    for before, after in zip(
        grounding_dino.predict_batch(images, ["ring", "star"], CONFIG),
        loaded.predict_batch(images, ["ring", "star"], CONFIG),
        strict=True,
    ):
        assert np.array_equal(before.xyxy, after.xyxy)
        assert np.array_equal(before.class_scores, after.class_scores)
    assert loaded.name == "tiny"


def test_what_is_no_grounding_dino_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="downloads not allowed"):
        load_grounding_dino(str(tmp_path / "nothing"))
    BertConfig().save_pretrained(tmp_path / "bert")
    with pytest.raises(BaseModelError, match="got one of 'bert'"):
        load_grounding_dino(str(tmp_path / "bert"))


def test_inputs_are_the_library_processors_own(grounding_dino, images):
    ours = grounding_dino.inputs(images, ["ring. star.", "ring.", "star."])
    library = grounding_dino.processor(
        images=[Image.fromarray(image) for image in images],
        text=["ring. star.", "ring.", "star."],
        padding=True,
        return_tensors="pt",
    )
    assert set(ours) == {"pixel_values", "pixel_mask", "input_ids", "token_type_ids", "attention_mask"}
    for name, tensor in ours.items():
        assert torch.equal(tensor, library[name]), name


def test_detections_are_sorted_clipped_and_scored_per_class(grounding_dino, images):
    found = grounding_dino.predict_batch(iter(images), ["ring", "star", "ring star"], CONFIG)
    assert len(found) == 3
    for image, one in zip(images, found, strict=True):
        height, width = image.shape[:2]
        assert 0 < len(one) <= 10
        assert (np.diff(one.scores) <= 0).all()
        assert one.class_scores.shape == (len(one), 3)
        assert np.array_equal(one.scores, one.class_scores.max(1))
        assert np.array_equal(one.class_ids, one.class_scores.argmax(1))
        assert (one.xyxy >= 0).all()
        assert (one.xyxy <= [width, height, width, height]).all()


def test_boxes_and_scores_agree_with_the_librarys_post_processing(grounding_dino, images):
    inputs = grounding_dino.inputs(images[:1], ["ring."])
    with torch.no_grad():
        outputs = grounding_dino.model(**inputs)
    span = grounding_dino.prompts(["ring"])[0].spans[0]
    outputs.logits[..., [i for i in range(outputs.logits.shape[-1]) if i not in span]] = -torch.inf
    library = grounding_dino.processor.post_process_grounded_object_detection(
        outputs, threshold=0, target_sizes=[images[0].shape[:2]]
    )[0]
    order = library["scores"].argsort(descending=True, stable=True)
    config = CONFIG.model_copy(update={"nms_iou": 1.0})
    (ours,) = grounding_dino.predict_batch(images[:1], ["ring"], config)
    height, width = images[0].shape[:2]
    expected = library["boxes"][order].numpy().clip(0, [width, height, width, height])
    np.testing.assert_allclose(ours.scores, library["scores"][order].numpy(), rtol=1e-5)
    np.testing.assert_allclose(ours.xyxy, expected, atol=1e-3)


def test_threshold_and_limit_bound_the_detections(grounding_dino, images):
    (every,) = grounding_dino.predict_batch(images[:1], ["ring"], CONFIG)
    threshold = float(every.scores[len(every) // 2])
    strict = CONFIG.model_copy(update={"score_threshold": threshold})
    (some,) = grounding_dino.predict_batch(images[:1], ["ring"], strict)
    assert 0 < len(some) < len(every)
    assert some.scores.min() >= threshold
    (one,) = grounding_dino.predict_batch(images[:1], ["ring"], CONFIG.model_copy(update={"max_detections": 1}))
    assert np.array_equal(one.scores, every.scores[:1])


def test_only_the_best_candidates_enter_suppression(grounding_dino, images, monkeypatch):
    """Suppression of all queries of all prompts would take time by the square of their number."""
    offered = []

    def counting(boxes, scores, class_ids, iou_threshold):
        offered.append(len(boxes))
        return batched_nms(boxes, scores, class_ids, iou_threshold)

    monkeypatch.setattr("gsam_edge.teachers.detections.batched_nms", counting)
    answers = [
        grounding_dino.predict_batch(images[:1], ["ring"], CONFIG.model_copy(update={"candidates": count}))[0]
        for count in (1000, 10, 4)
    ]
    assert offered == [10, 10, 4]
    for field in ("xyxy", "scores", "class_ids", "class_scores"):
        assert np.array_equal(getattr(answers[0], field), getattr(answers[1], field))
    assert np.array_equal(answers[2].scores, answers[0].scores[: len(answers[2])])


def test_many_classes_in_several_prompts_are_put_together(images):
    short = tiny()
    short.model.config.max_text_len = 8
    names = ["ring", "star", "starring"]
    assert len(short.prompts(names)) > 1
    (found,) = short.predict_batch(images[:1], names, CONFIG)
    prompt_of = {class_id: n for n, prompt in enumerate(short.prompts(names)) for class_id in prompt.class_ids}
    for class_id, scores in zip(found.class_ids, found.class_scores, strict=True):
        others = [i for i in range(3) if prompt_of[i] != prompt_of[int(class_id)]]
        assert np.isnan(scores[others]).all()
        assert np.nanargmax(scores) == class_id


def test_a_class_scores_the_best_token_of_its_span():
    logits = torch.tensor([[[9.0, 1.0, 3.0, 9.0, -2.0, 9.0]]])
    scores = class_probabilities(logits, Prompt("a b. c.", (2, 0), ((1, 2), (4,))), 3)
    expected = torch.tensor([-2.0, torch.nan, 3.0]).sigmoid()
    torch.testing.assert_close(scores[0, 0], expected, equal_nan=True)


def test_freezing_the_thawed_backbone_keeps_the_answer():
    detector = tiny()
    thaw_backbone(detector.model)
    assert all(parameter.requires_grad for parameter in detector.model.parameters())
    inputs = detector.inputs([np.zeros((64, 64, 3), np.uint8)], ["ring."])
    detector.model.train()
    for value in (0.5, 2.0):
        detector.model(**{**inputs, "pixel_values": inputs["pixel_values"] * value + torch.randn(1, 3, 64, 64)})
    detector.model.eval()
    with torch.no_grad():
        thawed = detector.model(**inputs).pred_boxes
        freeze_backbone(detector.model)
        frozen = detector.model(**inputs).pred_boxes
    torch.testing.assert_close(thawed, frozen)
    assert not any("num_batches_tracked" in name for name in detector.model.state_dict())


def truth(xyxy, class_ids):
    return Detections(
        np.asarray(xyxy, np.float32).reshape(-1, 4),
        np.ones(len(class_ids), np.float32),
        np.asarray(class_ids, np.int64),
    )


def a_batch(grounding_dino, images):
    (prompt,) = grounding_dino.prompts(["star", "ring"])
    (other,) = grounding_dino.prompts(["star", "ring", "big ring"])
    truths = [truth([[10, 10, 40, 40], [50, 5, 80, 30]], [0, 1]), truth([], []), truth([[5, 5, 60, 60]], [2])]
    return labelled_batch(grounding_dino, images, truths, [prompt, prompt, other])


def test_a_batch_speaks_in_fractions_of_each_image_and_tokens_of_each_prompt(grounding_dino, images):
    batch = a_batch(grounding_dino, images)
    assert batch.boxes[0][0].tolist() == pytest.approx([25 / 90, 25 / 50, 30 / 90, 30 / 50])
    assert [len(boxes) for boxes in batch.boxes] == [2, 0, 1]
    row = batch.class_tokens[2][batch.labels[2][0]]
    tokens = grounding_dino.processor.tokenizer.convert_ids_to_tokens(batch.inputs["input_ids"][2][row.bool()])
    assert "".join(tokens).replace("##", "") == "bigring"


def test_the_loss_is_finite_positive_and_falls_when_trained(images):
    detector = tiny()
    thaw_backbone(detector.model)
    batch = a_batch(detector, images)
    optimizer = torch.optim.AdamW(detector.model.parameters(), lr=2e-3)
    history = []
    for _ in range(25):
        losses = grounding_dino_losses(detector.model, batch, GROUNDING_DINO_LOSS)
        assert set(losses) == {"class_loss", "l1_loss", "giou_loss", "encoder_loss"}
        assert all(loss > 0 and loss.ndim == 0 for loss in losses.values())
        total = sum(losses.values())
        optimizer.zero_grad()
        total.backward()
        torch.nn.utils.clip_grad_norm_(detector.model.parameters(), 5)
        optimizer.step()
        history.append(total.item())
    assert history[-1] < 0.7 * history[0]


@pytest.mark.parametrize(
    ("weight", "value"), [("model.decoder.layers.0.fc1.weight", torch.nan), ("class_embed.0.bias", torch.inf)]
)
def test_a_model_that_has_diverged_is_told_so_before_the_matching(grounding_dino, images, weight, value):
    """The library's matcher would speak of boxes that are not in the format x0, y0, x1, y1."""
    broken = copy.deepcopy(grounding_dino)
    with torch.no_grad():
        broken.model.get_parameter(weight).fill_(value)
    with pytest.raises(TrainingError, match=r"finite class logits and boxes, got .* [1-9]\d* of .*lower learning rate"):
        grounding_dino_losses(broken.model, a_batch(broken, images), GROUNDING_DINO_LOSS)


def test_images_without_objects_have_a_loss_too(grounding_dino, images):
    (prompt,) = grounding_dino.prompts(["star"])
    batch = labelled_batch(grounding_dino, images[:2], [truth([], [])] * 2, [prompt] * 2)
    losses = grounding_dino_losses(copy.deepcopy(grounding_dino.model), batch, GROUNDING_DINO_LOSS)
    assert all(torch.isfinite(loss) for loss in losses.values())
    assert losses["l1_loss"] == 0


@pytest.fixture(scope="module")
def original(grounding_dino):
    return original_grounding_dino(grounding_dino.processor)


def test_the_original_architecture_takes_the_same_path(original, images, tmp_path):
    original.save(tmp_path / "original")
    loaded = load_grounding_dino(str(tmp_path / "original"))
    assert isinstance(loaded.model, TunableGroundingDino)
    before, after = (d.predict_batch(images, ["ring", "star"], CONFIG) for d in (original, loaded))
    for one, other in zip(before, after, strict=True):
        assert len(one)
        np.testing.assert_allclose(one.scores, other.scores, rtol=1e-5)
    losses = grounding_dino_losses(loaded.model, a_batch(loaded, images), GROUNDING_DINO_LOSS)
    assert all(torch.isfinite(loss) and loss > 0 for loss in losses.values())
