import numpy as np
import pytest

from gsam_edge.synthetic.shapes import MARKS, SHAPES, fill_contours
from gsam_edge.synthetic.texture import PATTERNS, fractal_noise, pattern, rotated_grid, uneven_light, value_noise


@pytest.mark.parametrize("name", SHAPES)
def test_every_shape_fits_its_square_and_fills_some_of_it(name):
    contours = SHAPES[name].contours
    assert max(np.abs(contour).max() for contour in contours) <= 1.25
    cover = fill_contours(tuple(contour * 50 + 64 for contour in contours), (128, 128))
    assert 0.05 < (cover > 127).mean() < 0.7


@pytest.mark.parametrize("name", MARKS)
def test_every_mark_is_drawn_anew(name):
    rng = np.random.default_rng(0)
    first, second = MARKS[name](rng), MARKS[name](rng)
    assert not np.array_equal(first[0], second[0])
    assert np.abs(first[0]).max() <= 1.3


def test_area_of_a_circle_and_the_hole_of_a_ring():
    circle = fill_contours(tuple(c * 40 + 50 for c in SHAPES["circle"].contours), (100, 100)) > 127
    ring = fill_contours(tuple(c * 40 + 50 for c in SHAPES["ring"].contours), (100, 100)) > 127
    # OpenCV fills half a pixel beyond the outline.
    assert np.pi * 40**2 <= circle.sum() <= np.pi * 40.6**2
    assert circle[50, 50]
    assert not ring[50, 50]
    assert (ring & ~circle).sum() == 0


@pytest.mark.parametrize("name", PATTERNS)
def test_patterns_stay_within_bounds_and_vary(name):
    u, v = rotated_grid((40, 60), (30, 20), 0.3)
    mix = pattern(np.random.default_rng(1), name, u, v, 8.0)
    assert mix.shape == (40, 60)
    assert mix.min() >= 0
    assert mix.max() <= 1
    assert (mix.std() > 0.1) == (name != "plain")


def test_unknown_pattern_is_named():
    u, v = rotated_grid((4, 4), (2, 2), 0)
    with pytest.raises(ValueError, match=r"expected one of .* got 'tartan'"):
        pattern(np.random.default_rng(0), "tartan", u, v, 4)


def test_rotated_grid_turns_by_the_angle():
    u, v = rotated_grid((5, 7), (3, 2), np.pi / 2)
    assert u[2, 3] == v[2, 3] == 0
    assert u[4, 3] == pytest.approx(2)
    assert v[2, 5] == pytest.approx(-2)


def test_noise_and_light_keep_their_ranges():
    rng = np.random.default_rng(2)
    for field in (value_noise(rng, (50, 70), 6), fractal_noise(rng, (50, 70), (3, 9, 20))):
        assert field.shape == (50, 70)
        assert field.min() >= 0
        assert field.max() <= 1
        assert field.std() > 0.05
    assert uneven_light(rng, (50, 70), 0.0) == pytest.approx(1)
    assert uneven_light(rng, (50, 70), 1.0).min() > 0
