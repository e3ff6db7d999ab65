"""A training with the losses of plain images, end to end: logged, resumable, and off without weights."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch

from gsam_edge.distill.losses import LOSSES
from gsam_edge.students.choice import StudentChoice
from gsam_edge.students.table import family_of
from gsam_edge.students.ultralytics.training.trainer import MemoryTraining
from gsam_edge.training.checkpoints import FolderCheckpoints
from support.plain import CONFIG
from support.runs import a_run

CELLS = 84
ALL = {name: (1.0, partial(one.compute, config=CONFIG)) for name, one in LOSSES.items()}


class KilledError(RuntimeError):
    pass


class Maps:
    """A teacher that says the same of an image whenever it is asked."""

    plain_share = 0.5

    def __init__(self) -> None:
        self.asked: list[str] = []

    def of(self, name: str, xyxy: np.ndarray) -> dict[str, torch.Tensor]:
        """Random maps that follow from the name."""
        self.asked.append(name)
        drawn = torch.Generator().manual_seed(int(name.split(".", maxsplit=1)[0]))
        there = torch.rand(CELLS, 2, generator=drawn)
        return {
            "scores": torch.rand(CELLS, 2, generator=drawn),
            "boxes": torch.cat([0.5 * there, 0.5 + 0.5 * there], 1),
            "features": torch.randn(CELLS, 6, generator=drawn),
            "mask_logits": 4 * torch.randn(len(xyxy), 16, 16, generator=drawn),
        }


def train(images, student, training, *, architecture="yolov8-seg", losses=ALL, **run):
    return family_of(architecture).train(
        images, StudentChoice(architecture, student, "a test"), training,
        losses=losses, pseudo_weight=1.0, initial=None, validate=None, run=a_run(**{"seed": 3} | run),
    )  # fmt: skip


@pytest.fixture
def images(make_images):
    """Four images with the truth, four with labels of a machine, and what the teacher knows of all."""
    made = make_images(8, masks=True)
    return replace(made, pseudo=frozenset(list(made.labels)[4:]), maps=Maps())


def test_each_loss_is_logged_by_its_name_and_the_projector_is_not_shipped(images, student_config, training_config):
    logged = {}
    trained = train(
        images, student_config, training_config, log=lambda name, value, step: logged.setdefault(name, []).append(value)
    )
    for name in LOSSES:
        values = logged[f"student/train_{name}_loss"]
        assert np.isfinite(values).all()
        assert values[0] > 0
    assert logged["student/train_feature_loss"][-1] < logged["student/train_feature_loss"][0]
    plain = train(replace(images, maps=None), student_config, training_config, losses={})
    assert trained.weights.tensors.keys() == plain.weights.tensors.keys()
    assert any(not torch.equal(a, plain.weights.tensors[name]) for name, a in trained.weights.tensors.items())


@pytest.mark.parametrize("architecture", ["yolov8-seg", pytest.param("yolov10", marks=pytest.mark.slow), "yolo26-seg"])
def test_a_killed_training_continues_to_the_same_weights(
    images, student_config, training_config, tmp_path, monkeypatch, architecture
):
    """The projector, its optimiser state, the anchors that are drawn at random and the shares of two branches too."""
    losses = {name: one for name, one in ALL.items() if name != "segmentation" or "seg" in architecture}

    def run(folder):
        store = FolderCheckpoints(tmp_path / folder, keep=2)
        return train(
            images, student_config, training_config, architecture=architecture, losses=losses, checkpoints=store
        )

    whole = run("whole")
    assert {f"{kind}_box_loss" for kind in ("train", "pseudo")} <= whole.history[0].keys()
    save = MemoryTraining.save_model

    def save_and_die(self):
        save(self)
        raise KilledError

    monkeypatch.setattr(MemoryTraining, "save_model", save_and_die)
    with pytest.raises(KilledError):
        run("killed")
    monkeypatch.setattr(MemoryTraining, "save_model", save)
    resumed = run("killed")
    assert all(torch.equal(tensor, whole.weights.tensors[name]) for name, tensor in resumed.weights.tensors.items())
    assert resumed.history == whole.history


def test_without_losses_no_map_is_asked_for_and_no_image_is_plain(images, student_config, training_config, monkeypatch):
    shown = []
    steps = MemoryTraining.preprocess_batch
    monkeypatch.setattr(
        MemoryTraining, "preprocess_batch", lambda self, batch: shown.extend(batch["plain"]) or steps(self, batch)
    )
    train(images, student_config, training_config, losses={})
    assert images.maps.asked == []
    assert shown
    assert not any(shown)


def test_losses_without_a_teacher_to_ask_are_refused(images, student_config, training_config):
    with pytest.raises(ValueError, match=r"expected the teachers' maps for the losses \['segmentation', 'logit', 'fea"):
        train(replace(images, maps=None), student_config, training_config)
