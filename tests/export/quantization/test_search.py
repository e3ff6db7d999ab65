"""How a student is quantised is decided on validation images."""

import copy
import logging

import numpy as np
import pytest
import torch

from gsam_edge.export.format import BuildData, StudentModule
from gsam_edge.export.formats.onnx import OnnxConfig, read_card, to_onnx
from gsam_edge.export.formats.onnx_int8 import OnnxInt8
from gsam_edge.export.quantization.accuracy import accuracy_on, drop_points, evenly
from gsam_edge.export.quantization.search import SearchConfig
from gsam_edge.runtime.engines.table import open_engine

CONFIG = SearchConfig(
    methods=("minmax", "percentile"), calibration_images=(2, 4), percentile=99.0, per_channel=False, reduce_range=False,
    val_images=8, score_threshold=0.1, most_drop=1.0, sensitivity_images=2, trials_in_float=2,
)  # fmt: skip


@pytest.fixture(scope="module")
def fragile_onnx(blob_student):
    """The blob student with one huge weight on blue, beside which one scale for all leaves the others no steps."""
    module = copy.deepcopy(blob_student.module)
    with torch.no_grad():
        module.means.weight[3, 2] = 100
    return to_onnx(StudentModule(module, blob_student.card), OnnxConfig(opset=17))


def accuracy(content, data):
    return accuracy_on(data.val, data.images, content, ".onnx", score_threshold=0.1, threads=1)


def test_accuracy_is_that_of_the_artefact_in_its_engine(blob_onnx, data):
    assert accuracy(blob_onnx, data) == {"box": pytest.approx(1.0)}  # the truth holds no masks


def test_the_loss_is_the_larger_of_boxes_and_masks():
    assert drop_points({"box": 0.5, "mask": 0.4}, {"box": 0.45, "mask": 0.3}) == pytest.approx(10)
    assert drop_points({"box": 0.5}, {"box": 0.6}) == pytest.approx(-10)
    assert drop_points({}, {}) == 0


def test_images_for_a_trial_are_spread_evenly(data):
    assert [image["id"] for image in evenly(data.val, 4).images] == [0, 2, 4, 6]
    assert evenly(data.val, 99).images == data.val.images


def test_a_layer_that_integers_ruin_is_found_and_left_in_float(fragile_onnx, data, caplog):
    caplog.set_level(logging.INFO, logger="gsam_edge")
    spoilt = OnnxInt8().build(fragile_onnx, data, CONFIG.model_copy(update={"trials_in_float": 0}))
    content = OnnxInt8().build(fragile_onnx, data, CONFIG)
    assert accuracy(spoilt, data)["box"] < 0.5
    assert accuracy(content, data)["box"] > 0.99
    notes = read_card(content).notes
    assert any("/student/means/Conv; the loss fell from" in note and "of 2 convolutions" in note for note in notes)
    assert "with /student/means/Conv in float" in caplog.text


def test_what_was_chosen_is_told_in_the_card_with_its_figures(blob_onnx, data):
    content = OnnxInt8().build(blob_onnx, data, CONFIG)
    assert OnnxInt8().build(blob_onnx, data, CONFIG) == content  # the same seed and images give the same bytes
    chosen, figures = read_card(content).notes
    assert "chosen by mAP50-95 on 8 validation images" in chosen
    tried = ["minmax over 2 images", "minmax over 4 images", "percentile 99.0 over 2 images", "percentile 99.0 over 4"]
    assert all(way in chosen for way in tried)
    assert figures.startswith("mAP50-95 on these images, FP32 and INT8: box 1.0000 and ")
    assert open_engine(content, ".onnx", threads=1).card == read_card(content)


def test_no_way_is_tried_twice_where_there_are_fewer_images_than_it_asks_for():
    counts = [way.calibration_images for way in CONFIG.model_copy(update={"methods": ("minmax",)}).ways(3)]
    assert counts == [2, 3]
    assert [way.calibration_images for way in CONFIG.ways(1)] == [1, 1]


def test_validation_images_without_objects_choose_the_first_way(blob_onnx, data):
    without = data.val.taking_objects(np.zeros(0, np.int64))
    content = OnnxInt8().build(blob_onnx, BuildData(data.train, without, data.images, 0, 1), CONFIG)
    chosen, figures = read_card(content).notes
    assert chosen.startswith("ranges by minmax over 2 images")
    assert "these images hold no object" in figures
