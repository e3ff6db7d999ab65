"""In every environment, every matrix of every teacher's adapter learns: what no loss reaches is not to be adapted."""

import importlib
import pkgutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import gsam_edge.teachers
from gsam_edge.coco import Annotations
from gsam_edge.teachers.family import TuningData
from gsam_edge.teachers.features import MemoryFeatures
from gsam_edge.teachers.grounding_dino.tiny import build_tiny_grounding_dino
from gsam_edge.teachers.lora.layers import adapter_parameters
from gsam_edge.teachers.sam.architecture import build_sam
from gsam_edge.teachers.sam.model import SamModel
from gsam_edge.teachers.table import TEACHERS
from gsam_edge.teachers.yolo.model import load_yolo
from gsam_edge.training.loop import train
from support.runs import a_run
from support.sam2 import tiny_sam2
from support.sam3 import tiny_sam3
from support.tiny import TINY_GROUNDING_DINO, TINY_SAM, original_grounding_dino
from support.tuning import tuning_config
from support.yolo import random_network, save_weights

ENVIRONMENTS = ("base", "full", "test")
SIDE = 64
#: Two classes, the first large and small, so that detectors with several levels are taught on all of them.
BOXES = ((4, 4, 56, 56, 0), (20, 24, 20, 20, 1), (44, 44, 12, 12, 0))


def grounding_dino(env: str, _: Path) -> Any:
    """The architecture that the environment names: the tiny one of the project, or the original, with Swin."""
    tiny = build_tiny_grounding_dino(TINY_GROUNDING_DINO, ["ring", "star"], seed=0)
    return original_grounding_dino(tiny.processor) if env == "full" else tiny


def sam(env: str, _: Path) -> SamModel:
    torch.manual_seed(0)
    size = TINY_SAM.model_copy(update={"decoder_depth": 2, "encoder_depth": 2})
    return SamModel(build_sam(size).requires_grad_(False), size, "random")


def yolo(env: str, folder: Path) -> Any:
    return load_yolo(save_weights(folder / "own.pt", random_network(names=("ring", "star"))))


#: For each teacher of the table a tiny base with random weights, of the architecture that the environment names.
BASES = {
    "grounding_dino": grounding_dino,
    "sam": sam,
    "sam2": lambda *_: tiny_sam2(),
    "sam3": lambda *_: tiny_sam3(),
    "yolo": yolo,
}


class StoppedError(Exception):
    """The step that was looked at is done."""


def labelled(image_ids: range) -> Annotations:
    images = [{"id": n, "file_name": f"{n}.png", "width": SIDE, "height": SIDE} for n in image_ids]
    objects = [
        {"id": len(BOXES) * n + place, "image_id": n, "category_id": class_id, "bbox": [x, y, width, height]}
        | {"segmentation": [[x, y, x + width, y, x + width, y + height, x, y + height]]}
        for n in image_ids
        for place, (x, y, width, height, class_id) in enumerate(BOXES)
    ]
    categories = [{"id": 0, "name": "ring"}, {"id": 1, "name": "star"}]
    return Annotations.from_coco({"images": images, "annotations": objects, "categories": categories})


def small_tuning_config(name: str, env: str) -> Any:
    """The teacher's parameters in an environment, with small images and batches, which are no matter of adapters."""
    config = tuning_config(name, env)
    # Tiny layers are little wider than the rank; the share is checked at full size.
    small = {"batch_size": 2, "image_size": SIDE, "lora": config.lora.model_copy(update={"max_share": 0.9})}
    return config.model_copy(update={key: value for key, value in small.items() if key in type(config).model_fields})


@pytest.fixture
def unreached(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """After a tuning: the matrices that got no gradient in its first step, which is its last."""
    found: list[str] = []

    def one_step(model: nn.Module, batches: Any, step_loss: Any, *_: Any, **__: Any) -> None:
        matrices = adapter_parameters(model)
        assert matrices
        for name, matrix in matrices.items():
            if ".lora_B." in name:  # at zero, as they start, they would keep the gradient from A
                nn.init.normal_(matrix, std=0.02)
        torch.stack(list(step_loss(model.train(), batches(0)).values())).sum().backward()
        found.extend(name for name, matrix in matrices.items() if matrix.grad is None or not bool(matrix.grad.any()))
        raise StoppedError

    for module in pkgutil.walk_packages(gsam_edge.teachers.__path__, "gsam_edge.teachers."):
        importlib.import_module(module.name)
    for module in [module for name, module in sys.modules.items() if name.startswith("gsam_edge.teachers.")]:
        if getattr(module, "train", None) is train:
            monkeypatch.setattr(module, "train", one_step)
    return found


@pytest.mark.parametrize("env", ENVIRONMENTS)
@pytest.mark.parametrize("name", TEACHERS)
def test_every_matrix_of_an_adapter_gets_a_gradient_in_one_step(
    name: str, env: str, unreached: list[str], tmp_path: Path
) -> None:
    rng = np.random.default_rng(0)
    images = {f"{n}.png": rng.integers(0, 256, (SIDE, SIDE, 3), np.uint8) for n in range(4)}
    train_set, val_set = labelled(range(2)), labelled(range(2, 4))
    data = TuningData(train_set, val_set, images, None, own_masks=False, features=MemoryFeatures())
    with pytest.raises(StoppedError):
        TEACHERS[name].tune(BASES[name](env, tmp_path), data, small_tuning_config(name, env), a_run(seed=1))
    assert unreached == []
