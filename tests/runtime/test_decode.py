"""Decoding in numpy gives what the exported student's graph gives, with any settings."""

import dataclasses

import numpy as np
import pytest
import torch

from gsam_edge.runtime import ArtefactError
from gsam_edge.runtime.decode import Decoder, Decoding
from gsam_edge.students.choice import EdgeConfig
from gsam_edge.students.ultralytics.edge.head import EdgeHead

SIZE, STRIDES, CLASSES, COEFFICIENTS = 64, (8, 16, 32), 3, 4
ANCHORS = sum((SIZE // stride) ** 2 for stride in STRIDES)


def settings(**changed):
    fields = {
        "strides": STRIDES,
        "bins": 16,
        "candidates": 50,
        "max_detections": 20,
        "iou_threshold": 0.5,
        "score_floor": 0.01,
        "suppressed": True,
        "masks": True,
    }
    return Decoding(**fields | changed)


def raw_outputs(seed, decoding):
    """Random raw outputs of one image that overlap in many chains."""
    rng = np.random.default_rng(seed)
    shapes = [(4 * decoding.bins, ANCHORS), (CLASSES, ANCHORS), (COEFFICIENTS, ANCHORS), (COEFFICIENTS, 16, 16)]
    outputs = [rng.normal(size=shape).astype(np.float32) * 2 for shape in shapes[: 4 if decoding.masks else 2]]
    if decoding.bins == 1:
        outputs[0] = np.abs(outputs[0])
    return outputs


def of_the_graph(raw, decoding):
    edge = EdgeConfig(
        max_detections=decoding.max_detections,
        candidates=decoding.candidates,
        iou_threshold=decoding.iou_threshold,
        score_floor=decoding.score_floor,
        nms_iterations=decoding.candidates,  # as many rounds as the longest chain can have
    )
    head = EdgeHead(SIZE, list(decoding.strides), decoding.bins, edge, suppressed=decoding.suppressed)
    return [output.numpy() for output in head(*(torch.from_numpy(output)[None] for output in raw))]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(
    "changed",
    [{}, {"masks": False}, {"bins": 1}, {"suppressed": False}, {"candidates": 1000, "max_detections": 100}],
    ids=str,
)
def test_decoding_in_numpy_is_that_of_the_graph(seed, changed):
    decoding = settings(**changed)
    raw = raw_outputs(seed, decoding)
    answers, expected = Decoder(decoding, SIZE)(raw), of_the_graph(raw, decoding)
    assert len(answers) == len(expected)
    assert np.count_nonzero(expected[1]) > 5
    for answer, reference in zip(answers.values(), expected, strict=True):
        assert answer.dtype == reference.dtype
        np.testing.assert_allclose(answer, reference, rtol=1e-4, atol=1e-4)


def test_an_image_without_objects_is_all_padding():
    decoding = settings()
    raw = raw_outputs(0, decoding)
    raw[1][:] = -20
    answers = Decoder(decoding, SIZE)(raw)
    assert answers["masks"].shape == (1, 20, 16, 16)
    assert not any(answer.any() for answer in answers.values())


def test_the_settings_are_read_back_as_they_were_written():
    assert Decoding.from_properties(settings().to_properties()) == settings()


@pytest.mark.parametrize(
    "properties",
    [
        {},
        {"decoding": "[]"},
        {"decoding": "{}"},
        settings(bins=0).to_properties(),
        settings(strides=()).to_properties(),
        settings(strides=(1,) * 1000).to_properties(),
        {"decoding": "[" * 100_000},
        settings(candidates=10**9).to_properties(),
        settings(score_floor=float("nan")).to_properties(),
        settings(masks="yes").to_properties(),
    ],
    ids=lambda properties: str(properties)[:60],
)
def test_settings_that_cannot_be_true_are_refused(properties):
    with pytest.raises(ArtefactError, match="metadata decoding"):
        Decoding.from_properties(properties)


@pytest.mark.parametrize(("index", "name"), enumerate(["distributions", "logits", "coefficients", "prototypes"]))
def test_raw_outputs_of_another_shape_are_refused_by_name(index, name):
    decoding = settings()
    raw = raw_outputs(0, decoding)
    raw[index] = raw[index][:-1] if index in (0, 3) else raw[index][:, :-1]
    with pytest.raises(ArtefactError, match=f"{name}: expected"):
        Decoder(decoding, SIZE)(raw)


def test_logits_that_are_no_numbers_are_refused_and_not_taken_for_an_empty_image():
    decoding = settings()
    raw = raw_outputs(0, decoding)
    raw[1][2, 5] = np.nan
    with pytest.raises(ArtefactError, match="logits: expected numbers, got NaN"):
        Decoder(decoding, SIZE)(raw)


def test_one_raw_output_too_few_is_refused():
    decoding = settings()
    with pytest.raises(ArtefactError, match="raw outputs: expected"):
        Decoder(decoding, SIZE)(raw_outputs(0, dataclasses.replace(decoding, masks=False)))
