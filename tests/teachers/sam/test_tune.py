import logging

import numpy as np
import pytest
import torch

from gsam_edge.augmentation import AugmentationConfig, Description, Sample, SceneDescription, build
from gsam_edge.coco import Annotations
from gsam_edge.coco.errors import InvalidDatasetError
from gsam_edge.teachers.lora.adapter import apply_adapter
from gsam_edge.teachers.lora.config import LoraConfig
from gsam_edge.teachers.lora.layers import weights_digest
from gsam_edge.teachers.sam.architecture import build_sam
from gsam_edge.teachers.sam.config import SamTuningConfig
from gsam_edge.teachers.sam.model import SamModel
from gsam_edge.teachers.sam.tune import _Embeddings, prompted_objects, tune_sam
from gsam_edge.teachers.table import TeacherChoice
from gsam_edge.teachers.tuning import tune_where_needed
from gsam_edge.training.checkpoints import FolderCheckpoints
from support.runs import a_run, source_of
from support.sam_training import LOOP, LOSS, Recorder
from support.tiny import TINY_SAM

CPU = torch.device("cpu")
TUNING = SamTuningConfig(
    lora=LoraConfig(r=2, alpha=4, dropout=0.1, targets=r"^mask_decoder\.transformer\..*(_proj|lin\d)$"),
    loop=LOOP,
    loss=LOSS,
    augmentation=None,
    box_jitter=0.04,
    batch_size=2,
    objects_per_image=2,
    embedding_cache_mb=1,
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


def tune(base, images, config=TUNING, log=None, train=None, augmentation=None):
    return tune_sam(
        base,
        squares(range(3)) if train is None else train,
        squares(range(3, 5)),
        images,
        config,
        augmentation=augmentation,
        run=a_run(log=log or Recorder(), seed=5),
    )


def test_tuning_gives_an_adapter_and_leaves_the_base(base, images):
    digest, log = weights_digest(base.model), Recorder()
    adapter = tune(base, images, log=log)
    assert weights_digest(base.model) == digest == adapter.config.base_digest
    assert not any(parameter.requires_grad for parameter in base.model.parameters())
    assert (adapter.config.kind, adapter.config.class_names) == ("sam", ("box",))
    assert all(name.startswith("mask_decoder.transformer.") for name in adapter.tensors)
    assert len(log.values["sam/train_loss"]) == 4
    assert len(log.values["sam/val_score"]) == 2

    before = base.predict(images["0.jpg"], np.array([[8, 8, 28, 28]], np.float32))[1]
    apply_adapter(base.model, adapter)
    assert not np.array_equal(base.predict(images["0.jpg"], np.array([[8, 8, 28, 28]], np.float32))[1], before)


def test_the_same_seed_gives_the_same_adapter(base, images):
    one, two = tune(base, images), tune(base, images)
    assert all(torch.equal(tensor, two.tensors[name]) for name, tensor in one.tensors.items())


def test_each_image_is_embedded_once_while_the_cache_lasts(base, images, caplog):
    cached = tune(base, images)
    assert images.reads == 5
    with caplog.at_level(logging.INFO):
        anew = tune(base, images, TUNING.model_copy(update={"embedding_cache_mb": 0}))
    assert images.reads > 10
    assert "full with 0 embeddings" in caplog.text
    assert all(torch.equal(tensor, anew.tensors[name]) for name, tensor in cached.tensors.items())


class FarTensor(torch.Tensor):
    """Stands for a tensor on a GPU: only what was copied to the CPU is a plain one."""

    def cpu(self):
        return self.as_subclass(torch.Tensor)


def test_kept_embeddings_lie_on_the_cpu(base, images):
    """A GPU has better uses for 8 GB."""

    class FarSam(SamModel):
        def embed(self, image):
            embedded = super().embed(image)
            return embedded._replace(features=embedded.features.as_subclass(FarTensor))

    embeddings = _Embeddings(FarSam(base.model, base.architecture, base.name), images, 1)
    fresh = embeddings["0.jpg"].features
    (kept,) = embeddings._kept.values()
    assert (type(kept.features), kept.features.dtype) == (torch.Tensor, torch.float16)
    assert torch.equal(embeddings["0.jpg"].features, fresh.as_subclass(torch.Tensor))


def test_an_adapted_image_encoder_learns_and_is_never_read_from_the_cache(base, images):
    lora = TUNING.lora.model_copy(update={"targets": r"^(image_encoder\.blocks\..*|mask_decoder\..*_proj)$"})
    adapter = tune(base, images, TUNING.model_copy(update={"lora": lora}))
    assert images.reads > 10
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
    monkeypatch.setattr("gsam_edge.teachers.sam.tune.tune_sam", lambda *_, **options: asked.append(options))

    def tune_as_pipeline(config, rules=augmentation_rules, train=None):
        data = (train or squares(range(3)), squares(range(3, 5)), images)
        run = a_run(log=Recorder(), checkpoints=FolderCheckpoints(tmp_path), seed=5)
        return tune_where_needed("sam", source_of(base), *data, config, choice, scene, rules, run=run)

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
    plain, first, again, changed = asked
    assert plain["augmentation"] is None
    assert changed["augmentation"] != first["augmentation"]
    assert first["augmentation"] == build(words, augmentation_rules)
    states = [options["run"].checkpoints.path for options in asked]
    assert first["run"].checkpoints == again["run"].checkpoints
    assert len(set(states)) == 3

    boxes_only = squares(range(2)).to_coco()
    for record in boxes_only["annotations"]:
        del record["segmentation"]
    answer = tune_as_pipeline(described, train=Annotations.from_coco(boxes_only))
    assert answer["status"] == "not needed"
    assert len(asked) == 4


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
