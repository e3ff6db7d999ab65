import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gsam_edge.coco.packed import PackedDetections, StoredDetectionsError
from gsam_edge.vision import Detections
from support.detections import same

TWO = Detections(
    np.array([[0, 0, 4, 4], [1, 1, 3, 5]], np.float32),
    np.array([0.9, 0.6], np.float32),
    np.array([0, 1]),
    np.ones((2, 6, 8), bool),
    np.array([[0.9, 0.1], [0.2, 0.6]], np.float32),
    np.array([0.8, 0.7], np.float32),
)


@given(st.integers(0, 4), st.booleans(), st.booleans(), st.integers(0, 2**32 - 1))
def test_any_detections_survive_json(count, masks, class_scores, seed):
    """To the last bit; class scores, some of which are none, to half precision."""
    rng = np.random.default_rng(seed)
    scores = np.where(rng.random((count, 3)) < 0.3, np.nan, rng.random((count, 3)) ** 4).astype(np.float32)
    detections = Detections(
        xyxy=rng.normal(size=(count, 4)).astype(np.float32),
        scores=rng.random(count, np.float32),
        class_ids=rng.integers(0, 3, count),
        masks=rng.random((count, 5, 7)) > 0.5 if masks else None,
        class_scores=scores if class_scores else None,
        mask_scores=rng.random(count, np.float32) if masks and class_scores else None,
        box_agreement=rng.random(count, np.float32) if masks and not class_scores else None,
    )
    packed = PackedDetections.pack(detections)
    assert same(packed.unpack(), detections)
    text = json.dumps(packed.to_record(), allow_nan=False)
    read = PackedDetections.from_record(json.loads(text))
    again = read.unpack()
    if class_scores:
        np.testing.assert_allclose(again.class_scores, scores, rtol=2**-11, atol=2**-25)
        assert read.to_record() == packed.to_record()
        again = replace(again, class_scores=scores)
    assert same(again, detections)


def test_class_scores_of_many_classes_take_three_bytes_each():
    scores = np.random.default_rng(0).random((20, 1203), np.float32) * 0.05
    one = Detections(np.zeros((20, 4), np.float32), scores.max(1), scores.argmax(1), class_scores=scores)
    assert len(json.dumps(PackedDetections.pack(one).to_record())) < 3 * scores.size


@pytest.mark.parametrize(
    "damage",
    [
        {"mask_hw": None},
        {"masks": []},
        {"masks": [{"size": [6, 8], "counts": "0"}] * 2},
        {"masks": [{"size": [8, 6], "counts": "0`1"}] * 2},
        {"mask_scores": [0.5]},
        {"box_agreement": [0.5]},
        {"class_scores": "?"},
        {"class_scores": "AAAA"},
        {"class_scores": [[0.5, 0.5]] * 2},
    ],
)
def test_damaged_records_say_what_is_missing(damage):
    record = PackedDetections.pack(TWO).to_record()
    with pytest.raises(StoredDetectionsError, match="objects of one image: expected the parts of Detections"):
        PackedDetections.from_record(record | damage)


def test_rows_that_are_left_keep_their_masks_and_none_is_decoded(decoded):
    packed = PackedDetections.pack(replace(TWO, masks=np.arange(2)[:, None, None] * np.ones((2, 6, 8)) > 0))
    index = np.array([False, True])
    left = packed.select(index)
    assert (left.mask_areas.tolist(), packed.mask_areas.tolist()) == ([48], [0, 48])
    assert decoded == []
    assert same(left.unpack(), packed.unpack().select(index))


def test_masks_must_be_one_per_row():
    with pytest.raises(ValueError, match=r"PackedDetections\.rles: expected 2, got 0"):
        PackedDetections(replace(TWO, masks=None), (6, 8), ())


@pytest.mark.parametrize("record", [None, 5, [], "x", {"scores": [0.5], "xyxy": [[0, 0, 1, 1]], "class_ids": [2**70]}])
def test_a_stored_record_that_is_none_is_named(record):
    with pytest.raises(StoredDetectionsError, match="objects of one image: expected the parts of Detections"):
        PackedDetections.from_record(record)


def test_boxes_become_the_tight_ones_of_masks_that_hold_something():
    masks = np.zeros((2, 12, 14), bool)
    masks[0, 3:7, 2:9] = True
    loose = np.array([[0, 0, 14, 12], [1, 1, 5, 5]], np.float32)
    found = Detections(loose, np.ones(2, np.float32), np.zeros(2, np.int64), masks)
    tight = PackedDetections.pack(found).with_tight_boxes()
    assert tight.unmasked.xyxy.tolist() == [[2, 3, 9, 7], [1, 1, 5, 5]]
    plain = PackedDetections(Detections(loose, np.ones(2, np.float32), np.zeros(2, np.int64)), None, ())
    assert plain.with_tight_boxes().unmasked.xyxy.tolist() == loose.tolist()
