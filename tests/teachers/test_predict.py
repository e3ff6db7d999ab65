import pickle
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch

from gsam_edge.teachers.config import DetectionConfig
from gsam_edge.teachers.grounding_dino.tiny import build_tiny_grounding_dino
from gsam_edge.teachers.lora.adapter import AdapterConfig, extract_adapter
from gsam_edge.teachers.lora.config import LoraConfig
from gsam_edge.teachers.lora.layers import adapter_parameters, add_lora, weights_digest
from gsam_edge.teachers.outlining.model import predict_image
from gsam_edge.teachers.predict import GroundedSam, Part, one_image_predictor, teacher_predictor
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


def factory(grounding_dino=None, sam=None, sam_adapter=None, detection=DETECTION, boxes_from_masks=False):
    return partial(
        teacher_predictor,
        finder=grounding_dino and Part("grounding_dino", grounding_dino, None),
        outliner=sam and Part("sam", sam, sam_adapter),
        class_names=CLASSES,
        detection=detection,
        device="cpu",
        boxes_from_masks=boxes_from_masks,
    )


def predictor(*parts, **settings):
    """Predicts one image at a time."""
    return one_image_predictor(factory(*parts, **settings))


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
    masks, iou = predict_image(sam, image, boxes_only.xyxy, multimask=False)
    assert np.array_equal(both.masks, masks)
    assert np.array_equal(both.mask_scores, iou.clip(0, 1))
    assert boxes_only.mask_scores is None


def test_nothing_found_gives_an_empty_mask_stack(grounding_dino, sam, image):
    strict = DETECTION.model_copy(update={"score_threshold": 1.0})
    found = predictor(grounding_dino, sam, detection=strict)(image)
    assert found.masks.shape == (0, 50, 90)
    assert found.mask_scores.shape == (0,)
    assert found.class_scores.shape == (0, 2)


def test_given_boxes_keep_their_order_and_classes_and_get_sams_confidence(sam, image, prompt):
    answer = predictor(sam=sam)(image, prompt)
    masks, iou = predict_image(sam, image, prompt.xyxy, multimask=False)
    assert np.array_equal(answer.xyxy, prompt.xyxy)
    assert answer.class_ids.tolist() == [1, 0]
    assert np.array_equal(answer.masks, masks)
    assert np.array_equal(answer.mask_scores, iou.clip(0, 1))
    assert np.array_equal(answer.scores, answer.mask_scores)


def test_what_is_absent_is_named(grounding_dino, sam, image, prompt):
    with pytest.raises(ValueError, match="got neither"):
        predictor()
    with pytest.raises(ValueError, match="a finder is absent"):
        predictor(sam=sam)(image)
    with pytest.raises(ValueError, match="an outliner to draw"):
        predictor(grounding_dino)(image, prompt)


def test_the_factory_survives_pickling_and_puts_the_adapter_on_a_copy(grounding_dino, sam, sam_adapter, image):
    digest = weights_digest(sam.model)
    build = factory(grounding_dino, sam, sam_adapter)
    (here,), (there,) = build()([image]), pickle.loads(pickle.dumps(build))()([image])  # noqa: S301 - our own bytes
    assert np.array_equal(here.xyxy, there.xyxy)
    assert np.array_equal(here.masks, there.masks)
    assert not np.array_equal(here.masks, predict_image(sam, image, here.xyxy, multimask=False)[0])
    assert weights_digest(sam.model) == digest
    assert not adapter_parameters(sam.model)


def boxes(*xyxy):
    """Found objects of class 0."""
    count = len(xyxy)
    return Detections(np.array(xyxy, np.float32).reshape(-1, 4), np.ones(count, np.float32), np.zeros(count, np.int64))


def test_a_finder_with_masks_of_its_own_needs_nobody_else(image):
    found = replace(boxes([5, 5, 30, 30]), masks=np.ones((1, 50, 90), bool))
    (answer,) = GroundedSam(lambda images, prompts: [found], None, 1, False).predict([image])
    assert answer is found


