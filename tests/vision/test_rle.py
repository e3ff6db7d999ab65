"""RLE written and read in numpy is pycocotools' own."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from pycocotools import mask as coco_mask

from gsam_edge.vision.rle import compressed, run_lengths, runs_in_window, tight_window, window_runs

parts = arrays(bool, array_shapes(min_dims=2, max_dims=2, min_side=0, max_side=9))
margins = st.tuples(*[st.integers(0, 4)] * 4)


def placed(part, margin):
    """Returns a mask that holds a part, and the part's corner."""
    left, top, right, bottom = margin
    mask = np.pad(part, ((top, bottom + 1), (left, right + 1)))
    return mask, (left, top)


@given(parts, margins)
def test_text_and_runs_are_those_of_pycocotools(part, margin):
    mask, corner = placed(part, margin)
    runs = window_runs(part, corner, mask.shape)
    expected = coco_mask.encode(np.asfortranarray(mask, np.uint8))["counts"].decode("ascii")
    assert compressed(runs) == expected
    np.testing.assert_array_equal(run_lengths(expected, mask.shape), runs)


def test_long_runs_and_falling_differences_come_back():
    runs = np.array([0, 1, 2**20, 5, 3, 2**30, 1, 1], np.int64)
    text = compressed(runs)
    assert text == coco_mask.frPyObjects({"size": [1, int(runs.sum())], "counts": runs.tolist()}, 1, 1)[
        "counts"
    ].decode("ascii")
    np.testing.assert_array_equal(run_lengths(text, (1, int(runs.sum()))), runs)


@given(parts, margins)
def test_the_window_comes_back_and_the_tight_one_is_that_of_pycocotools(part, margin):
    mask, (left, top) = placed(part, margin)
    runs = window_runs(part, (left, top), mask.shape)
    window = (left, top, left + part.shape[1], top + part.shape[0])
    np.testing.assert_array_equal(runs_in_window(runs, window, len(mask)), part)
    tight = tight_window(runs, len(mask))
    box = [tight[0], tight[1], tight[2] - tight[0], tight[3] - tight[1]]
    assert box == coco_mask.toBbox(coco_mask.encode(np.asfortranarray(mask, np.uint8))).tolist()
    whole = mask[tight[1] : tight[3], tight[0] : tight[2]]
    np.testing.assert_array_equal(runs_in_window(runs, tight, len(mask)), whole)
