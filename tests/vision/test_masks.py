"""Masks as arrays: boxes and overlap."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from pycocotools import mask as coco_mask

from gsam_edge.vision import masks

one_mask = arrays(bool, array_shapes(min_dims=2, max_dims=2, max_side=40))

mask_stack = st.tuples(st.integers(0, 5), st.integers(1, 20), st.integers(1, 20)).flatmap(lambda s: arrays(bool, s))


@given(mask_stack, st.data())
def test_iou_agrees_with_pycocotools(a, data):
    b = data.draw(arrays(bool, (data.draw(st.integers(0, 5)), *a.shape[1:])))
    iou = masks.mask_iou(a, b)
    assert iou.shape == (len(a), len(b))
    if iou.size:
        encoded = [[coco_mask.encode(np.asfortranarray(m, dtype=np.uint8)) for m in stack] for stack in (a, b)]
        both_empty = ~a.any((1, 2))[:, None] & ~b.any((1, 2))[None]
        expected = np.where(both_empty, 0, coco_mask.iou(*encoded, [0] * len(b)))
        np.testing.assert_allclose(iou, expected, rtol=1e-6)


def test_no_masks_are_no_problem():
    none = np.zeros((0, 4, 5), bool)
    assert masks.masks_to_xyxy(none).shape == (0, 4)
    assert masks.mask_iou(none, np.zeros((3, 4, 5), bool)).shape == (0, 3)
