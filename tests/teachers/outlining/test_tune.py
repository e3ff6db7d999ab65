import copy
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from gsam_edge.augmentation import AugmentationConfig, Description, Sample, SceneDescription, build
from gsam_edge.coco import Annotations
from gsam_edge.coco.errors import InvalidDatasetError
from gsam_edge.teachers.config import DetectionConfig
from gsam_edge.teachers.family import Setting, TuningData
from gsam_edge.teachers.features import MemoryFeatures
from gsam_edge.teachers.lora.adapter import apply_adapter, merged
from gsam_edge.teachers.lora.config import LoraConfig
from gsam_edge.teachers.lora.files import adapter_files, read_adapter
from gsam_edge.teachers.lora.layers import weights_digest
from gsam_edge.teachers.outlining.calibration import OutlinerFacts
from gsam_edge.teachers.outlining.config import OutliningConfig
from gsam_edge.teachers.outlining.features import ImageFeatures, Shown
from gsam_edge.teachers.outlining.model import predict_image
from gsam_edge.teachers.outlining.prompts import jitter_boxes, prompted_objects
from gsam_edge.teachers.outlining.tune import tune_outliner
from gsam_edge.teachers.sam.architecture import build_sam
from gsam_edge.teachers.sam.model import SamModel
from gsam_edge.teachers.table import TEACHERS, TeacherChoice
from gsam_edge.teachers.tuning import tune_where_needed
from gsam_edge.training.checkpoints import FolderCheckpoints
from gsam_edge.vision import Detections
from gsam_edge.vision.masks import paired_iou
from support.runs import a_run, source_of
from support.sam_training import LOOP, LOSS, Recorder
from support.tiny import TINY_SAM

BOX = np.array([[8, 8, 28, 28]], np.float32)
TUNING = OutliningConfig(
    lora=LoraConfig(
        r=2, alpha=4, dropout=0.1, frozen=(), max_share=0.9, targets=r"^mask_decoder\.transformer\..*(_proj|lin\d)$"
    ),
    loop=LOOP,
    loss=LOSS,
    augmentation=None,
    views=None,
    box_jitter=0.04,
    batch_size=2,
    objects_per_image=2,
    multimask=False,
)


class CountingImages(dict):
    """Images that count how often they are read."""

    reads = 0

    def __getitem__(self, name):
        self.reads += 1
        return super().__getitem__(name)


def squares(image_ids: range) -> Annotations:
    records = []
    for image_id in image_ids:
        side = 20 + image_id
        polygon = [8, 8, 8 + side, 8, 8 + side, 8 + side, 8, 8 + side]
        record = {"id": image_id, "image_id": image_id, "category_id": 7, "bbox": [8, 8, side, side], "iscrowd": 0}
        records.append({**record, "segmentation": [polygon]})
    images = [{"id": i, "file_name": f"{i}.jpg", "width": 80, "height": 60} for i in image_ids]
    return Annotations.from_coco({"images": images, "annotations": records, "categories": [{"id": 7, "name": "box"}]})


@pytest.fixture
def images() -> CountingImages:
    rng = np.random.default_rng(0)
    return CountingImages({f"{i}.jpg": rng.integers(0, 256, (60, 80, 3), np.uint8) for i in range(5)})


@pytest.fixture
def base() -> SamModel:
    torch.manual_seed(0)
    return SamModel(build_sam(TINY_SAM).requires_grad_(False), TINY_SAM, "random")


def tune(base, images, config=TUNING, log=None, train=None, augmentation=None, features=None):
    data = TuningData(
        train or squares(range(3)), squares(range(3, 5)), images, augmentation, False, features or MemoryFeatures()
    )
    return tune_outliner(base, data, config, name="sam", run=a_run(log=log or Recorder(), seed=5))


def test_tuning_gives_an_adapter_and_leaves_the_base(base, images):
    digest, log = weights_digest(base.model), Recorder()
    adapter = tune(base, images, log=log)
    assert weights_digest(base.model) == digest == adapter.config.base_digest
    assert not any(parameter.requires_grad for parameter in base.model.parameters())
    assert (adapter.config.kind, adapter.config.class_names) == ("sam", ("box",))
    assert all(name.startswith("mask_decoder.transformer.") for name in adapter.tensors)
    assert len(log.values["sam/train_loss"]) == 4
    assert len(log.values["sam/val_mean_iou"]) == 2

    before = predict_image(base, images["0.jpg"], BOX, multimask=False)[1]
    apply_adapter(base.model, adapter)
    assert not np.array_equal(predict_image(base, images["0.jpg"], BOX, multimask=False)[1], before)


