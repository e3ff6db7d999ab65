"""A student's thresholds are chosen on validation images, which no other students' images are."""

from dataclasses import replace

import numpy as np
import pytest

from gsam_edge.coco import Annotations, InvalidDatasetError
from gsam_edge.coco.packed import PackedDetections
from gsam_edge.evaluate import thresholds as choosing
from gsam_edge.evaluate.config import EvaluationConfig, ThresholdConfig
from gsam_edge.evaluate.thresholds import student_thresholds
from gsam_edge.students import EdgeConfig
from gsam_edge.students.weights import StudentWeights
from gsam_edge.vision import Detections

EVALUATION = EvaluationConfig(
    warmup_calls=0, timed_calls=1, timed_seconds=9, least_timed_calls=1, threads=1,
    timeout_s=60, score_threshold=0.1, timed_score_threshold=0.2,
    match_box_iou=0.5,
    image_score_threshold=0.3, image_rows=1, image_width=32,
)  # fmt: skip
EDGE = EdgeConfig(max_detections=1, candidates=1, iou_threshold=0.5, nms_iterations=1, score_floor=0.1)
WEIGHTS = StudentWeights("yolov8", "n", ("bag",), 32, EDGE, {}, split=None)
VAL = Annotations(
    tuple({"id": n, "file_name": f"{n}.png", "width": 8, "height": 8} for n in range(2)),
    tuple({"id": n, "image_id": n, "category_id": 1, "bbox": [0, 0, 4, 4]} for n in range(2)),
    ({"id": 1, "name": "bag"},),
)
CONFIG = ThresholdConfig(least_objects=2)


@pytest.fixture
def answers(monkeypatch):
    """The student finds each object, and once nothing, without a process of its own."""
    monkeypatch.setattr(choosing, "require_made_from", lambda *args, **options: None)

    def answer(factory, images, *, threads, timeout_s):
        xyxy = np.array([[0, 0, 4, 4], [4, 4, 8, 8]], np.float32)
        scores = ((0.9, 0.4), (0.7, 0.3))
        found = [Detections(xyxy, np.array(each, np.float32), np.zeros(2, np.int64)) for each in scores]
        return [PackedDetections.pack(each) for each in found[: len(images)]]

    monkeypatch.setattr(choosing, "predict_all", answer)


def test_the_score_of_the_highest_f1_is_taken(answers):
    result = student_thresholds(WEIGHTS, VAL, {}, CONFIG, EVALUATION, "cpu")
    assert (result["split"], result["images"]) == ("val", 2)
    assert result["classes"]["bag"] == {
        "threshold": 0.55, "precision": 1, "recall": 1, "f1": 1, "objects": 2, "from": "class",
    }  # fmt: skip


def test_without_validation_images_the_usual_threshold_is_taken(answers):
    result = student_thresholds(WEIGHTS, VAL.subset([]), {}, CONFIG, EVALUATION, "cpu")
    assert (result["images"], result["classes"]["bag"]["threshold"]) == (0, 0.2)


def test_images_of_another_split_are_refused():
    with pytest.raises(InvalidDatasetError, match="student_weights: expected"):
        student_thresholds(replace(WEIGHTS, class_names=("dog",)), VAL, {}, CONFIG, EVALUATION, "cpu")
