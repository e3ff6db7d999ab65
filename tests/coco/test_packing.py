import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gsam_edge.coco.packing import PackedDetections, PackedPredictions, PredictionsOfImages
from gsam_edge.vision import Detections


def random_detections(seed, count, masked=True):
    rng = np.random.default_rng(seed)
    return Detections(
        rng.random((count, 4), np.float32),
        rng.random(count, np.float32),
        rng.integers(0, 4, count),
        rng.random((count, 13, 7)) < 0.4 if masked else None,
        rng.random((count, 4), np.float32),
    )


def assert_equal(a, b):
    for name in ("xyxy", "scores", "class_ids", "masks", "class_scores"):
        left, right = getattr(a, name), getattr(b, name)
        assert (left is None) == (right is None)
        if left is not None:
            assert left.dtype == right.dtype
            np.testing.assert_array_equal(left, right)


@given(seed=st.integers(0, 2**32 - 1), count=st.integers(0, 5), masked=st.booleans())
def test_round_trip(seed, count, masked):
    detections = random_detections(seed, count, masked)
    assert_equal(PackedDetections.pack(detections).unpack(), detections)


def test_sequence():
    all_detections = [random_detections(seed, 2) for seed in range(3)]
    packed = PackedPredictions([PackedDetections.pack(found) for found in all_detections])
    assert len(packed) == 3
    assert_equal(packed[-1], all_detections[-1])
    for found, expected in zip(packed[1:], all_detections[1:], strict=True):
        assert_equal(found, expected)
    with pytest.raises(IndexError):
        packed[3]


def test_mapping():
    found = [random_detections(seed, 1) for seed in range(2)]
    predictions = PredictionsOfImages([7, 3], found)
    assert list(predictions) == [7, 3]
    assert predictions[3] is found[1]
    with pytest.raises(KeyError):
        predictions[1]


@pytest.mark.parametrize("ids", [[1], [1, 1], [1, 2, 3]])
def test_ids_that_do_not_fit(ids):
    with pytest.raises(ValueError, match="predictions: expected one for each of"):
        PredictionsOfImages(ids, [Detections.empty(), Detections.empty()])
