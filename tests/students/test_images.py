"""What labels count."""

from dataclasses import replace

import numpy as np
import pytest

from gsam_edge.students.images import LabelWeights


def test_weights_of_people_are_full_and_rows_are_chosen_together():
    full = LabelWeights.full(3)
    assert len(full) == 3
    assert full.classes.tolist() == full.boxes.tolist() == full.masks.tolist() == [1, 1, 1]
    assert not full.ignored.any()
    own = LabelWeights(*(np.arange(3, dtype=np.float32) / scale for scale in (2, 4, 8)), np.array([True, False, True]))
    chosen = own.select(np.array([2, 0]))
    assert chosen.boxes.tolist() == [0.5, 0.0]
    assert chosen.ignored.tolist() == [True, True]
    assert len(own.select(np.array([False, True, False]))) == 1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"boxes": np.ones(2, np.float32)}, "expected 3 boxes in 0..1, got 2"),
        ({"masks": np.array([0, 2, 1], np.float32)}, "expected 3 masks in 0..1"),
        ({"classes": np.full(3, np.nan, np.float32)}, "expected 3 classes in 0..1"),
    ],
)
def test_weights_outside_their_range_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        replace(LabelWeights.full(3), **changes)
