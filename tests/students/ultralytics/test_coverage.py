"""A polygon's mask is its area: no line around it, none between its parts."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gsam_edge.coco.geometry.mask_polygon import mask_polygon
from gsam_edge.students.ultralytics.coverage import coverage, learnable_masks
from gsam_edge.students.ultralytics.polygons import polygon_masks
from gsam_edge.vision.masks import masks_to_xyxy


def blobs(seed: int, side: int, share: float) -> np.ndarray:
    """A mask of several parts, with holes, up to the edges."""
    noise = cv2.GaussianBlur(np.random.default_rng(seed).normal(size=(side, side)), (0, 0), side / 15)
    return noise > np.quantile(noise, 1 - share)


def shares(polygon: np.ndarray, grid_hw: tuple[int, int]) -> np.ndarray:
    """The covered shares on the whole grid."""
    whole = np.zeros(grid_hw)
    ((top, left, part),) = coverage([polygon], grid_hw)
    whole[top : top + part.shape[0], left : left + part.shape[1]] = part
    return whole


def warped_shares(mask: np.ndarray, matrix: np.ndarray, grid_hw: tuple[int, int], cell: float) -> np.ndarray:
    """The reference: the mask moved by an affine map and averaged over each cell, from 32 x 32 points of it."""
    points = 32
    y, x = ((np.arange(side * points) + 0.5) * cell / points for side in grid_hw)
    inverse = np.linalg.inv(matrix)
    column = np.floor(inverse[0, 0] * x + inverse[0, 1] * y[:, None] + inverse[0, 2]).astype(int)
    line = np.floor(inverse[1, 0] * x + inverse[1, 1] * y[:, None] + inverse[1, 2]).astype(int)
    inside = (column >= 0) & (line >= 0) & (column < mask.shape[1]) & (line < mask.shape[0])
    found = mask[line.clip(0, mask.shape[0] - 1), column.clip(0, mask.shape[1] - 1)] & inside
    return found.reshape(grid_hw[0], points, grid_hw[1], points).mean((1, 3))


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**32 - 1), st.sampled_from([1, 2, 5, 30, 120]), st.floats(0.02, 0.98))
def test_a_polygon_gives_its_mask_back_to_the_last_pixel(seed, side, share):
    """Parts, holes, pixels that touch at a corner, the image's edges; the polygon's extent is the mask's box."""
    rng = np.random.default_rng(seed)
    for mask in (blobs(seed, side, share), rng.random((side, side + 2)) < share):
        polygon = mask_polygon(mask)
        if polygon is None:
            assert not mask.any()
            continue
        np.testing.assert_array_equal(polygon_masks([polygon], mask.shape).whole()[0], mask)
        np.testing.assert_array_equal(shares(polygon, mask.shape), mask)
        box = np.concatenate([polygon.min(0), polygon.max(0)])
        np.testing.assert_array_equal(box, masks_to_xyxy(mask[None])[0])


@settings(deadline=None, max_examples=40)
@given(
    st.integers(0, 2**32 - 1), st.floats(0.2, 2), st.floats(-np.pi, np.pi), st.floats(-30, 60), st.floats(-30, 60),
    st.booleans(),
)  # fmt: skip
def test_shares_are_those_of_the_moved_mask(seed, scale, angle, x, y, mirrored):
    """Scaled, turned, mirrored and shifted, also out of the grid: each cell to a line of it, the area to 4 %."""
    mask = blobs(seed, 40, 0.3)
    cos, sin = scale * np.cos(angle), scale * np.sin(angle)
    matrix = np.array([[-cos if mirrored else cos, -sin, x], [-sin if mirrored else sin, cos, y], [0, 0, 1]])
    polygon = mask_polygon(mask)
    moved = (polygon @ matrix[:2, :2].T + matrix[:2, 2]).astype(np.float32) / 4
    expected = warped_shares(mask, matrix, (10, 12), 4)
    if (moved.max(0) <= 0).any() or (moved.min(0) >= (12, 10)).any():
        return  # none of it is left
    found = shares(moved, (10, 12))
    assert np.abs(found - expected).max() < 0.125 + 0.05 / scale
    if expected.sum() > 2:
        assert found.sum() == pytest.approx(expected.sum(), rel=0.04)


def test_lines_between_parts_and_holes_cover_nothing():
    mask = np.zeros((60, 80), bool)
    mask[5:15, 5:15] = mask[40:55, 60:78] = mask[30:34, 10:14] = True
    mask[7:10, 7:10] = False
    for scale in (1, 0.8, 0.37, 2.3):
        polygon = mask_polygon(mask) * np.float32(scale) + np.float32(0.3)
        assert shares(polygon, (200, 200)).sum() == pytest.approx(mask.sum() * scale**2, rel=0.01)


@pytest.mark.parametrize("width", [0.02, 0.2, 0.5, 1.0, 2.0])
def test_an_object_thinner_than_a_cell_is_not_lost(width):
    """Widths in cells, at any angle and place, and squares of that side."""
    rng = np.random.default_rng(0)
    for length in (width, 12.0):
        for _ in range(40):
            angle, centre = rng.uniform(0, np.pi), rng.uniform(8, 24, 2)
            along = np.array([np.cos(angle), np.sin(angle)]) * length / 2
            across = np.array([-along[1], along[0]]) * width / length
            corners = [centre + s * along + t * across for s, t in ((-1, -1), (1, -1), (1, 1), (-1, 1))]
            polygon = np.array(corners, np.float32)
            assert (learnable_masks([polygon], (32, 32)) > 0.5).any()
            assert polygon_masks([polygon], (32, 32)).whole().any()


def test_no_polygon_gives_no_mask():
    assert learnable_masks([], (4, 6)).shape == (0, 4, 6)
    assert polygon_masks([], (4, 6)).shape == (0, 4, 6)
    assert mask_polygon(np.zeros((5, 5), bool)) is None
