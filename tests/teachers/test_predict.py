import pickle
from functools import partial

import numpy as np
import pytest
import torch

from gsam_edge.teachers.config import DetectionConfig
from gsam_edge.teachers.grounding_dino.tiny import build_tiny_grounding_dino
from gsam_edge.teachers.lora.adapter import AdapterConfig, extract_adapter
from gsam_edge.teachers.lora.config import LoraConfig
from gsam_edge.teachers.lora.layers import adapter_parameters, add_lora, weights_digest
from gsam_edge.teachers.predict import FinderAndOutliner, Part, teacher_predictor
from gsam_edge.teachers.sam.architecture import build_sam
from gsam_edge.teachers.sam.model import SamModel
from gsam_edge.vision import Detections
from support.tiny import TINY_GROUNDING_DINO, TINY_SAM

CLASSES = ("ring", "star")
DETECTION = DetectionConfig(score_threshold=0, candidates=1000, nms_iou=0.7, max_detections=5, batch_size=1)
LORA = LoraConfig(r=2, alpha=2, dropout=0, frozen=(), max_share=0.9, targets=r"^mask_decoder\.transformer\..*_proj$")


@pytest.fixture(scope="module")
def grounding_dino():
    return build_tiny_grounding_dino(TINY_GROUNDING_DINO, CLASSES, seed=0)


@pytest.fixture(scope="module")
def sam():
    torch.manual_seed(0)
    return SamModel(build_sam(TINY_SAM).requires_grad_(False), TINY_SAM, "random")


@pytest.fixture(scope="module")
def sam_adapter(sam):
    model = SamModel(build_sam(TINY_SAM), TINY_SAM, "copy").model
    model.load_state_dict(sam.model.state_dict())
    add_lora(model, LORA, seed=0)
    with torch.no_grad():
        for value in adapter_parameters(model).values():
            value.normal_(generator=torch.Generator().manual_seed(0))
    config = AdapterConfig(
        kind="sam", class_names=CLASSES, base_name="base", base_digest=weights_digest(sam.model), lora=LORA
    )
    return extract_adapter(model, config)


@pytest.fixture(scope="module")
def image():
    return np.random.default_rng(0).integers(0, 256, (50, 90, 3), np.uint8)


def predictor(grounding_dino=None, sam=None, sam_adapter=None, detection=DETECTION):
    return teacher_predictor(
        finder=grounding_dino and Part("grounding_dino", grounding_dino, None),
        outliner=sam and Part("sam", sam, sam_adapter),
        class_names=CLASSES,
        detection=detection,
        device="cpu",
    )


@pytest.fixture
def prompt():
    xyxy = np.array([[5, 5, 30, 30], [40, 10, 80, 45]], np.float32)
    return Detections(xyxy, np.ones(2, np.float32), np.array([1, 0]), class_scores=np.eye(2, dtype=np.float32))


def test_boxes_come_from_grounding_dino_and_masks_from_sam(grounding_dino, sam, image):
    boxes_only = predictor(grounding_dino)(image)
    both = predictor(grounding_dino, sam)(image)
    assert 0 < len(boxes_only) <= 5
    assert boxes_only.masks is None
    for field in ("xyxy", "scores", "class_ids", "class_scores"):
        assert np.array_equal(getattr(both, field), getattr(boxes_only, field))
    assert np.array_equal(both.masks, sam.predict(image, boxes_only.xyxy)[0])


def test_nothing_found_gives_an_empty_mask_stack(grounding_dino, sam, image):
    strict = DETECTION.model_copy(update={"score_threshold": 1.0})
    found = predictor(grounding_dino, sam, detection=strict)(image)
    assert found.masks.shape == (0, 50, 90)
    assert found.class_scores.shape == (0, 2)


def test_given_boxes_keep_their_order_and_classes_and_get_sams_confidence(sam, image, prompt):
    answer = predictor(sam=sam)(image, prompt)
    masks, iou = sam.predict(image, prompt.xyxy)
    assert np.array_equal(answer.xyxy, prompt.xyxy)
    assert answer.class_ids.tolist() == [1, 0]
    assert np.array_equal(answer.masks, masks)
    assert np.array_equal(answer.scores, iou.clip(0, 1))


def test_what_is_absent_is_named(grounding_dino, sam, image, prompt):
    with pytest.raises(ValueError, match="got neither"):
        predictor()
    with pytest.raises(ValueError, match="a finder is absent"):
        predictor(sam=sam)(image)
    with pytest.raises(ValueError, match="an outliner to draw"):
        predictor(grounding_dino)(image, prompt)


def test_the_factory_survives_pickling_and_puts_the_adapter_on_a_copy(grounding_dino, sam, sam_adapter, image):
    digest = weights_digest(sam.model)
    factory = partial(
        teacher_predictor,
        finder=Part("grounding_dino", grounding_dino, None),
        outliner=Part("sam", sam, sam_adapter),
        class_names=CLASSES,
        detection=DETECTION,
        device="cpu",
    )
    here, there = factory()(image), pickle.loads(pickle.dumps(factory))()(image)  # noqa: S301 - our own bytes
    assert np.array_equal(here.xyxy, there.xyxy)
    assert np.array_equal(here.masks, there.masks)
    assert not np.array_equal(here.masks, sam.predict(image, here.xyxy)[0])
    assert weights_digest(sam.model) == digest
    assert not adapter_parameters(sam.model)


def test_a_finder_with_masks_of_its_own_needs_nobody_else(image):
    found = Detections(
        np.array([[5, 5, 30, 30]], np.float32),
        np.ones(1, np.float32),
        np.zeros(1, np.int64),
        np.ones((1, 50, 90), bool),
    )
    assert FinderAndOutliner(lambda image, prompt: found, None).predict(image) is found
