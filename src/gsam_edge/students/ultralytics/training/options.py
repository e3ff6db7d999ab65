"""The parameters of a training as Ultralytics' options."""

import math
from pathlib import Path
from typing import Any

import torch

from gsam_edge.students.ultralytics.training.task import TrainingTask


def ultralytics_options(task: TrainingTask, *, masks: bool, device: torch.device, scratch: Path) -> dict[str, Any]:
    """Returns Ultralytics' options for a task, by its names.

    Args:
        task: what to train.
        masks: whether the network learns masks.
        device: where to train.
        scratch: a temporary folder; Ultralytics writes its arguments there.
    """
    config = task.config
    options = {
        "task": "segment" if masks else "detect",
        "mode": "train",
        "model": "memory.yaml",
        "data": "memory",
        "epochs": math.ceil(config.steps / config.validate_every),
        "batch": config.batch_size,
        "nbs": config.batch_size,  # one optimiser step per batch
        "imgsz": task.image_size,
        "optimizer": config.optimizer,
        "lr0": config.learning_rate,
        "momentum": config.momentum,
        "weight_decay": config.weight_decay,
        "warmup_epochs": 0.0,  # ours is in `optimizer_step`
        "close_mosaic": 0,  # ours is in `PoolSampler`
        "box": config.box_gain,
        "cls": config.class_gain,
        "dfl": config.distribution_gain,
        "patience": config.patience,
        "workers": config.workers,
        "amp": False,  # ours is in `precision`
        "device": str(device),
        "seed": task.seed,
        "deterministic": True,
        "plots": False,
        "overlap_mask": False,  # one mask per object: overlapping objects keep their pixels
        "augmentations": [],  # Ultralytics' hidden blur and greyscale, off
        "save_dir": str(scratch),
        **config.ultralytics.model_dump(),
    }
    if not masks:
        options["copy_paste"] = 0.0
    return options
