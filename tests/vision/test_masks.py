"""Masks as arrays and cropped: boxes and overlap."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from pycocotools import mask as coco_mask

from gsam_edge.coco.packed import PackedDetections
from gsam_edge.vision import Detections, masks

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


def cropped(draw, most=4):
    """Masks of one image in windows anywhere in it, empty windows too."""
    height, width = draw(st.tuples(st.integers(1, 30), st.integers(1, 30)))
    windows, parts = [], []
    for _ in range(draw(st.integers(0, most))):
        (left, right), (top, bottom) = (
            sorted(draw(st.tuples(st.integers(0, side), st.integers(0, side)))) for side in (width, height)
        )
        windows.append([left, top, right, bottom])
        parts.append(draw(arrays(bool, (bottom - top, right - left))))
    return masks.CroppedMasks.pack((height, width), np.array(windows, np.int64).reshape(-1, 4), parts), parts


@given(st.data())
def test_cropped_masks_are_their_windows_in_empty_images(data):
    held, parts = cropped(data.draw)
    whole = held.whole()
    assert whole.shape == held.shape
    assert len(held) == len(parts)
    for row, (part, (left, top, right, bottom)) in enumerate(zip(parts, held.windows_xyxy.tolist(), strict=True)):
        np.testing.assert_array_equal(held.part(row), part)
        np.testing.assert_array_equal(whole[row, top:bottom, left:right], part)
        assert whole[row].sum() == part.sum()
    rows = np.arange(len(held))[::-1]
    np.testing.assert_array_equal(held[rows].whole(), whole[rows])


@given(st.data())
def test_detections_hold_cropped_masks_until_their_arrays_are_read(data):
    """Selecting and packing give what the arrays would give, without making them."""
    held, parts = cropped(data.draw)
    count = len(parts)
    found = Detections(np.zeros((count, 4), np.float32), np.ones(count, np.float32), np.zeros(count, np.int64), held)
    arrays_of_same = Detections(found.xyxy, found.scores, found.class_ids, held.whole())
    chosen = np.arange(count) % 2 == 0
    assert PackedDetections.pack(found.select(chosen)).rles == PackedDetections.pack(arrays_of_same.select(chosen)).rles
    assert found.cropped is held
    np.testing.assert_array_equal(found.masks, arrays_of_same.masks)
    assert found.cropped is None
    assert found.masks is found.masks  # made once
