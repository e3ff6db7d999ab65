"""The value that every model answers with."""

import numpy as np
import pytest

from gsam_edge.vision import Detections


def three():
    return Detections(
        xyxy=np.arange(12, dtype=np.float32).reshape(3, 4),
        scores=np.array([0.1, 0.9, 0.5], np.float32),
        class_ids=np.array([0, 1, 1]),
        masks=np.arange(3)[:, None, None] == np.arange(6).reshape(1, 2, 3),
        class_scores=np.eye(3, 2, dtype=np.float32),
        mask_scores=np.array([0.3, 0.8, 0.6], np.float32),
        box_agreement=np.array([0.1, 0.9, 0.5], np.float32),
    )


def test_empty_has_the_shapes_of_none():
    empty = Detections.empty(mask_hw=(4, 5), num_classes=2)
    assert len(empty) == 0
    assert empty.masks.shape == (0, 4, 5)
    assert empty.class_scores.shape == (0, 2)
    assert Detections.empty().masks is None


@pytest.mark.parametrize("index", [np.array([False, True, True]), np.array([1, 2])])
def test_select_takes_the_rows_of_every_array(index):
    chosen = three().select(index)
    assert chosen.scores.tolist() == pytest.approx([0.9, 0.5])
    assert chosen.xyxy[:, 0].tolist() == [4, 8]
    assert chosen.masks.sum(axis=(1, 2)).tolist() == [1, 1]
    assert chosen.class_scores.shape == (2, 2)
    assert chosen.mask_scores.tolist() == pytest.approx([0.8, 0.6])
    assert chosen.box_agreement.tolist() == pytest.approx([0.9, 0.5])


def test_select_follows_the_order_of_its_index_and_may_be_empty():
    assert three().select(np.array([2, 0])).class_ids.tolist() == [1, 0]
    assert len(three().select(np.zeros(0, np.int64))) == 0


@pytest.mark.parametrize(
    "change",
    [
        {"scores": np.zeros(2, np.float32)},
        {"xyxy": np.zeros((3, 5), np.float32)},
        {"class_ids": np.zeros((3, 1), np.int64)},
        {"masks": np.zeros((2, 4, 4), bool)},
        {"masks": np.zeros((3, 4), bool)},
        {"class_scores": np.zeros(3, np.float32)},
        {"mask_scores": np.zeros(2, np.float32)},
        {"box_agreement": np.zeros(2, np.float32)},
    ],
)
def test_arrays_that_disagree_are_refused(change):
    values = vars(three())
    with pytest.raises(ValueError, match=f"Detections.{next(iter(change))}: expected"):
        Detections(**values | change)
