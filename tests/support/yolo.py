"""The smallest YOLOs with random weights, as Ultralytics saves them."""

from pathlib import Path
from typing import Any

import torch
from torch import nn

from gsam_edge.students.ultralytics.imports import ROOT, YAML, DetectionModel, SegmentationModel
from gsam_edge.teachers.config import DetectionConfig
from gsam_edge.teachers.lora.config import LoraConfig
from gsam_edge.teachers.yolo.config import YoloLoopConfig, YoloLossConfig, YoloTuningConfig
from support.loops import loop_config

CLASSES = ("Ring", "gold_star", "moon")
SIDE = 64
DETECTION = DetectionConfig(score_threshold=0.001, candidates=100, nms_iou=0.7, max_detections=20, batch_size=1)
TUNING = YoloTuningConfig(
    tune=True,
    classes={},
    image_size=SIDE,
    lora=LoraConfig(
        r=2, alpha=2, dropout=0, frozen=(), max_share=0.9, targets=r"^model\.(?!\d+\.(dfl|cv4|proto|one2one_\w+)\.).*$"
    ),
    loss=YoloLossConfig(box_weight=7.5, class_weight=0.5, distribution_weight=1.5),
    loop=loop_config(YoloLoopConfig, epochs=1, min_steps=2, gradient_clip=10, monitor="ap50"),
    augmentation=None,
    detection=DETECTION,
    batch_size=2,
)


def random_network(file: str = "v8/yolov8.yaml", names: tuple[str, ...] = CLASSES, **changes: Any) -> Any:
    """A network of Ultralytics' smallest size that has not learnt anything, but whose layers tell images apart.

    Without statistics of its own its signals would die away on their way through it. Its boxes are two strides long, so
    that they meet small objects.
    """
    torch.manual_seed(0)
    definition = YAML.load(ROOT / "cfg" / "models" / file) | {"scale": "n"} | changes
    kind = SegmentationModel if "-seg" in file else DetectionModel
    network = kind(definition, ch=3, nc=len(names), verbose=False)
    network.names = dict(enumerate(names))
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    for norm in norms:
        norm.momentum = 1.0
    with torch.no_grad():
        network.train()(torch.rand(4, 3, 2 * SIDE, 2 * SIDE))
        if network.model[-1].reg_max > 1:
            for level in network.model[-1].cv2:
                level[-1].bias.view(4, -1)[:, 1] = 8
                level[-1].weight.mul_(0.1)
    for norm in norms:
        norm.momentum = 0.03
    return network


def save_weights(path: Path, network: Any, **more: Any) -> Path:
    """As Ultralytics' `best.pt`: the model, which is brought to half precision, beside what its training leaves."""
    content = {"epoch": -1, "best_fitness": None, "model": network.half(), "ema": None, "optimizer": None}
    torch.save(content | {"train_args": {"imgsz": SIDE}, "version": "8"} | more, path)
    return path
