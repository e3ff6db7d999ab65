"""Weighted box fusion of more than two sources; of two, see the labels' own tests."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gsam_edge.metrics.fusion import fuse_boxes
from gsam_edge.vision import Detections


def boxes(*rows: tuple[list[float], float, int]) -> Detections:
    """Boxes by (corners, score, class)."""
    return Detections(
        np.array([row[0] for row in rows], np.float32).reshape(-1, 4),
        np.array([row[1] for row in rows], np.float32),
        np.array([row[2] for row in rows], np.int64),
    )


def test_three_sources_by_hand():
    """Corners weighted by 0.9, 0.3 and 0.6, the mean of the scores; what one of three has keeps a third."""
    first = boxes(([0, 0, 10, 10], 0.9, 0))
    second = boxes(([2, 0, 12, 10], 0.3, 0), ([30, 30, 40, 40], 0.6, 1))
    third = boxes(([1, 0, 11, 10], 0.6, 0), ([30, 32, 40, 42], 0.6, 1))
    fused, rows = fuse_boxes([first, second, third], 0.5)
    assert fused.scores.tolist() == pytest.approx([0.6, 0.4])
    assert rows.tolist() == [0, 2]
    np.testing.assert_allclose(fused.xyxy, [[1.2 / 1.8, 0, 10 + 1.2 / 1.8, 10], [30, 31, 40, 41]], rtol=1e-5)


@given(st.integers(1, 4), st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None)
def test_sources_that_agree_are_one_and_no_score_is_lost(count, seed):
    rng = np.random.default_rng(seed)
    apart = np.arange(int(rng.integers(0, 6)))[:, None] * 20 + np.array([0, 0, 10, 12])
    found = Detections(apart.astype(np.float32), rng.random(len(apart), np.float32), rng.integers(0, 2, len(apart)))
    fused, rows = fuse_boxes([found] * count, 0.5)
    order = np.argsort(-found.scores, kind="stable")
    np.testing.assert_allclose(fused.xyxy, found.xyxy[order], rtol=1e-6)
    np.testing.assert_allclose(fused.scores, found.scores[order], rtol=1e-6)
    assert (rows < max(len(found), 1)).all()
