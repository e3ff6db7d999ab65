"""COCO's codes of segmentations, against pycocotools."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from pycocotools import mask as coco_mask

from gsam_edge.coco.geometry.segmentation import (
    decode_segmentation,
    empty_rle,
    encode_mask,
    mask_to_rle,
    polygon_areas,
    rle_areas,
    rle_boxes,
    rle_iou,
    segmentation_area,
    segmentation_pixels,
)
from gsam_edge.vision import masks
from gsam_edge.vision.rle import run_lengths

one_mask = arrays(bool, array_shapes(min_dims=2, max_dims=2, max_side=40))

mask_stack = st.tuples(st.integers(0, 5), st.integers(1, 20), st.integers(1, 20)).flatmap(lambda s: arrays(bool, s))


@given(one_mask)
def test_encoding_leads_back_through_json(mask):
    rle = json.loads(json.dumps(encode_mask(mask)))
    np.testing.assert_array_equal(decode_segmentation(rle, mask.shape), mask)


@given(one_mask)
def test_runs_are_those_of_the_mask_in_columns(mask):
    runs = run_lengths(encode_mask(mask)["counts"], mask.shape)
    pixels = np.repeat(np.arange(len(runs)) % 2 == 1, runs)
    np.testing.assert_array_equal(pixels.reshape(mask.shape[::-1]).T, mask)
    uncompressed = {"size": list(mask.shape), "counts": runs.tolist()}
    np.testing.assert_array_equal(decode_segmentation(uncompressed, mask.shape), mask)


@given(one_mask)
def test_area_and_box_agree_with_pycocotools_and_with_the_pixels(mask):
    rle = encode_mask(mask)
    area, xywh = segmentation_area(rle, mask.shape)
    assert area == mask.sum() == coco_mask.area(rle)
    assert xywh == coco_mask.toBbox(rle).tolist()
    left, top, right, bottom = masks.masks_to_xyxy(mask[None])[0]
    assert xywh == [left, top, right - left, bottom - top]


@given(one_mask, st.data())
def test_overlap_of_run_lengths_is_that_of_the_pixels_to_the_last_bit(mask, data):
    other = data.draw(arrays(bool, mask.shape))
    pairs = [(mask, other), (mask, mask), (mask, np.zeros_like(mask))]
    for a, b in pairs:
        assert rle_iou(mask_to_rle(a), mask_to_rle(b)) == masks.paired_iou(a[None], b[None])[0]
    assert rle_iou(mask_to_rle(other), empty_rle(mask.shape)) == 0
    assert rle_areas([mask_to_rle(mask), empty_rle(mask.shape)]).tolist() == [mask.sum(), 0]


def test_overlap_of_masks_of_two_sizes_is_refused():
    with pytest.raises(ValueError, match=r"expected masks of one size, got \[2, 3\] and \[3, 2\]"):
        rle_iou(empty_rle((2, 3)), empty_rle((3, 2)))


@given(one_mask, st.booleans())
def test_a_run_of_no_pixels_changes_neither_area_nor_box(mask, as_text):
    """Some tools write runs of length 0; pycocotools' `toBbox` gave corners of 4294967295 for them."""
    runs = run_lengths(encode_mask(mask)["counts"], mask.shape)
    counts = [part for run in runs.tolist() for part in (run // 2, 0, run - run // 2)]
    segmentation = {"size": list(mask.shape), "counts": counts}
    if as_text:
        segmentation["counts"] = coco_mask.frPyObjects(segmentation, *mask.shape)["counts"].decode()
    assert segmentation_area(segmentation, mask.shape) == segmentation_area(encode_mask(mask), mask.shape)
    np.testing.assert_array_equal(decode_segmentation(segmentation, mask.shape), mask)


def test_polygons_of_several_parts_are_drawn_as_pycocotools_draws_them():
    polygons = [[1, 1, 8, 1, 8, 6, 1, 6], [12, 2, 18, 4, 12, 9]]
    rle = coco_mask.merge(coco_mask.frPyObjects(polygons, 20, 30))
    np.testing.assert_array_equal(decode_segmentation(polygons, (20, 30)), coco_mask.decode(rle))


@pytest.mark.parametrize(
    ("segmentation", "message"),
    [
        ("a polygon", "expected a list of polygons or an RLE mapping, got str"),
        ([], "expected a list of polygons or an RLE mapping, got list"),
        ({"size": [4, 6], "counts": "0"}, r"expected size \[4, 5\], got \[4, 6\]"),
        ({"size": 4, "counts": "0"}, r"expected size \[4, 5\], got 4"),
        ({"size": [4, 5]}, "expected counts as text or a list, got NoneType"),
        ({"size": [4, 5], "counts": [10, 5]}, "cover 20 pixels, got 2 runs of 15"),
        ({"size": [4, 5], "counts": [30, -10]}, "from 0 upwards"),
        ({"size": [4, 5], "counts": [True, 19]}, "whole numbers"),
        ({"size": [4, 5], "counts": [10.0, 10]}, "whole numbers"),
        ({"size": [4, 5], "counts": ""}, "characters from"),
        ({"size": [4, 5], "counts": "é0"}, "characters from"),
        ({"size": [4, 5], "counts": "oooooooooooooo"}, "cut off"),
        ({"size": [4, 5], "counts": "oooooooooooooo0"}, "32 bits"),
        ({"size": [4, 5], "counts": "P"}, "cut off"),
    ],
)
def test_damaged_segmentations_are_refused(segmentation, message):
    with pytest.raises(ValueError, match=message):
        decode_segmentation(segmentation, (4, 5))


@given(one_mask, st.data())
def test_mutated_codes_are_refused_or_cover_the_mask(mask, data):
    """pycocotools would read and write beyond its memory here."""
    code = list(encode_mask(mask)["counts"])
    for _ in range(data.draw(st.integers(1, 4))):
        position = data.draw(st.integers(0, len(code) - 1))
        code[position] = data.draw(st.characters(min_codepoint=40, max_codepoint=120))
    segmentation = {"size": list(mask.shape), "counts": "".join(code)[: data.draw(st.integers(0, len(code)))]}
    try:
        decoded = decode_segmentation(segmentation, mask.shape)
    except ValueError:
        return
    assert decoded.shape == mask.shape
    assert decoded.sum() == run_lengths(segmentation["counts"], mask.shape)[1::2].sum()


@given(one_mask)
def test_pixels_are_counted_without_drawing(mask):
    changes = np.flatnonzero(np.diff(mask.ravel(order="F"), prepend=False))
    uncompressed = {"size": list(mask.shape), "counts": np.diff(changes, prepend=0, append=mask.size).tolist()}
    assert segmentation_pixels(encode_mask(mask), mask.shape) == mask.sum()
    assert segmentation_pixels(uncompressed, mask.shape) == mask.sum()


def test_hundreds_of_polygons_are_measured_at_once():
    """More than 255, where pycocotools' own count of them ends."""
    squares = [np.array([1, 1, side, 1, side, side, 1, side], float) for side in np.linspace(2, 30, 600)]
    expected = [segmentation_pixels([square.tolist()], (32, 33)) for square in squares]
    assert polygon_areas(squares, (32, 33)).tolist() == expected
    assert polygon_areas([], (3, 3)).tolist() == []


def test_an_rle_of_exchanged_sides_is_called_so():
    with pytest.raises(ValueError, match=r"expected size \[2, 3\], got \[3, 2\]: height and width are exchanged"):
        decode_segmentation({"size": [3, 2], "counts": [6]}, (2, 3))


@given(st.integers(0, 4), st.integers(0, 2**32 - 1))
def test_boxes_of_encoded_masks_are_those_of_the_masks(count, seed):
    stack = np.random.default_rng(seed).random((count, 7, 9)) < 0.05
    boxes = rle_boxes([mask_to_rle(mask) for mask in stack])
    assert boxes.dtype == np.float32
    np.testing.assert_array_equal(boxes, masks.masks_to_xyxy(stack))
