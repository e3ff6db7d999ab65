"""A world of two coloured shapes, small enough to train on within a test."""

import numpy as np
import pytest

import gsam_edge.students.ultralytics.imports  # noqa: F401  before any test imports Ultralytics itself
from gsam_edge.students import EdgeConfig, StudentConfig
from gsam_edge.students.images import LabelledImages
from gsam_edge.students.ultralytics.config import StudentTrainingConfig, UltralyticsAugmentation
from gsam_edge.vision import Detections

SIDE = 64
COLOURS = ((220, 30, 30), (30, 60, 220))


def draw(seed: int, *, masks: bool) -> tuple[np.ndarray, Detections]:
    """One or two filled rectangles, red (class 0) and blue (class 1), that do not touch."""
    rng = np.random.default_rng(seed)
    image = rng.integers(90, 130, (SIDE, SIDE, 3)).astype(np.uint8)
    boxes, classes, stack = [], [], []
    for half in range(int(rng.integers(1, 3))):
        left, top = int(rng.integers(2, 10)) + 32 * half, int(rng.integers(2, 30))
        width, height = int(rng.integers(12, 21)), int(rng.integers(12, 30))
        class_id = int(rng.integers(2))
        mask = np.zeros((SIDE, SIDE), bool)
        mask[top : top + height, left : left + width] = True
        image[mask] = COLOURS[class_id]
        boxes.append([left, top, left + width, top + height])
        classes.append(class_id)
        stack.append(mask)
    return image, Detections(
        xyxy=np.array(boxes, np.float32),
        scores=np.ones(len(boxes), np.float32),
        class_ids=np.array(classes, np.int64),
        masks=np.stack(stack) if masks else None,
    )


def build_images(count: int, *, masks: bool, first: int = 0) -> LabelledImages:
    drawn = {f"{seed}.png": draw(seed, masks=masks) for seed in range(first, first + count)}
    return LabelledImages(
        labels={name: objects for name, (_, objects) in drawn.items()},
        image_hw=dict.fromkeys(drawn, (SIDE, SIDE)),
        images={name: image for name, (image, _) in drawn.items()},
        class_names=("red", "blue"),
    )


@pytest.fixture
def make_images():
    return build_images


@pytest.fixture
def edge_config() -> EdgeConfig:
    return EdgeConfig(max_detections=10, candidates=50, iou_threshold=0.6, nms_iterations=12, score_floor=0.001)


@pytest.fixture
def student_config(edge_config) -> StudentConfig:
    return StudentConfig(architecture="auto", size="n", least_start=0.5, image_size=SIDE, edge=edge_config)


@pytest.fixture
def training_config() -> StudentTrainingConfig:
    return StudentTrainingConfig(
        steps=4,
        batch_size=4,
        pseudo_share=0.5,
        truth_only=0.25,
        optimizer="AdamW",
        learning_rate=1e-3,
        final_learning_rate=0.1,
        momentum=0.9,
        weight_decay=5e-4,
        warmup_steps=1,
        ema_decay=0.5,
        box_gain=7.5,
        class_gain=0.5,
        distribution_gain=1.5,
        close_mosaic_steps=2,
        validate_every=2,
        patience=0,
        workers=0,
        cache_megabytes=64,
        precision="no",
        rare_below=1.0, ultralytics=UltralyticsAugmentation(
            mosaic=1.0, mixup=0.1, copy_paste=0.1, fliplr=0.5, flipud=0.2, degrees=5.0, translate=0.1,
            scale=0.3, hsv_h=0.01, hsv_s=0.3, hsv_v=0.3,
        ),
    )  # fmt: skip
