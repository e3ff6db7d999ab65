from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from gsam_edge.coco.errors import InvalidDatasetError
from gsam_edge.teachers.errors import AdapterError
from gsam_edge.teachers.family import Setting, TuningData
from gsam_edge.teachers.features import MemoryFeatures
from gsam_edge.teachers.lora.adapter import adapted
from gsam_edge.teachers.lora.files import adapter_files, read_adapter
from gsam_edge.teachers.lora.layers import adapter_parameters, add_lora, weights_digest
from gsam_edge.teachers.sam3.batch import objects_of
from gsam_edge.teachers.sam3.loss import sam3_losses
from gsam_edge.teachers.sam3.model import Sam3, load_sam3
from gsam_edge.teachers.sam3.network import answers, pyramid
from gsam_edge.teachers.sam3.tune import tune_sam3
from gsam_edge.teachers.table import TEACHERS
from gsam_edge.training.checkpoints import FolderCheckpoints
from support.runs import a_run
from support.sam3 import DETECTION, TUNING, tiny_sam3
from support.sam_training import Recorder
from support.shapes import NAMES, shape_annotations, shape_images
from support.tuning import tuning_config

IMAGES = shape_images()


def data_of(*, masks, train=None):
    train = train or shape_annotations(range(4), masks=masks)
    return TuningData(train, shape_annotations(range(2), masks=masks), IMAGES, None, masks, MemoryFeatures())


def found(base, adapter, *, masks):
    setting = Setting(NAMES, DETECTION, "cpu", own_masks=masks, keep_base=True, features=None)
    return list(TEACHERS["sam3"].predictor(base, adapter, setting)([IMAGES["0.png"], IMAGES["1.png"]], None))


@pytest.mark.parametrize("masks", [True, False])
def test_a_tuned_adapter_is_saved_and_answers_the_same_on_the_base_loaded_anew(tmp_path, masks):
    tiny_sam3().save(tmp_path / "base")
    base, log = load_sam3(str(tmp_path / "base")), Recorder()
    digest = weights_digest(base.model)
    adapter = TEACHERS["sam3"].tune(base, data_of(masks=masks), TUNING, a_run(log=log))
    assert weights_digest(base.model) == digest == adapter.config.base_digest
    assert not adapter_parameters(base.model)
    assert (adapter.config.kind, adapter.config.class_names) == ("sam3", NAMES)
    assert any(name.startswith("mask_decoder.") for name in adapter.tensors) == masks
    assert ("sam3/val_mask_map50" in log.values) == ("sam3/mask_loss" in log.values) == masks
    assert len(log.values["sam3/val_ap50"]) == 1
    before, tuned = found(base, None, masks=masks), found(base, adapter, masks=masks)
    again = found(load_sam3(str(tmp_path / "base")), read_adapter(adapter_files(adapter)), masks=masks)
    for one, two in zip(tuned, again, strict=True):
        for field in ("xyxy", "scores", "class_ids", *(["masks"] if masks else [])):
            assert np.array_equal(getattr(one, field), getattr(two, field)), field
    assert not np.array_equal(before[0].scores, tuned[0].scores)


def test_an_image_is_encoded_once_whatever_the_number_of_steps_and_classes(monkeypatch):
    shown: list[int] = []
    embed = Sam3.embed
    monkeypatch.setattr(Sam3, "embed", lambda self, images: shown.append(len(images)) or embed(self, images))
    loop = TUNING.loop.model_copy(update={"epochs": 4, "min_steps": 0})
    tune_sam3(tiny_sam3(), data_of(masks=True), TUNING.model_copy(update={"loop": loop}), a_run())
    assert sum(shown) == len(IMAGES)


def test_labelling_takes_the_features_that_tuning_kept(monkeypatch):
    shown: list[int] = []
    embed = Sam3.embed
    monkeypatch.setattr(Sam3, "embed", lambda self, images: shown.append(len(images)) or embed(self, images))
    base, data = tiny_sam3(), data_of(masks=True)
    adapter = tune_sam3(base, data, TUNING, a_run())
    setting = Setting(NAMES, DETECTION, "cpu", own_masks=True, keep_base=True, features=data.features)
    list(TEACHERS["sam3"].predictor(base, adapter, setting)(list(IMAGES.values()), None))
    assert sum(shown) == len(IMAGES)


def test_every_adapter_of_what_draws_masks_learns_too():
    """Without masks `lora/test_gradients.py` looks at every environment; here is what masks add."""
    sam3, lora = tiny_sam3(), tuning_config("sam3", "base").lora
    add_lora(sam3.model, lora.model_copy(update={"dropout": 0, "max_share": 0.9}), seed=0).train()
    for name, matrix in adapter_parameters(sam3.model).items():
        if ".lora_B." in name:  # at zero, as they start, they would keep the gradient from A
            nn.init.normal_(matrix, std=0.02)
    truth = shape_annotations(range(4)).truth(0)
    wanted = [objects_of(truth, class_id, (60, 80), sam3.mask_size) for class_id in (0, 2)]
    images = pyramid(sam3.model, sam3.embed([IMAGES["0.png"]])["tokens"]).repeated(2)
    texts = sam3.texts(NAMES).select(torch.tensor([0, 2]))
    losses = sam3_losses(sam3.model, images, texts, wanted, TUNING.loss)
    torch.stack(list(losses.values())).sum().backward()
    adapters = adapter_parameters(sam3.model)
    assert len(adapters) == 2 * (2 * (8 + 2) + 2 * (12 + 2) + 4 + 3 + 1)
    assert [name for name, matrix in adapters.items() if matrix.grad is None or not matrix.grad.any()] == []


