"""Polygons out of JSON text, and the geometry by which they are screened."""

import json
import subprocess
import sys
from unittest import mock

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pycocotools import mask as coco_mask

from gsam_edge.coco.geometry import outlines as outlines_module
from gsam_edge.coco.geometry.outlines import Outlines, is_plump, read_outlines
from gsam_edge.coco.geometry.shapes import enclosed_area, outline_length

coordinate = st.floats(0, 30).map(lambda value: round(value, 2))
polygon = st.lists(coordinate, min_size=6, max_size=16).filter(lambda flat: len(flat) % 2 == 0)
polygons = st.lists(polygon, min_size=1, max_size=3)
other = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=2), inner, max_size=2),
    max_leaves=8,
)


def is_list_of_polygons(value):
    """What `read_outlines` is to read, the empty list among it."""
    return isinstance(value, list) and all(
        isinstance(part, list)
        and len(part) >= 2
        and len(part) % 2 == 0
        and all(type(number) in (int, float) and abs(number) <= 1e7 for number in part)
        for part in value
    )


#: pysimdjson is not there on every Python: what is read must not depend on it.
WITH = pytest.mark.parametrize("simdjson", [outlines_module.simdjson, None], ids=["simdjson", "without"])


def read_with(simdjson, texts):
    with mock.patch.object(outlines_module, "simdjson", simdjson):
        return read_outlines(texts)


@WITH
@given(st.lists(polygons | other, max_size=6), st.sampled_from([None, 0, 2]))
def test_what_is_read_is_what_json_says(simdjson, values, indent):
    outlines, is_read = read_with(simdjson, [json.dumps(value, indent=indent).encode() for value in values])
    assert is_read.tolist() == [is_list_of_polygons(value) for value in values]
    parts = [(row, part) for row, value in enumerate(values) if is_read[row] for part in value]
    assert outlines.rows.tolist() == [row for row, _ in parts]
    assert outlines.sizes.tolist() == [len(part) // 2 for _, part in parts]
    assert outlines.xy.ravel().tolist() == [float(number) for _, part in parts for number in part]


@WITH
@pytest.mark.parametrize(
    "text",
    [
        *(b"[[ ],[1,2,3,4,5,6],7]", b"[[1,2,3,4,5,6],[[1,2]]]", b"[[],[5]]", b"[[1e400,1]]", b"5", b"[[true,1]]"),
        *(
            b"[[18446744073709551616,1]]",
            b"[[%s,1]]" % (b"9" * 400),
            b"[[null,1]]",
            b'[["1",2]]',
            b"[" * 2000 + b"]" * 2000,
        ),
    ],
    ids=lambda text: text[:20].decode(),
)
def test_numbers_that_stand_elsewhere_do_not_shift_the_others(simdjson, text):
    sound = b"[[1,2,3,4,5,6]]"
    outlines, is_read = read_with(simdjson, [sound, text, sound])
    assert is_read.tolist() == [True, False, True]
    assert outlines.xy.tolist() == [[1, 2], [3, 4], [5, 6]] * 2


def test_pysimdjson_is_not_needed():
    program = (
        "import sys; sys.modules['simdjson'] = None\n"
        "from gsam_edge.coco.geometry.outlines import read_outlines\n"
        "print(read_outlines([b'[[1, 2.5, -3, 4e1, 0.1, 6]]'])[0].xy.tolist())"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[[1.0, 2.5], [-3.0, 40.0], [0.1, 6.0]]"


@given(polygons)
def test_areas_lengths_and_extents_are_those_of_single_polygons(values):
    outlines, _ = read_outlines([json.dumps(values).encode()])
    areas, lengths = outlines.areas_and_lengths()
    low, high = outlines.extents()
    np.testing.assert_allclose(areas, [enclosed_area(flat) for flat in values], atol=1e-9)
    np.testing.assert_allclose(lengths, [outline_length(flat) for flat in values], atol=1e-9)
    assert low.tolist() == [[min(flat[::2]), min(flat[1::2])] for flat in values]
    assert high.tolist() == [[max(flat[::2]), max(flat[1::2])] for flat in values]


@given(polygons)
def test_what_covers_a_pixel_is_what_pycocotools_draws(values):
    outlines, _ = read_outlines([json.dumps(values).encode()])
    areas, lengths = outlines.areas_and_lengths()
    drawn = [int(coco_mask.area(coco_mask.frPyObjects([flat], 31, 31))[0]) for flat in values]
    assert outlines.cover_a_pixel(areas, lengths, *outlines.extents()).tolist() == [area > 0 for area in drawn]


def test_an_outline_that_runs_twice_over_itself_covers_nothing():
    ellipse = np.array([[15 + 10 * np.cos(t) + 3 * np.sin(t), 15 + 10 * np.sin(t)] for t in np.arange(0, 6.28, 0.4)])
    once, twice = (
        Outlines(ellipse, np.array([0]), np.array([0])),
        Outlines(np.concatenate([ellipse, ellipse]), np.array([0]), np.array([0])),
    )
    for outlines, covers in ((once, True), (twice, False)):
        areas, lengths = outlines.areas_and_lengths()
        assert outlines.cover_a_pixel(areas, lengths, *outlines.extents()).tolist() == [covers]


@given(st.integers(3, 9), st.integers(0, 10**6))
def test_plump_stars_cover_a_pixel_wherever_they_lie(points, seed):
    rng = np.random.default_rng(seed)
    angles = np.sort(rng.random(points)) * 2 * np.pi
    reach = rng.uniform(0.5, 8) * rng.uniform(0.3, 1, points)
    star = np.clip(rng.uniform(8, 22, 2) + reach[:, None] * np.stack([np.cos(angles), np.sin(angles)], axis=1), 0, 30)
    outlines = Outlines(star, np.array([0]), np.array([0]))
    low, high = outlines.extents()
    if is_plump(*outlines.areas_and_lengths(), high - low)[0]:
        assert coco_mask.area(coco_mask.frPyObjects([star.ravel().tolist()], 30, 30))[0] > 0


def test_hundreds_of_thin_polygons_are_drawn():
    thin = [[[x, 3.2, x + 5, 3.2, x + 5, 3.9]] for x in np.arange(0, 20, 0.04).tolist()]
    outlines, _ = read_outlines([json.dumps(part).encode() for part in thin])
    areas, lengths = outlines.areas_and_lengths()
    expected = [coco_mask.area(coco_mask.frPyObjects(part, 30, 30))[0] > 0 for part in thin]
    assert outlines.cover_a_pixel(areas, lengths, *outlines.extents()).tolist() == expected
