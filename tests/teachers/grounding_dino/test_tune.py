import copy
import tracemalloc
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from gsam_edge.augmentation import Description, build
from gsam_edge.coco import Annotations
from gsam_edge.coco.errors import InvalidDatasetError
from gsam_edge.synthetic.workshop import WORKSHOP_WORDS, draw_workshop_scene
from gsam_edge.teachers.config import DetectionConfig
from gsam_edge.teachers.errors import AdapterError, ClassNameError
from gsam_edge.teachers.grounding_dino.config import (
    GroundingDinoLoopConfig,
    GroundingDinoTuningConfig,
    PretrainGroundingDinoConfig,
)
from gsam_edge.teachers.grounding_dino.model import GroundingDino
from gsam_edge.teachers.grounding_dino.pretrain import held_out_ap50, pretrain_grounding_dino
from gsam_edge.teachers.grounding_dino.pretrain_batch import prompt_classes, scene_batch, scene_truth
from gsam_edge.teachers.grounding_dino.prompts import Prompt
from gsam_edge.teachers.grounding_dino.tiny import build_tiny_grounding_dino
from gsam_edge.teachers.grounding_dino.tune import _validation, draw_prompt, tune_grounding_dino
from gsam_edge.teachers.lora.adapter import apply_adapter
from gsam_edge.teachers.lora.config import LoraConfig
from gsam_edge.teachers.lora.layers import weights_digest
from gsam_edge.training.metrics import discard_metric
from gsam_edge.vision import Detections
from support.loops import loop_config
from support.runs import a_run
from support.tiny import GROUNDING_DINO_LOSS, SMALL_WORKSHOP, TINY_GROUNDING_DINO

CPU = torch.device("cpu")
LOOP = loop_config(GroundingDinoLoopConfig, gradient_clip=5, monitor="ap50")
DETECTION = DetectionConfig(score_threshold=0, candidates=1000, nms_iou=0.6, max_detections=20, batch_size=4)
TUNING = GroundingDinoTuningConfig(
    lora=LoraConfig(
        r=4,
        alpha=8,
        dropout=0,
        frozen=(),
        max_share=0.9,
        targets=r"^model\.(encoder|decoder)\.layers\..*(query|value|fc1|fc2)",
    ),
    loss=GROUNDING_DINO_LOSS,
    loop=LOOP,
    augmentation=None,
    detection=DETECTION,
    batch_size=3,
    positive_prompt_probability=0.7,
)


@pytest.fixture(scope="module")
def base():
    return build_tiny_grounding_dino(TINY_GROUNDING_DINO, ["ring", "star"], seed=0)


def dataset(first, count):
    records, objects, images = [], [], {}
    for image_id in range(first, first + count):
        rng = np.random.default_rng(image_id)
        image = rng.integers(0, 60, (48, 64, 3), dtype=np.uint8)
        records.append({"id": image_id, "file_name": f"{image_id}.png", "width": 64, "height": 48})
        for category_id, colour in ((7, 200), (3, 255))[: image_id % 3]:
            x, y = rng.integers(0, 30, 2)
            image[y : y + 15, x : x + 20] = colour
            box = [int(x), int(y), 20, 15]
            objects.append({"id": len(objects) + 1, "image_id": image_id, "category_id": category_id, "bbox": box})
        images[f"{image_id}.png"] = image
    categories = ({"id": 7, "name": "grey tile"}, {"id": 3, "name": "white tile"})
    return Annotations(tuple(records), tuple(objects), categories), images


def tune(base, *, log=discard_metric, config=TUNING, train=None, val=None, augmentation=None):
    (train_set, images), (val_set, more) = dataset(0, 7), dataset(100, 3)
    train_set, val_set = train or train_set, val or val_set
    run = a_run(log=log, seed=1)
    return tune_grounding_dino(base, train_set, val_set, {**images, **more}, config, augmentation=augmentation, run=run)


def test_an_adapter_comes_out_that_changes_the_answer_and_not_the_base(base):
    digest, keys = weights_digest(base.model), set(base.model.state_dict())
    logged = {}
    adapter = tune(base, log=lambda name, value, step: logged.setdefault(name, []).append((step, value)))
    assert (weights_digest(base.model), set(base.model.state_dict())) == (digest, keys)
    assert not adapter.changes_nothing
    assert adapter.config.class_names == ("grey tile", "white tile")
    assert all(np.isfinite(value) for _, value in logged["grounding_dino/train_loss"])
    assert [step for step, _ in logged["grounding_dino/val_ap50"]] == [3, 5]

    image = dataset(0, 3)[1]["2.png"]
    before = base.predict_batch([image], adapter.config.class_names, DETECTION)[0]
    tuned = GroundingDino(apply_adapter(copy.deepcopy(base.model), adapter), base.processor, "tuned")
    after = tuned.predict_batch([image], adapter.config.class_names, DETECTION)[0]
    assert not np.allclose(before.scores[:5], after.scores[:5])


