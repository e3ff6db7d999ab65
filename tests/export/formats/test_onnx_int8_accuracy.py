"""A student that has learnt something keeps it in INT8."""

import numpy as np
import pytest

from gsam_edge.export.format import StudentModule
from gsam_edge.export.formats.onnx import OnnxConfig, to_onnx
from gsam_edge.export.parity import ParityConfig, compare_with_torch
from gsam_edge.export.quantization.static import QuantizationConfig, quantize_static
from gsam_edge.metrics.average_precision import average_precision
from gsam_edge.runtime import Detector
from gsam_edge.runtime.engines.table import open_engine
from gsam_edge.runtime.tasks.table import TASKS
from gsam_edge.students.choice import EdgeConfig, StudentChoice, StudentConfig
from gsam_edge.students.images import LabelledImages
from gsam_edge.students.table import family_of
from gsam_edge.students.ultralytics.config import StudentTrainingConfig, UltralyticsAugmentation
from gsam_edge.students.ultralytics.edge import EdgeStudent
from gsam_edge.vision import Detections
from support.runs import a_run

SIDE = 64
CLASS_NAMES = ("disc", "square")
EDGE = EdgeConfig(max_detections=10, candidates=60, iou_threshold=0.6, nms_iterations=10, score_floor=0.01)
STUDENT = StudentConfig(architecture="auto", size="n", least_start=0.5, image_size=SIDE, edge=EDGE)
TRAINING = StudentTrainingConfig(
    steps=300, batch_size=8, pseudo_share=0.5, truth_only=0.0,
    optimizer="AdamW", learning_rate=2e-3, final_learning_rate=0.05, momentum=0.9,
    weight_decay=5e-4, warmup_steps=12, ema_decay=0.98, box_gain=7.5, class_gain=0.5, distribution_gain=1.5,
    close_mosaic_steps=0, validate_every=300, patience=0, workers=0, cache_megabytes=64, precision="no",
    rare_below=1.0, ultralytics=UltralyticsAugmentation(
        mosaic=0, mixup=0, copy_paste=0, fliplr=0.5, flipud=0.5, degrees=0, translate=0.1, scale=0.3,
        hsv_h=0, hsv_s=0, hsv_v=0.2,
    ),
)  # fmt: skip
QUANTIZATION = QuantizationConfig(
    calibration_images=24, method="minmax", percentile=99.99, per_channel=True, reduce_range=False
)
PARITY = ParityConfig(
    images=8,
    score_threshold=0.25,
    match_iou=0.5,
    box_tolerance=0.05,
    score_tolerance=0.001,
    mask_tolerance=0.01,
    stage_tolerance=0.001,
    agreement=0.98,
    half={"box_tolerance": 0.5, "score_tolerance": 0.01, "mask_tolerance": 0.05, "stage_tolerance": 0.05},
)


def draw(seed):
    """A bright disc on the left and a bright square on the right, of random size and place, on noise."""
    rng = np.random.default_rng(seed)
    image = rng.integers(20, 110, (SIDE, SIDE, 3)).astype(np.uint8)
    y, x = np.mgrid[:SIDE, :SIDE]
    boxes, masks = [], []
    for class_id in range(2):
        radius = int(rng.integers(6, 14))
        cx = int(rng.integers(radius, 32 - radius + 1)) + 32 * class_id
        cy = int(rng.integers(radius, SIDE - radius))
        across, down = abs(x + 0.5 - cx), abs(y + 0.5 - cy)
        inside = (np.maximum(across, down) if class_id else np.hypot(across, down)) < radius
        image[inside] = rng.integers(150, 250, 3)
        masks.append(inside)
        boxes.append([cx - radius, cy - radius, cx + radius, cy + radius])
    return image, Detections(np.array(boxes, np.float32), np.ones(2, np.float32), np.array([0, 1]), np.stack(masks))


@pytest.mark.slow
def test_int8_loses_less_than_two_points_of_map50():
    drawn = {f"{seed}.png": draw(seed) for seed in range(96)}
    images = LabelledImages(
        labels={name: truth for name, (_, truth) in drawn.items()},
        image_hw=dict.fromkeys(drawn, (SIDE, SIDE)),
        images={name: image for name, (image, _) in drawn.items()},
        class_names=CLASS_NAMES,
    )
    trained = family_of("yolov8-seg").train(
        images,
        StudentChoice("yolov8-seg", STUDENT, "a test"),
        TRAINING,
        losses={},
        pseudo_weight=0.0,
        initial=None,
        validate=None,
        run=a_run(),
    )
    card = trained.weights.card
    student = StudentModule(EdgeStudent(trained.weights), card)
    exact = to_onnx(student, OnnxConfig(opset=17))
    canvases = [TASKS["detect"].prepare(image, card)[0] for image in list(images.images.values())[:24]]
    rounded = quantize_static(exact, canvases, QUANTIZATION)

    held_out = [draw(seed) for seed in range(1000, 1040)]
    map50 = {}
    for name, model in (("exact", exact), ("rounded", rounded)):
        detect = Detector.open(model, ".onnx", score_threshold=0.01, threads=1)
        map50[name] = average_precision([truth for _, truth in held_out], [detect(image) for image, _ in held_out], 0.5)
    assert map50["exact"] > 0.7
    assert map50["rounded"] > map50["exact"] - 0.02

    unseen = [TASKS["detect"].prepare(image, card)[0] for image, _ in held_out]
    same = compare_with_torch(student, open_engine(exact, ".onnx", threads=1), unseen, PARITY)
    assert same.found_by_both > 40
    assert same.within_tolerance, same
