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
    b = data.draw(arrays(bool, a.shape))
    iou = masks.paired_iou(a, b)
    assert iou.shape == (len(a),)
    for one, other, value in zip(a, b, iou, strict=True):
        encoded = [[coco_mask.encode(np.asfortranarray(mask, dtype=np.uint8))] for mask in (one, other)]
        expected = coco_mask.iou(*encoded, [0])[0, 0] if one.any() or other.any() else 0
        np.testing.assert_allclose(value, expected, rtol=1e-6)


def test_no_masks_are_no_problem():
    none = np.zeros((0, 4, 5), bool)
    assert masks.masks_to_xyxy(none).shape == (0, 4)
    assert masks.paired_iou(none, none).shape == (0,)
