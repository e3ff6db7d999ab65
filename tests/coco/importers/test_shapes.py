"""Shapes of label tools as COCO has them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from gsam_edge.coco.geometry.segmentation import decode_segmentation
from gsam_edge.coco.geometry.shapes import enclosed_area
from gsam_edge.coco.importers.shapes import box_polygon, cut_out, drawn, ellipse, tight_box, turned, united

SIZE = (60, 80)


def rastered(polygon):
    """An independent drawing: eight times as fine, a pixel counts where half of it is covered."""
    fine = Image.new("L", (SIZE[1] * 8, SIZE[0] * 8))
    ImageDraw.Draw(fine).polygon([v * 8 for v in polygon], fill=1)
    return np.asarray(fine).reshape(SIZE[0], 8, SIZE[1], 8).mean(axis=(1, 3)) > 0.5


@given(
    st.tuples(st.integers(2, 30), st.integers(2, 20), st.integers(20, 45), st.integers(20, 35)),
    st.tuples(st.integers(-10, 70), st.integers(-10, 50), st.integers(3, 40), st.integers(3, 40)),
    st.floats(0, 360),
)
def test_a_hole_takes_its_own_pixels_and_no_other(outline, hole, degrees):
    outer = box_polygon(outline)
    inner = turned(box_polygon(hole), degrees, (hole[0] + hole[2] / 2, hole[1] + hole[3] / 2))
    mask = decode_segmentation(cut_out([outer], [[inner]], SIZE), SIZE)
    expected = rastered(outer) & ~rastered(inner)
    edge = 2 * (sum(hole[2:]) + 4)  # a pixel that the hole's outline crosses may count for either side
    assert abs(int(mask.sum()) - int(expected.sum())) <= edge
    assert not (mask & ~drawn([outer], SIZE)).any()
    assert not (mask & drawn([inner], SIZE)).any()


def test_a_hole_of_whole_pixels_is_exact():
    mask = decode_segmentation(cut_out([box_polygon([5, 5, 30, 20])], [[box_polygon([10, 10, 8, 4])]], SIZE), SIZE)
    expected = np.zeros(SIZE, bool)
    expected[5:25, 5:35] = True
    expected[10:14, 10:18] = False
    np.testing.assert_array_equal(mask, expected)


def test_an_rle_is_cut_and_united_like_a_polygon():
    first, second = box_polygon([5, 5, 30, 20]), box_polygon([50, 40, 20, 15])
    both = united([[first], united([[second]], SIZE)], SIZE)
    assert decode_segmentation(both, SIZE).sum() == 30 * 20 + 20 * 15
    assert decode_segmentation(cut_out(both, [[first]], SIZE), SIZE).sum() == 20 * 15


@given(st.floats(0, 360), st.floats(5, 20), st.floats(5, 20))
def test_a_turned_ellipse_keeps_its_area_and_turns_clockwise(degrees, across, down):
    assert enclosed_area(ellipse((40, 30), (across, down), degrees)) == pytest.approx(np.pi * across * down, rel=0.002)
    assert turned([1, 0], 90, (0, 0)) == pytest.approx([0, 1])  # y points down: what was right is below


def test_the_box_of_points_does_not_depend_on_their_order():
    assert tight_box([(9, 2), (1, 7), (9, 7), (1, 2)]) == [1, 2, 8, 5]


def test_outlines_that_no_pixels_need_are_refused_before_they_are_drawn():
    zigzag = [v for row in range(40_000) for v in ((row % 2) * 80, row % 60)]
    with pytest.raises(ValueError, match="expected an outline of at most"):
        drawn([zigzag], SIZE)
    assert not drawn([[1e6, 1e6, 1e6 + 1, 1e6, 1e6, 1e6 + 5]], SIZE).any()
