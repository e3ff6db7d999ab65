"""Box arithmetic, against torchvision and by its own laws."""

import numpy as np
import pytest
import torch
import torchvision
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from gsam_edge.vision import boxes

#: Quarter pixels: exact in float32, so that the references may be compared exactly.
quarters = st.integers(0, 4000).map(lambda quarter: quarter / 4)


@st.composite
def corners(draw, max_rows=12):
    rows = draw(st.integers(0, max_rows))
    left_top = draw(arrays(np.float32, (rows, 2), elements=quarters))
    size = draw(arrays(np.float32, (rows, 2), elements=quarters))
    return np.concatenate([left_top, left_top + size], axis=1).astype(np.float32)


@given(corners())
def test_formats_agree_with_torchvision_and_lead_back(xyxy):
    for there, back, name in (
        (boxes.xyxy_to_xywh, boxes.xywh_to_xyxy, "xywh"),
        (boxes.xyxy_to_cxcywh, boxes.cxcywh_to_xyxy, "cxcywh"),
    ):
        converted = there(xyxy)
        assert converted.dtype == np.float32
        np.testing.assert_array_equal(
            converted, torchvision.ops.box_convert(torch.from_numpy(xyxy), "xyxy", name).numpy()
        )
        np.testing.assert_array_equal(back(converted), xyxy)


def test_formats_take_lists_and_nothing():
    np.testing.assert_array_equal(boxes.xywh_to_xyxy([1, 2, 3, 4]), [[1, 2, 4, 6]])
    assert boxes.xywh_to_xyxy([]).shape == (0, 4)


@given(corners(), corners())
def test_area_and_iou_agree_with_torchvision(a, b):
    np.testing.assert_allclose(boxes.box_area(a), torchvision.ops.box_area(torch.from_numpy(a)), rtol=1e-6)
    iou = boxes.box_iou(a, b)
    assert iou.shape == (len(a), len(b))
    assert ((iou >= 0) & (iou <= 1)).all()
    np.testing.assert_array_equal(iou, boxes.box_iou(b, a).T)
    # torchvision answers NaN for two boxes without area; here that is 0.
    expected = torchvision.ops.box_iou(torch.from_numpy(a), torch.from_numpy(b)).nan_to_num(0).numpy()
    np.testing.assert_allclose(iou, expected, rtol=1e-5, atol=1e-7)
    rows = min(len(a), len(b))
    np.testing.assert_array_equal(boxes.paired_box_iou(a[:rows], b[:rows]), np.diagonal(iou[:rows, :rows]))


@given(corners())
def test_clipping_stays_inside_and_changes_nothing_there(xyxy):
    clipped = boxes.clip_xyxy(xyxy, (300, 400))
    assert clipped.dtype == np.float32
    assert (clipped >= 0).all()
    assert (clipped[:, ::2] <= 400).all()
    assert (clipped[:, 1::2] <= 300).all()
    np.testing.assert_array_equal(boxes.clip_xyxy(clipped, (300, 400)), clipped)
    inside = (xyxy[:, 2] <= 400) & (xyxy[:, 3] <= 300)
    np.testing.assert_array_equal(clipped[inside], xyxy[inside])


@pytest.mark.parametrize("function", [boxes.box_area, lambda none: boxes.box_iou(none, none)])
def test_no_boxes_are_no_problem(function):
    assert function(np.zeros((0, 4), np.float32)).size == 0