def test_images_of_many_sizes_are_answered_in_order_and_share_a_pass_only_with_their_own_size(
    grounding_dino, sam, image
):
    """The finder's batch is bounded, no image is padded to another's size, and each gets what it gets alone."""
    images = [image, image[:40], image[::-1].copy(), image[:40, ::-1].copy(), image[:, :60], image]
    batches = DETECTION.model_copy(update={"batch_size": 4})
    together = list(factory(grounding_dino, sam, detection=batches)()(iter(images)))
    assert len(together) == len(images)
    for one, found in zip(images, together, strict=True):
        (alone,) = factory(grounding_dino, sam)()([one])
        assert found.masks.shape[1:] == one.shape[:2]
        np.testing.assert_allclose(found.xyxy, alone.xyxy, atol=1e-3)
        np.testing.assert_allclose(found.scores, alone.scores, atol=1e-5)
        assert (found.masks == alone.masks).mean() > 0.999

    passes = []

    def find(some, prompts):
        passes.append([one.shape for one in some])
        return [boxes() for _ in some]

    assert len(list(GroundedSam(find, None, 4, False).predict(iter(images)))) == 6
    tall, short, narrow = (50, 90, 3), (40, 90, 3), (50, 60, 3)
    assert passes == [[tall, tall], [short, short], [narrow], [tall]]


def test_only_images_with_boxes_are_shown_to_the_outliner_and_masks_of_one_image_are_held():
    images = [np.full((20, 30, 3), number, np.uint8) for number in range(3)]
    answers = {0: boxes([2, 2, 9, 9]), 1: boxes(), 2: boxes([1, 1, 5, 5], [3, 3, 8, 8])}
    shown = []

    def outline(some, prompts):
        shown.append(int(some[0][0, 0, 0]))
        masks = np.ones((len(prompts[0]), 20, 30), bool)
        return [replace(prompts[0], masks=masks, mask_scores=np.full(len(masks), 0.5, np.float32))]

    teacher = GroundedSam(lambda some, prompts: [answers[int(one[0, 0, 0])] for one in some], outline, 3, False)
    found = teacher.predict(images)
    assert len(next(found).masks) == 1
    assert shown == [0]
    assert [len(one.masks) for one in found] == [0, 2]
    assert shown == [0, 2]


def test_the_tight_box_of_a_mask_takes_the_place_of_the_finders_where_asked_for_and_where_there_is_a_mask(image):
    """Scores, classes and order stay; an empty mask leaves the finder's box; given boxes are never changed."""
    found = boxes([5, 5, 30, 30], [40, 10, 80, 45])
    masks = np.zeros((2, 50, 90), bool)
    masks[0, 8:20, 6:25] = True

    def outline(images, prompts):
        return [replace(prompts[0], masks=masks, mask_scores=np.array([0.9, 0.1], np.float32))]

    def find(images, prompts):
        return [found]

    (theirs,) = GroundedSam(find, outline, 1, False).predict([image])
    (tight,) = GroundedSam(find, outline, 1, True).predict([image])
    (given,) = GroundedSam(None, outline, 1, True).predict([image], [found])
    assert np.array_equal(theirs.xyxy, found.xyxy)
    assert tight.xyxy.tolist() == [[6, 8, 25, 20], [40, 10, 80, 45]]
    assert tight.xyxy.dtype == np.float32
    assert np.array_equal(tight.scores, found.scores)
    assert np.array_equal(given.xyxy, found.xyxy)


def test_how_well_the_finders_box_and_the_mask_agree_is_told_whichever_box_stays(image):
    """The tight box would agree with its own mask; an empty mask agrees with nothing."""
    found = boxes([5, 5, 25, 25], [40, 10, 80, 45])
    masks = np.zeros((2, 50, 90), bool)
    masks[0, 5:15, 5:25] = True  # half of its box

    def outline(images, prompts):
        return [replace(prompts[0], masks=masks, mask_scores=np.array([0.9, 0.1], np.float32))]

    for boxes_from_masks in (False, True):
        (answer,) = GroundedSam(lambda images, prompts: [found], outline, 1, boxes_from_masks).predict([image])
        assert answer.box_agreement.dtype == np.float32
        assert answer.box_agreement.tolist() == [0.5, 0]