def test_the_same_seed_gives_the_same_adapter(base):
    first, second = tune(base), tune(base)
    assert first.tensors.keys() == second.tensors.keys()
    assert all(torch.equal(tensor, second.tensors[name]) for name, tensor in first.tensors.items())


def test_more_classes_than_one_prompt_holds_can_be_tuned(base):
    short = copy.deepcopy(base)
    short.model.config.max_text_len = 16
    assert len(short.prompts(["grey tile", "white tile"])) == 2
    assert not tune(short).changes_nothing


def objects(*class_ids):
    count = len(class_ids)
    return Detections(np.zeros((count, 4), np.float32), np.ones(count, np.float32), np.array(class_ids, np.int64))


def test_a_picture_is_mostly_asked_for_what_it_holds_and_sometimes_for_anything():
    """300 classes fill 16 prompts: drawn from all, 15 of 16 would name nothing that is in the image."""
    prompts = [Prompt(f"{n}.", (2 * n, 2 * n + 1), ((1,), (2,))) for n in range(16)]
    rng = np.random.default_rng(0)

    def shares(truth, probability, draws=4000):
        drawn = [draw_prompt(rng, prompts, truth, probability) for _ in range(draws)]
        return np.array([sum(one is prompt for one in drawn) for prompt in prompts]) / draws

    held = shares(objects(7, 20, 20), 0.7)
    assert held[[3, 10]] == pytest.approx([0.35 + 0.3 / 16] * 2, abs=0.03)
    assert np.delete(held, [3, 10]) == pytest.approx(0.3 / 16, abs=0.012)
    for uniform in (shares(objects(), 1.0), shares(objects(7), 0.0)):
        assert uniform == pytest.approx(1 / 16, abs=0.02)
    assert shares(objects(7), 1.0)[3] == 1


def test_with_one_prompt_the_draw_changes_nothing(base):
    """All classes are asked for in any case."""
    always = TUNING.model_copy(update={"positive_prompt_probability": 1.0})
    one, two = tune(base), tune(base, config=always)
    assert all(torch.equal(tensor, two.tensors[name]) for name, tensor in one.tensors.items())


def test_annotations_without_objects_are_refused(base):
    empty = dataset(0, 1)[0]
    with pytest.raises(InvalidDatasetError, match="objects in the training images, got none"):
        tune(base, train=empty)


def test_classes_that_the_text_encoder_reads_alike_are_refused_before_training(base):
    train = dataset(0, 7)[0]
    alike = replace(train, categories=({"id": 7, "name": "Grey tile"}, {"id": 3, "name": "GREY TILE"}))
    with pytest.raises(ClassNameError, match="got 'Grey tile' and 'GREY TILE', which are the same tokens"):
        tune(base, log=lambda *_: pytest.fail("it was trained"), train=alike)


def test_targets_that_match_nothing_are_refused(base):
    lora = TUNING.lora.model_copy(update={"targets": "^nothing"})
    with pytest.raises(AdapterError, match="match none"):
        tune(base, config=TUNING.model_copy(update={"lora": lora}))


def with_masks(split):
    """The same objects, each with a mask that fills its box but for a corner, so that their boxes are the same."""

    def outline(x, y, width, height):
        right, bottom = x + width, y + height
        return [[x, y, right, y, right, bottom - 4, right - 4, bottom - 4, right - 4, bottom, x, bottom]]

    objects = tuple({**record, "segmentation": outline(*record["bbox"])} for record in split.objects)
    return replace(split, objects=objects)


def test_boxes_are_learnt_and_validated_without_decoding_a_mask(base, decoded):
    plain = tune(base)
    masked = tune(base, train=with_masks(dataset(0, 7)[0]), val=with_masks(dataset(100, 3)[0]))
    assert decoded == []
    assert all(torch.equal(tensor, plain.tensors[name]) for name, tensor in masked.tensors.items())


