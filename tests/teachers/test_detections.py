"""What is left of a finder's candidates, against the definition of suppression."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from gsam_edge.teachers.config import DetectionConfig
from gsam_edge.teachers.detections import best_detections
from support.suppression import suppressed

#: Quarter pixels; half of them outside the image, as a network's boxes may be before they are clipped.
quarters = st.integers(-400, 400).map(lambda quarter: quarter / 4)


def config(**changes):
    return DetectionConfig(
        **{"score_threshold": 0.1, "candidates": 9999, "nms_iou": 0.5, "max_detections": 9999, "batch_size": 1}
        | changes
    )


@st.composite
def candidates(draw, max_rows=14, classes=3):
    """Boxes, some without area, and class scores with ties, some of which are NaN."""
    rows = draw(st.integers(0, max_rows))
    left_top = draw(arrays(np.float32, (rows, 2), elements=quarters))
    size = draw(arrays(np.float32, (rows, 2), elements=st.integers(0, 160).map(lambda quarter: quarter / 4)))
    score = st.sampled_from([np.nan, 0.0, 0.05, 0.1, 0.25, 0.5, 0.75, 1.0])
    scores = draw(arrays(np.float32, (rows, classes), elements=score))
    return np.concatenate([left_top, left_top + size], axis=1).astype(np.float32), scores


@given(candidates(), st.sampled_from([0.1, 0.3, 0.5, 0.7, 1.0]))
def test_what_is_left_is_what_the_definition_of_suppression_leaves(found, iou):
    """Of the rows at or above the threshold, by falling score; of equal scores the earlier row is the better."""
    xyxy, scores = found
    best = np.where(np.isnan(scores), -1, scores).max(1)
    above = np.flatnonzero(best >= np.float32(0.1))
    class_ids = np.where(np.isnan(scores), -1, scores)[above].argmax(1)
    expected = above[suppressed(xyxy[above], best[above], class_ids, iou)]
    detections, rows = best_detections(xyxy, scores, config(nms_iou=iou))
    assert rows.dtype == np.int64
    assert rows.tolist() == expected.tolist()
    np.testing.assert_array_equal(detections.xyxy, xyxy[expected])
    np.testing.assert_array_equal(detections.scores, best[expected])
    np.testing.assert_array_equal(detections.class_scores, scores[expected])
    assert detections.class_ids.dtype == np.int64
    some, _ = best_detections(xyxy, scores, config(nms_iou=iou, max_detections=2))
    np.testing.assert_array_equal(some.xyxy, detections.xyxy[:2])
    few = above[np.argsort(-best[above], kind="stable")[:4]]
    expected = few[suppressed(xyxy[few], best[few], np.where(np.isnan(scores), -1, scores)[few].argmax(1), iou)]
    _, rows = best_detections(xyxy, scores, config(nms_iou=iou, candidates=4))
    assert rows.tolist() == expected.tolist()


def crowded(count, *, side=1000.0):
    """Boxes of which many overlap, in ten classes."""
    rng = np.random.default_rng(0)
    left_top = rng.uniform(0, 0.9 * side, (count, 2))
    xyxy = np.concatenate([left_top, left_top + rng.uniform(5, 0.1 * side, (count, 2))], axis=1).astype(np.float32)
    scores = (rng.random((count, 10)) ** 4).astype(np.float32)
    return xyxy, scores


@pytest.mark.parametrize("side", [1000.0, 20000.0])
def test_many_boxes_in_many_classes_are_suppressed_as_few_are(side):
    """More than torchvision treats in one pass, and coordinates whose sums float32 would round."""
    xyxy, scores = crowded(1500, side=side)
    _, rows = best_detections(xyxy, scores, config())
    above = np.flatnonzero(scores.max(1) >= 0.1)
    expected = above[suppressed(xyxy[above], scores[above].max(1), scores[above].argmax(1), 0.5)]
    assert rows.tolist() == expected.tolist()
    assert len(rows) < len(above)


def test_suppression_of_every_query_of_many_prompts_needs_no_table_of_all_pairs():
    """A full-size teacher has 900 queries a prompt: 3,600 boxes compared in one table took 1.8 seconds."""
    xyxy, scores = crowded(3600)
    best_detections(*crowded(2), config())  # what the library loads at its first call is not counted
    tracemalloc.start()
    detections, _ = best_detections(xyxy, scores, config())
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(detections)
    assert peak < 3600**2
