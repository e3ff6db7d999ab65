"""The report says every artefact's figures with intervals, and in words whether it differs from the student."""

from dataclasses import replace

import numpy as np
import pytest

from gsam_edge.coco.predictions import Predictions, PredictorInfo
from gsam_edge.evaluate.config import EvaluationConfig
from gsam_edge.evaluate.report import draws_of, evaluation_report
from gsam_edge.metrics.detection import coco_metrics
from support.detections import packed
from support.random_coco import random_world

CONFIG = EvaluationConfig(
    warmup_calls=0, timed_calls=1, timed_seconds=9, least_timed_calls=1, threads=1,
    timeout_s=60, score_threshold=0.0, timed_score_threshold=0.4,
    match_box_iou=0.5,
    image_score_threshold=0.3, image_rows=1, image_width=32,
)  # fmt: skip
NEAR = {"near": []}


def stored(name, objects, truth, *, prompted=False):
    return Predictions(packed(objects), truth.class_names, PredictorInfo(name, "", prompted_with_boxes=prompted))


@pytest.fixture(scope="module")
def world():
    return random_world(3, images=14)


@pytest.fixture(scope="module")
def report(world):
    truth, predictions = world
    perfect = {image["id"]: truth.truth(image["id"]) for image in truth.images}
    nothing = Predictions({}, truth.class_names, PredictorInfo("student_x", "", prompted_with_boxes=False))
    artefacts = {
        "teacher": stored("teacher", perfect, truth, prompted=True),
        "student": stored("student", predictions, truth),
        "student_onnx": stored("student_onnx", predictions, truth),
        "student_onnx_int8": stored("student_onnx_int8", perfect, truth),
        "student_x": nothing,
    }
    recommended = {"classes": {name: {"threshold": 0.2} for name in truth.class_names}}
    return evaluation_report(truth, artefacts, recommended, CONFIG, draws_of(truth, "auto", NEAR))


def test_it_says_on_what(world, report):
    truth, _ = world
    objects = int((~truth.columns.is_crowd).sum())
    assert (report["split"], report["images"], report["objects"]) == ("test", 14, objects)


def test_what_was_not_built_is_left_out(report):
    assert list(report["artefacts"]) == ["teacher", "student", "student_onnx", "student_onnx_int8"]
    assert list(report["differences"]) == ["teacher", "student_onnx", "student_onnx_int8"]


def test_figures_stand_with_their_intervals(world, report):
    truth, predictions = world
    row = report["artefacts"]["student"]
    expected = coco_metrics(truth, packed(predictions), "bbox")
    for name, value in expected.items():
        figure = row["figures"][f"box_{name}"]
        assert figure["value"] == pytest.approx(value)
        if "ci95" in figure:
            assert figure["ci95"][0] <= figure["ci95"][1]
    assert "ci95" in row["figures"]["box_map50"]
    assert set(row["per_class"]) == set(truth.class_names)
    assert row["at_threshold"]["threshold"] == "recommended"
    assert set(row["at_threshold"]["ci95"]) == {"precision", "recall", "f1", "false_alarms_per_100_images"}
    assert set(row) == {
        "figures", "per_class", "per_size", "at_threshold", "confusion", "curves", "calibration", "errors",
        "error_counts",
    }  # fmt: skip


def test_boxes_that_were_given_are_not_judged(report):
    assert set(report["artefacts"]["teacher"]) == {"figures", "per_class", "per_size"}
    assert all(name.startswith("mask_") for name in report["artefacts"]["teacher"]["figures"])


def test_a_difference_is_told_in_words(report):
    same = report["differences"]["student_onnx"]
    assert same["against"] == "student"
    assert same["figures"]["box_map50"] == {
        "difference": 0, "ci95": [0, 0], "verdict": "student_onnx has the same box mAP50 as student",
    }  # fmt: skip
    better = report["differences"]["student_onnx_int8"]["figures"]
    low, high = better["box_map50"]["ci95"]
    assert 0 < low <= better["box_map50"]["difference"] <= high
    gain, half = 100 * better["box_map50"]["difference"], 50 * (high - low)
    assert better["box_map50"]["verdict"] == (
        f"student_onnx_int8 gains {gain:.1f} ± {half:.1f} points of box mAP50 against student: better"
    )
    fewer = better["false_alarms_per_100_images"]["verdict"]
    assert fewer.startswith("student_onnx_int8 has ")
    assert fewer.endswith(" false alarms per 100 images against student: better")
    assert " fewer ± " in fewer


def test_chance_is_told_from_difference(world):
    truth, predictions = world
    rng = np.random.default_rng(0)
    other = {
        image_id: replace(
            found, scores=np.clip(found.scores + rng.normal(0, 0.02, len(found)), 0, 1).astype(np.float32)
        )
        for image_id, found in predictions.items()
    }
    artefacts = {"student": stored("student", predictions, truth), "student_x": stored("student_x", other, truth)}
    recommended = {"classes": {name: {"threshold": 0.2} for name in truth.class_names}}
    report = evaluation_report(truth, artefacts, recommended, CONFIG, draws_of(truth, "auto", NEAR))
    verdict = report["differences"]["student_x"]["figures"]["box_map50"]["verdict"]
    assert verdict.endswith(" points of box mAP50 against student: not distinguishable")
    few = truth.subset([10, 11])
    artefacts = {
        name: replace(each, objects={i: each.objects[i] for i in (10, 11)}) for name, each in artefacts.items()
    }
    report = evaluation_report(few, artefacts, recommended, CONFIG, draws_of(few, "auto", NEAR))
    verdict = report["differences"]["student_x"]["figures"]["box_map50"]["verdict"]
    assert "same box mAP50" in verdict or verdict.endswith("too few images with objects to tell it from chance")


def test_copies_are_drawn_together():
    truth, _ = random_world(3, images=6)
    groups = draws_of(truth, "none", {"near": [[10, 12], [11, 77]]}).groups
    assert groups[0] == groups[2]
    assert len(set(groups.tolist())) == 5
