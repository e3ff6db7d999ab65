"""A student's training that kills its own process, as the machine would."""

import os
import signal
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch

from gsam_edge.students.choice import EdgeConfig, StudentChoice, StudentConfig
from gsam_edge.students.images import LabelledImages, LabelWeights
from gsam_edge.students.table import family_of
from gsam_edge.students.ultralytics.config import StudentTrainingConfig, UltralyticsAugmentation
from gsam_edge.students.ultralytics.training.trainer import MemoryTraining
from gsam_edge.training.checkpoints import FolderCheckpoints
from gsam_edge.vision import Detections
from support.runs import a_run

SIDE = 64
EDGE = EdgeConfig(max_detections=10, candidates=50, iou_threshold=0.6, nms_iterations=12, score_floor=0.001)
STUDENT = StudentConfig(architecture="yolov8", size="n", least_start=0.5, image_size=SIDE, edge=EDGE)
TRAINING = StudentTrainingConfig(
    steps=7, batch_size=4, pseudo_share=0.5, truth_only=0.3, optimizer="AdamW", learning_rate=1e-3,
    final_learning_rate=0.1, momentum=0.9, weight_decay=5e-4, warmup_steps=2, ema_decay=0.5, box_gain=7.5,
    class_gain=0.5, distribution_gain=1.5, close_mosaic_steps=2, validate_every=3, patience=0, workers=0,
    cache_megabytes=16, precision="no", rare_below=1.0,
    ultralytics=UltralyticsAugmentation(
        mosaic=0.7, mixup=0.3, copy_paste=0, fliplr=0.5, flipud=0, degrees=5, translate=0.1, scale=0.3,
        hsv_h=0.01, hsv_s=0.3, hsv_v=0.3,
    ),
)  # fmt: skip


def data() -> LabelledImages:
    """Returns three images with the truth and six with weighted labels of a machine."""
    images, labels = {}, {}
    for number in range(9):
        rng = np.random.default_rng(number)
        left, top, side = (int(value) for value in rng.integers(8, 24, 3))
        image = rng.integers(0, 90, (SIDE, SIDE, 3)).astype(np.uint8)
        image[top : top + side, left : left + side] = 220
        images[f"{number}.png"] = image
        xyxy = np.array([[left, top, left + side, top + side]], np.float32)
        labels[f"{number}.png"] = Detections(xyxy, np.ones(1, np.float32), np.zeros(1, np.int64))
    half = np.full(1, 0.5, np.float32)
    pseudo = list(images)[3:]
    weights = {name: LabelWeights(half, half, half, ignored=np.array([name == "4.png"])) for name in pseudo}
    return LabelledImages(
        labels, dict.fromkeys(images, (SIDE, SIDE)), images, ("square",), None, weights, frozenset(pseudo)
    )


def work(folder: Path, killed_at: int) -> None:
    """Trains with checkpoints in the folder and writes `result.pt` beside them, unless killed.

    Args:
        folder: of the state, and of what came out.
        killed_at: number of the step, from 1, whose forward pass is the last thing that happens; 0 for none.
    """
    preprocess = MemoryTraining.preprocess_batch

    def deadly(trainer: MemoryTraining, batch: dict[str, Any]) -> dict[str, Any]:
        if killed_at and trainer._step + 1 == killed_at:
            os.kill(os.getpid(), signal.SIGKILL)
        return preprocess(trainer, batch)

    MemoryTraining.preprocess_batch = deadly  # type: ignore[method-assign]
    trained = family_of("yolov8").train(
        data(),
        StudentChoice("yolov8", STUDENT, "a test"),
        TRAINING,
        losses={},
        pseudo_weight=0.7,
        initial=None,
        validate=None,
        run=a_run(checkpoints=FolderCheckpoints(folder / "state", keep=2), seed=5),
    )
    torch.save({"weights": dict(trained.weights.tensors), "history": trained.history}, folder / "result.pt")


if __name__ == "__main__":
    work(Path(sys.argv[1]), int(sys.argv[2]))
