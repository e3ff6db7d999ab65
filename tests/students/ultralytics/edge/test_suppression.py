import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchvision.ops import batched_nms

from gsam_edge.students.ultralytics.edge.head import EdgeHead
from gsam_edge.students.ultralytics.edge.suppression import suppress


@st.composite
def boxes_and_classes(draw):
    count = draw(st.integers(1, 40))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    corner = rng.uniform(0, 50, (count, 2))
    boxes = np.concatenate([corner, corner + rng.uniform(5, 40, (count, 2))], 1)
    return torch.tensor(boxes, dtype=torch.float32), torch.tensor(rng.integers(0, 3, count))


@settings(deadline=None, max_examples=60)
@given(boxes_and_classes(), st.floats(0.1, 0.9))
def test_suppression_is_greedy_suppression(case, iou_threshold):
    boxes, classes = case
    scores = torch.linspace(1, 0.1, len(boxes))
    kept = suppress(boxes[None], classes[None], iou_threshold, iterations=len(boxes))[0]
    expected = batched_nms(boxes, scores, classes, iou_threshold)
    assert torch.equal(kept.nonzero()[:, 0], expected.sort().values)


def test_chains_need_as_many_rounds_as_they_are_long():
    """Each box overlaps only its neighbours: the first drops the second, which frees the third, and so on."""
    left = torch.arange(6) * 4.0
    boxes = torch.stack([left, torch.zeros(6), left + 10, torch.full((6,), 10.0)], 1)[None]
    classes = torch.zeros(1, 6, dtype=torch.long)
    exact = [1.0, 0.0, 1.0, 0.0, 1.0, 0.0]
    assert suppress(boxes, classes, 0.4, 6)[0].tolist() == exact
    assert suppress(boxes, classes, 0.4, 5)[0].tolist() == exact
    assert suppress(boxes, classes, 0.4, 2)[0].tolist() != exact


@pytest.mark.parametrize("side", [181.0, 400.0, 640.0])
def test_large_boxes_are_suppressed_in_half_precision(edge_config, side):
    """Areas of such boxes, in square pixels, are beyond 65504: two boxes of one object would both be kept."""
    head = EdgeHead(1280, [32.0], 1, edge_config, suppressed=True).half()
    sides = torch.full((1, 4, 1600), side / 64)
    logits = torch.full((1, 1, 1600), -20.0)
    # two neighbours say one object, and one that is far from them another
    for score, anchor in ((3.0, 12 * 40 + 12), (2.0, 12 * 40 + 13), (1.0, 33 * 40 + 33)):
        logits[..., anchor] = score
    boxes, scores, _ = head(sides.half(), logits.half())
    assert int((scores > 0.5).sum()) == 2
    assert boxes[0, 0].tolist() == pytest.approx([400 - side / 2] * 2 + [400 + side / 2] * 2, abs=1)


@settings(deadline=None, max_examples=30)
@given(boxes_and_classes(), st.floats(0.1, 0.9))
def test_half_precision_suppresses_what_single_precision_does(case, iou_threshold):
    """Apart from pairs whose IoU is within a rounding of the threshold."""
    boxes, classes = case
    boxes = (boxes / 90).half()
    least, most = (suppress(boxes[None].double(), classes[None], iou_threshold + gap, 40)[0] for gap in (-0.01, 0.01))
    if torch.equal(least, most):
        assert torch.equal(suppress(boxes[None], classes[None], iou_threshold, 40)[0].double(), least)
