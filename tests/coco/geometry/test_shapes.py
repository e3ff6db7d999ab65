"""Reading and clipping of what stands in files."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pycocotools import mask as coco_mask

from gsam_edge.coco.geometry.shapes import brief, clip_polygon, clip_xywh, is_inside, outline_length, whole_number

HW = (30, 40)
whole = st.integers(-60, 100).map(float)


@given(st.lists(st.tuples(whole, whole), min_size=3, max_size=8))
def test_a_clipped_polygon_covers_the_same_pixels_of_the_image(points):
    """Drawn with a margin and then cut, as against cut and then drawn."""
    flat = [coordinate for point in points for coordinate in point]
    clipped = clip_polygon(flat, HW)
    assert all(0 <= x <= HW[1] for x in clipped[::2])
    assert all(0 <= y <= HW[0] for y in clipped[1::2])
    margin = 64
    shifted = [coordinate + margin for coordinate in flat]
    canvas = (HW[0] + 2 * margin + 10, HW[1] + 2 * margin)
    whole_mask = coco_mask.decode(coco_mask.frPyObjects([shifted], *canvas))[..., 0]
    expected = whole_mask[margin : margin + HW[0], margin : margin + HW[1]]
    drawn = np.zeros(HW, np.uint8)
    if clipped:
        drawn = coco_mask.decode(coco_mask.merge(coco_mask.frPyObjects([clipped], *HW)))
    # Where an edge is cut, its slope is drawn from another point: pixels on the outline may fall to either side.
    assert (drawn != expected).sum() <= outline_length(flat)


def test_a_polygon_inside_is_left_as_it_is():
    flat = [1.0, 1.0, 20.0, 2.0, 7.5, 29.0]
    assert clip_polygon(flat, HW) == flat


@given(st.tuples(whole, whole, st.integers(1, 99).map(float), st.integers(1, 99).map(float)))
def test_a_clipped_box_is_inside_or_nothing(xywh):
    clipped = clip_xywh(xywh, HW)
    if clipped is None:
        assert xywh[0] + xywh[2] <= 0 or xywh[1] + xywh[3] <= 0 or xywh[0] >= HW[1] or xywh[1] >= HW[0]
        return
    assert is_inside(clipped, HW)
    assert clip_xywh(clipped, HW) == pytest.approx(clipped)
    if is_inside(xywh, HW):
        assert clipped == pytest.approx(xywh)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (5, 5), (-5, -5), (5.0, 5), ("5", 5), (" 7 ", 7), ("007", 7),
        (5.5, None), (math.nan, None), (math.inf, None), (True, None), (None, None), ("5.0", None), ("", None),
        ("²", None),
        ([5], None), (10**400, None), ("9" * 5000, None),
    ],
)  # fmt: skip
def test_whole_numbers_in_their_disguises(value, expected):
    assert whole_number(value) == expected


@given(
    st.recursive(st.none() | st.floats() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner))
)
def test_messages_stay_short_and_writable(value):
    text = brief(value)
    text.encode()
    assert len(text) < 2000


def test_messages_survive_numbers_too_long_to_print():
    assert brief([10**5000]) == "[a number of 16610 bits]"
