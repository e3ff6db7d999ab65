"""Suppression in blocks keeps what torchvision's keeps."""

import numpy as np
import pytest
import torch
from torchvision.ops import batched_nms

from gsam_edge.vision.suppression import unsuppressed


@pytest.mark.parametrize("count", [0, 1, 40, 511, 512, 513, 2000])
def test_it_keeps_what_torchvision_keeps(count):
    """Also where chains of overlapping boxes run over the blocks that are settled at once."""
    rng = np.random.default_rng(count)
    corner = rng.uniform(0, 200, (count, 2))
    xyxy = np.concatenate([corner, corner + rng.uniform(5, 60, (count, 2))], 1).astype(np.float32)
    class_ids = rng.integers(0, 3, count)
    ranks = torch.arange(count, 0, -1, dtype=torch.float64)
    expected = batched_nms(torch.from_numpy(xyxy.astype(np.float64)), ranks, torch.from_numpy(class_ids), 0.5)
    kept = unsuppressed(xyxy, class_ids, 0.5)
    assert np.flatnonzero(kept).tolist() == sorted(expected.tolist())
    assert count < 40 or 0 < kept.sum() < count