def test_a_changed_image_takes_its_boxes_from_the_changed_masks(base, decoded, augmentation_rules):
    turned = build(Description(characteristics=("changes_size",), environment={}, intensity="high"), augmentation_rules)
    tune(base, train=with_masks(dataset(0, 7)[0]), augmentation=turned)
    assert decoded


def test_validation_holds_the_masks_of_no_image():
    """Twenty images of 400 x 400 pixels with five masks each: 16 MB decoded."""
    box, side = [10, 10, 300, 300], {"width": 400, "height": 400}
    shape = [[10, 10, 310, 10, 310, 310, 10, 310]]
    images = tuple({"id": number, "file_name": f"{number}.png", **side} for number in range(20))
    objects = tuple(
        {"id": row, "image_id": row // 5, "category_id": 7, "bbox": box, "segmentation": shape} for row in range(100)
    )
    split = Annotations(images, objects, ({"id": 7, "name": "grey tile"},))
    pixels = np.zeros((400, 400, 3), np.uint8)
    pixels = {image["file_name"]: pixels for image in images}
    truth = Detections(np.array([[10, 10, 310, 310]] * 5, np.float32), np.ones(5, np.float32), np.zeros(5, np.int64))
    oracle = SimpleNamespace(predict_batch=lambda images, names, config: [truth for _ in images])
    tracemalloc.start()
    value = _validation(oracle, split, pixels, DETECTION)(None)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert value == {"ap50": 1, "ap75": 1}
    assert peak < 1e6


def test_an_augmentation_changes_what_is_learnt_the_same_way_for_the_same_seed(base, augmentation_rules):
    words = Description(characteristics=("changes_size",), environment={"lighting": "variable"}, intensity="high")
    plain, one, two = tune(base), *(tune(base, augmentation=build(words, augmentation_rules)) for _ in range(2))
    assert all(torch.equal(tensor, two.tensors[name]) for name, tensor in one.tensors.items())
    assert not all(torch.equal(tensor, plain.tensors[name]) for name, tensor in one.tensors.items())


def test_a_scene_is_asked_for_what_it_holds_and_what_it_does_not():
    detector = build_tiny_grounding_dino(TINY_GROUNDING_DINO, WORKSHOP_WORDS, seed=0)
    scenes = [draw_workshop_scene(np.random.default_rng(seed), SMALL_WORKSHOP) for seed in range(4)]
    batch = scene_batch(detector, scenes, np.random.default_rng(0), 3)
    for scene, labels, tokens in zip(scenes, batch.labels, batch.class_tokens, strict=True):
        assert len(labels) == len(scene.phrases)
        assert len(set(scene.phrases)) <= len(tokens) <= len(set(scene.phrases)) + 3
        names = prompt_classes(np.random.default_rng(1), scene, 3)
        assert [names[class_id] for class_id in scene_truth(scene, names).class_ids] == list(scene.phrases)


@pytest.fixture(scope="module")
def pretraining():
    return PretrainGroundingDinoConfig(
        model=TINY_GROUNDING_DINO,
        loss=GROUNDING_DINO_LOSS,
        epoch_scenes=6,
        loop=LOOP,
        detection=DETECTION,
        smaller_first=None,
        batch_size=2,
        absent_phrases=2,
        held_out_scenes=3,
    )


def test_pretraining_reports_what_it_made(pretraining):
    detector, report = pretrain_grounding_dino(pretraining, SMALL_WORKSHOP, run=a_run())
    assert (report["steps"], report["scenes"], report["held_out_scenes"]) == (6, 12, 3)
    assert report["parameters"] == sum(parameter.numel() for parameter in detector.model.parameters())
    assert report["held_out_ap50"] == round(held_out_ap50(detector, pretraining, SMALL_WORKSHOP, seed=0), 4)
    assert not any(parameter.requires_grad for parameter in detector.model.parameters())


def test_held_out_precision_is_one_for_a_detector_that_knows_the_truth(pretraining, monkeypatch):
    detector = build_tiny_grounding_dino(TINY_GROUNDING_DINO, WORKSHOP_WORDS, seed=0)
    scenes = iter([np.random.default_rng([0, 1, index]) for index in range(3)])

    def oracle(self, images, names, config):
        scene = draw_workshop_scene(next(scenes), SMALL_WORKSHOP)
        assert np.array_equal(images[0], scene.image)
        return [scene_truth(scene, names)]

    monkeypatch.setattr(type(detector), "predict_batch", oracle)
    assert held_out_ap50(detector, pretraining, SMALL_WORKSHOP, seed=0) == 1