def test_an_interrupted_tuning_ends_in_the_same_adapter(tmp_path):
    loop = TUNING.loop.model_copy(update={"epochs": 2, "checkpoint_every": 1})
    config = TUNING.model_copy(update={"loop": loop, "lora": TUNING.lora.model_copy(update={"dropout": 0.1})})
    whole = tune_sam3(tiny_sam3(), data_of(masks=True), config, a_run(seed=3))

    class StopError(Exception):
        pass

    def stopping(name, value, step):
        if step == 3:
            raise StopError

    run = a_run(log=stopping, checkpoints=FolderCheckpoints(tmp_path, keep=2), seed=3)
    with pytest.raises(StopError):
        tune_sam3(tiny_sam3(), data_of(masks=True), config, run)
    continued = tune_sam3(
        tiny_sam3(), data_of(masks=True), config, a_run(checkpoints=FolderCheckpoints(tmp_path, keep=2), seed=3)
    )
    assert all(torch.equal(tensor, continued.tensors[name]) for name, tensor in whole.tensors.items())


def losses_while_tuning(**changes):
    """The losses of 40 steps on one image, from random weights."""
    loop = TUNING.loop.model_copy(update={"epochs": 1, "min_steps": 40, "learning_rate": 2e-2})
    lora, log = TUNING.lora.model_copy(update={"r": 8, "alpha": 16}), Recorder()
    config = TUNING.model_copy(update={"loop": loop, "lora": lora, "batch_size": 1, **changes})
    tune_sam3(tiny_sam3(), data_of(masks=True, train=shape_annotations(range(1))), config, a_run(log=log))
    return {name.removeprefix("sam3/"): values for name, values in log.values.items()}


def test_tuning_learns_the_objects_it_is_shown():
    found = losses_while_tuning(classes_per_image=2, absent_probability=0)
    for name in ("class_loss", "l1_loss", "giou_loss", "mask_loss", "dice_loss"):
        assert np.mean(found[name][-5:]) < 0.85 * np.mean(found[name][:5]), name


def test_tuning_learns_which_class_an_image_holds():
    """Two images, each with one of two classes; the untuned model says the same of all four questions."""
    base, train = tiny_sam3(), shape_annotations(range(1, 3), masks=False)
    loop = TUNING.loop.model_copy(update={"min_steps": 40})
    lora = TUNING.lora.model_copy(update={"r": 8, "alpha": 16})
    config = TUNING.model_copy(update={"loop": loop, "lora": lora, "classes_per_image": 3})
    data = TuningData(train, train, IMAGES, None, False, MemoryFeatures())
    adapter = tune_sam3(base, data, config, a_run())

    def presence(model):
        tuned = replace(base, model=model)
        with torch.no_grad():
            images = pyramid(model, tuned.embed([IMAGES["1.png"], IMAGES["2.png"]])["tokens"])
            texts = tuned.texts(NAMES)
            asked = answers(model, images.select(torch.tensor([0, 0, 1, 1])), texts.select(torch.tensor([0, 1, 0, 1])))
        return asked.presence.sigmoid()  # layer; ring and star in an image with stars, in one with rings

    holds = torch.tensor([False, True, True, False])
    untuned, tuned = presence(base.model), presence(adapted(base.model, adapter, device="cpu", keep_base=True))
    assert (untuned[:, holds].min() - untuned[:, ~holds].max()) < 0
    assert tuned[:, holds].min() > 0.8, tuned
    assert tuned[:, ~holds].max() < 0.2, tuned


def test_absent_classes_alone_teach_nothing_but_the_presence():
    found = losses_while_tuning(classes_per_image=1, absent_probability=1)
    assert set(found["class_loss"]) == {0.0}
    assert found["presence_loss"][-1] < 0.1 * found["presence_loss"][0]


@pytest.mark.parametrize("part", ["text_encoder", "geometry_encoder", "text_projection"])
def test_layers_that_learn_nothing_are_refused(part):
    lora = TUNING.lora.model_copy(update={"targets": rf"^(detr_encoder|{part})(\..*)?$"})
    with pytest.raises(AdapterError, match=rf"expected layers that the loss reaches, got .*{part}"):
        tune_sam3(tiny_sam3(), data_of(masks=True), TUNING.model_copy(update={"lora": lora}), a_run())


def test_a_split_without_objects_is_refused():
    with pytest.raises(InvalidDatasetError, match="expected objects in the training images, got none"):
        tune_sam3(tiny_sam3(), data_of(masks=True, train=shape_annotations(range(3, 4))), TUNING, a_run())


def test_it_is_needed_where_there_is_anything_to_find():
    family = TEACHERS["sam3"]
    assert family.need(shape_annotations(range(3), boxes=False)).needed
    assert family.need(shape_annotations(range(3), masks=False)).needed
    assert not family.need(shape_annotations(range(3), boxes=False, masks=False)).needed


def test_another_preparation_of_images_makes_another_base():
    other = tiny_sam3()
    other.processor.image_processor.image_mean = [0, 0, 0]
    assert len({TEACHERS["sam3"].base_digest(each) for each in (tiny_sam3(), tiny_sam3(), other)}) == 2