def test_the_same_seed_gives_the_same_adapter(base, images):
    one, two = tune(base, images), tune(base, images)
    assert all(torch.equal(tensor, two.tensors[name]) for name, tensor in one.tensors.items())


@pytest.fixture
def passes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Grows by the number of images with every pass through an image encoder."""
    counts: list[int] = []
    embed = SamModel.embed
    monkeypatch.setattr(SamModel, "embed", lambda self, images: counts.append(len(images)) or embed(self, images))
    return counts


class ForgetfulFeatures:
    """A store without room."""

    def get(self, key):
        return None

    def put(self, key, tensors):
        assert all(tensor.dtype == torch.float16 for tensor in tensors.values())


def test_a_frozen_encoder_sees_each_image_once_in_all_runs_that_share_a_store(base, images, passes):
    store = MemoryFeatures()
    first = tune(base, images, features=store)
    assert passes == [1] * 5
    assert images.reads == 5
    again = tune(base, images, TUNING.model_copy(update={"box_jitter": 0.2}), features=store)
    assert passes == [1] * 5
    assert not all(torch.equal(tensor, again.tensors[name]) for name, tensor in first.tensors.items())


def test_a_store_that_keeps_nothing_changes_nothing_but_the_time(base, images, passes):
    kept = tune(base, images)
    anew = tune(base, images, features=ForgetfulFeatures())
    assert sum(passes) == 5 + 4 * 2 + (2 + 1) * 2  # images of steps, validations and the calibration
    assert all(torch.equal(tensor, anew.tensors[name]) for name, tensor in kept.tensors.items())


def test_features_are_kept_by_what_is_seen_and_by_what_sees_it(base, images, passes):
    """Equal pixels under another name are the same image; another encoder, other sizes or other pixels are not."""
    store = MemoryFeatures()

    def embedded(model, image, name="a.jpg"):
        return ImageFeatures(model, store).batch([Shown((name, None), lambda: image)])["image"]

    other = SamModel(build_sam(TINY_SAM).requires_grad_(False), TINY_SAM, "other")
    first = embedded(base, images["0.jpg"])
    assert torch.equal(embedded(base, images["0.jpg"].copy(), "b.jpg"), first)
    assert len(passes) == 1
    sizes = TINY_SAM.model_copy(update={"encoder_heads": 4})  # of the same weights
    regrouped = SamModel(build_sam(sizes).requires_grad_(False), sizes, "regrouped")
    regrouped.model.load_state_dict(base.model.state_dict())
    for model, name in ((other, "0.jpg"), (regrouped, "0.jpg"), (base, "1.jpg")):
        assert not torch.equal(embedded(model, images[name]), first)
    assert len(passes) == 4
    assert first.dtype == torch.float32
    torch.testing.assert_close(first, base.embed([images["0.jpg"]])["image"], atol=2e-3, rtol=2e-3)


def test_what_is_kept_does_not_depend_on_the_precision_of_the_training(base, images):
    store = MemoryFeatures()
    shown = [Shown(("a.jpg", None), lambda: images["0.jpg"])]
    with torch.autocast("cpu", torch.bfloat16):
        half = ImageFeatures(base, store).batch(shown)["image"]
    assert torch.equal(ImageFeatures(base, MemoryFeatures()).batch(shown)["image"], half)


def test_chosen_views_are_shown_in_turn_and_embedded_once(base, images, passes, augmentation_rules):
    words = Description(characteristics=("changes_size",), environment={"lighting": "variable"}, intensity="high")
    augmentation = build(words, augmentation_rules)
    loop = LOOP.model_copy(update={"epochs": 6, "validate_every": 6, "min_steps": 12})
    config = TUNING.model_copy(update={"views": 2, "loop": loop})
    tuned, same = (tune(base, images, config, augmentation=augmentation) for _ in range(2))
    assert passes == [1] * 2 * (3 * 2 + 2)
    assert all(torch.equal(tensor, same.tensors[name]) for name, tensor in tuned.tensors.items())
    anew = tune(base, images, config.model_copy(update={"views": None}), augmentation=augmentation)
    assert sum(passes[2 * 8 :]) == 12 * 2 + 2
    assert not all(torch.equal(tensor, anew.tensors[name]) for name, tensor in tuned.tensors.items())


def test_an_adapted_image_encoder_learns_and_never_reads_or_fills_the_store(base, images):
    lora = TUNING.lora.model_copy(update={"targets": r"^(image_encoder\.blocks\..*|mask_decoder\..*_proj)$"})
    store = MemoryFeatures()
    adapter = tune(base, images, TUNING.model_copy(update={"lora": lora}), features=store)
    assert images.reads > 10
    assert not store._kept
    encoder_b = [v for k, v in adapter.tensors.items() if k.startswith("image_encoder.") and k.endswith(".lora_B")]
    assert len(encoder_b) == 4
    assert all(tensor.abs().sum() > 0 for tensor in encoder_b)


@pytest.mark.parametrize("targets", [TUNING.lora.targets, r"^(image_encoder\.blocks\..*|mask_decoder\..*_proj)$"])
def test_an_augmentation_changes_what_is_learnt_the_same_way_for_the_same_seed(
    base, images, targets, augmentation_rules
):
    words = Description(characteristics=("changes_size",), environment={"lighting": "variable"}, intensity="high")
    augmentation = build(words, augmentation_rules)
    config = TUNING.model_copy(update={"lora": TUNING.lora.model_copy(update={"targets": targets})})
    plain, one, two = (tune(base, images, config, augmentation=a) for a in (None, augmentation, augmentation))
    assert all(torch.equal(tensor, two.tensors[name]) for name, tensor in one.tensors.items())
    assert not all(torch.equal(tensor, plain.tensors[name]) for name, tensor in one.tensors.items())


def test_an_image_that_augmentation_leaves_without_objects_is_taken_as_it_was(base, images):
    def emptied(sample, *, seed):
        return Sample(np.zeros_like(sample.image), sample.objects.select(np.zeros(0, np.int64)))

    plain, same = tune(base, images), tune(base, images, augmentation=emptied)
    for name, tensor in plain.tensors.items():
        torch.testing.assert_close(same.tensors[name], tensor, rtol=0, atol=1e-3)


def test_the_pipelines_tuning_augments_as_described_and_tells_states_apart(
    base, images, augmentation_rules, tmp_path, monkeypatch
):
    words = Description(characteristics=("changes_size",), environment={}, intensity="high")
    scene = SceneDescription(characteristics=("changes_size",), environment={"camera": "shaky"})
    seen = AugmentationConfig(intensity="high", leave_out=("camera",))
    described = TUNING.model_copy(update={"augmentation": seen})
    asked, choice = [], TeacherChoice(finder="grounding_dino", outliner="sam")
    monkeypatch.setattr(
        "gsam_edge.teachers.outlining.tune.tune_outliner", lambda _, data, *__, run, **___: asked.append((data, run))
    )

    def tune_as_pipeline(config, rules=augmentation_rules, train=None):
        data = (train or squares(range(3)), squares(range(3, 5)), images)
        run = a_run(log=Recorder(), checkpoints=FolderCheckpoints(tmp_path, keep=2), seed=5)
        features = MemoryFeatures()
        return tune_where_needed(
            "sam", source_of(base), *data, config, choice, scene, rules, features=features, run=run
        )

    reworded = augmentation_rules.characteristics["changes_size"].model_copy(update={"meaning": "in other words"})
    same = augmentation_rules.model_copy(update={"characteristics": {"changes_size": reworded}})
    other = augmentation_rules.model_copy(
        update={"image": augmentation_rules.image.model_copy(update={"min_visible": 0.5})}
    )
    for config, rules in (
        (TUNING, augmentation_rules),
        *((described, rules) for rules in (augmentation_rules, same, other)),
    ):
        tune_as_pipeline(config, rules)
    plain, first, again, changed = (data.augmentation for data, _ in asked)
    assert plain is None
    assert changed != first
    assert first == again == build(words, augmentation_rules)
    states = [run.checkpoints.folder for _, run in asked]
    assert states[1] == states[2]
    assert len(set(states)) == 3

    boxes_only = squares(range(2)).to_coco()
    for record in boxes_only["annotations"]:
        del record["segmentation"]
    answer = tune_as_pipeline(described, train=Annotations.from_coco(boxes_only))
    assert answer["status"] == "not needed"
    assert len(asked) == 4


def test_one_process_and_two_share_a_state_where_as_many_images_make_a_step(
    base, images, augmentation_rules, tmp_path, monkeypatch
):
    scene = SceneDescription(characteristics=(), environment={})
    choice = TeacherChoice(finder="grounding_dino", outliner="sam")
    monkeypatch.setattr("gsam_edge.teachers.outlining.tune.tune_outliner", lambda *_, run, **__: run.checkpoints.folder)

    def state(accumulate: int, count: int) -> Path:
        monkeypatch.setattr("gsam_edge.teachers.tuning.processes", lambda _: SimpleNamespace(num_processes=count))
        config = TUNING.model_copy(update={"loop": TUNING.loop.model_copy(update={"accumulate": accumulate})})
        run = a_run(checkpoints=FolderCheckpoints(tmp_path, keep=2))
        return tune_where_needed(
            "sam", source_of(base), squares(range(3)), squares(range(3, 5)), images, config, choice, scene,
            augmentation_rules, features=MemoryFeatures(), run=run,
        )  # fmt: skip

    assert state(accumulate=2, count=1) == state(accumulate=1, count=2)
    assert state(accumulate=1, count=1) != state(accumulate=1, count=2)


def test_data_without_masks_cannot_tune(base, images):
    content = squares(range(2)).to_coco()
    for record in content["annotations"]:
        del record["segmentation"]
    with pytest.raises(InvalidDatasetError, match="got none in 2 images"):
        tune(base, images, train=Annotations.from_coco(content))


def test_objects_without_mask_or_box_and_crowds_are_not_prompted():
    content = squares(range(1)).to_coco()
    whole = content["annotations"][0]
    content["annotations"] += [
        {**whole, "id": 2, "segmentation": []},
        {**whole, "id": 3, "bbox": [1, 1, 0, 5]},
        {**whole, "id": 4, "iscrowd": 1},
    ]
    objects = prompted_objects(Annotations.from_coco(content), 0)
    assert objects.unmasked.xyxy.tolist() == [[8, 8, 28, 28]]
    assert objects.mask_areas.tolist() == [400]


def answered(base, adapter, image, features=None) -> Detections:
    prompt = Detections(BOX, np.ones(1, np.float32), np.zeros(1, np.int64))
    detection = DetectionConfig(score_threshold=0, candidates=1, nms_iou=1, max_detections=1, batch_size=1)
    setting = Setting(("box",), detection, "cpu", own_masks=False, keep_base=True, features=features)
    (found,) = TEACHERS["sam"].predictor(base, adapter, setting)([image], [prompt])
    return found


@pytest.mark.parametrize("multimask", [False, True])
def test_the_predictor_asks_as_it_was_tuned_and_tells_the_calibrated_iou(base, images, multimask):
    adapter = tune(base, images, TUNING.model_copy(update={"multimask": multimask}))
    facts = OutlinerFacts.model_validate(read_adapter(adapter_files(adapter)).config.facts)
    assert facts.multimask is multimask
    tuned = replace(base, model=merged(copy.deepcopy(base.model), adapter))
    masks, iou = predict_image(tuned, images["0.jpg"], BOX, multimask=multimask)
    answer = answered(base, adapter, images["0.jpg"])
    assert np.array_equal(answer.masks, masks)
    assert np.array_equal(answer.mask_scores, facts.iou.calibrated(iou))
    untuned = predict_image(base, images["0.jpg"], BOX, multimask=multimask)[1]
    assert np.array_equal(answered(base, adapter.untuned, images["0.jpg"]).mask_scores, untuned.clip(0, 1))


def test_labelling_takes_the_features_that_tuning_left(base, images, passes):
    store = MemoryFeatures()
    adapter = tune(base, images, features=store)
    seen = len(passes)
    kept = answered(base, adapter, images["0.jpg"], store)
    assert len(passes) == seen
    anew = answered(base, adapter, images["0.jpg"])
    assert np.mean(kept.masks != anew.masks) < 0.01
    np.testing.assert_allclose(kept.mask_scores, anew.mask_scores, atol=1e-2)


def test_the_calibration_is_that_of_jittered_boxes_of_the_validation(base, images):
    """The random SAM estimates at random; calibrated, it says what its masks are worth on average."""
    adapter = tune(base, images)
    facts = OutlinerFacts.model_validate(adapter.config.facts)
    tuned = replace(base, model=apply_adapter(copy.deepcopy(base.model), adapter))
    said, actual, rng = [], [], np.random.default_rng(0)
    for image_id in (3, 4):
        truth = prompted_objects(squares(range(3, 5)), image_id).unpack()
        boxes = jitter_boxes(rng, truth.xyxy, TUNING.box_jitter, (60, 80))
        masks, iou = predict_image(tuned, images[f"{image_id}.jpg"], boxes, multimask=False)
        said.extend(iou.tolist())
        actual.extend(paired_iou(masks, truth.masks).tolist())
    assert facts.iou.slope == 1
    assert facts.iou.intercept == pytest.approx(np.mean(actual) - np.mean(said), abs=2e-3)
