"""Tiles cover an image, and each object comes out once, whole, at its place."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gsam_edge.runtime.tiles import Tiling, TilingError, detect_in_tiles, merged
from gsam_edge.vision import Detections
from support.inference import detector, squares

TILES = Tiling(side=32, overlap=0.5, whole=False, iou_threshold=0.6, cut_share=0.6)


@given(st.integers(1, 300), st.integers(1, 300), st.integers(1, 100), st.floats(0, 0.9))
def test_tiles_are_of_one_size_cover_the_image_and_overlap_as_asked(height, width, side, overlap):
    windows = Tiling(side, overlap, False, 0.6, 0.6).windows((height, width))
    covered = np.zeros((height, width), bool)
    for left, top, right, bottom in windows:
        assert 0 <= left < right <= width
        assert 0 <= top < bottom <= height
        covered[top:bottom, left:right] = True
    assert covered.all()
    assert {(right - left, bottom - top) for left, top, right, bottom in windows.tolist()} == {
        (min(side, width), min(side, height))
    }
    for starts in (windows[:, 0], windows[:, 1]):
        steps = np.diff(np.unique(starts))
        assert (steps <= max(1, side * (1 - overlap)) + 1).all()  # 1 for rounding to whole pixels


@pytest.mark.parametrize("several", [True, False])
@pytest.mark.parametrize("masks", [True, False])
def test_every_object_of_a_large_image_comes_out_once_at_its_place(several, masks):
    """On edges and corners of tiles and of the image too; without tiles this network sees none of them."""
    rng = np.random.default_rng(0)
    places = [(0, 0), (92, 0), (0, 92), (92, 92), (28, 28), (13, 60), (44, 44), (60, 12), (75, 71)]
    objects = [(int(rng.integers(2)), x, y, 8) for x, y in places]
    image = squares((100, 100), *objects)
    detect, engine = detector(several=several, masks=masks)
    found = detect_in_tiles(detect.all, image, TILES, batch_size=4)
    assert max(engine.calls) == (4 if several else 1)
    expected = {(class_id, x, y, x + 8, y + 8) for class_id, x, y, _ in objects}
    boxes = [(c, *map(int, box)) for c, box in zip(found.class_ids.tolist(), found.xyxy, strict=True)]
    assert len(boxes) == len(expected)
    assert set(boxes) == expected
    if masks:
        assert found.cropped is not None
        assert found.cropped.image_hw == (100, 100)
        whole = np.zeros((2, 100, 100), bool)
        for class_id, mask in zip(found.class_ids, found.masks, strict=True):
            whole[class_id] |= mask
        np.testing.assert_array_equal(whole, image[..., :2].transpose(2, 0, 1) > 0)
    else:
        assert found.masks is None


def test_what_is_larger_than_a_tile_is_found_whole_by_the_view_of_the_whole_image_alone():
    image = squares((96, 96), (0, 8, 8, 60))
    detect, _ = detector()
    parts = detect_in_tiles(detect.all, image, TILES, batch_size=1)
    assert len(parts) > 1
    whole = detect_in_tiles(
        detect.all, image, Tiling(32, 0.5, whole=True, iou_threshold=0.6, cut_share=0.6), batch_size=1
    )
    assert len(whole) == 1
    np.testing.assert_allclose(whole.xyxy, [[8, 8, 68, 68]], atol=3)  # the network sees it three times smaller


def test_what_fits_into_the_overlap_is_left_to_the_tiles():
    """Seen from afar it is found too, as a box of another size."""
    image = squares((100, 120), (0, 40, 70, 6), (1, 90, 10, 6))
    detect, _ = detector()
    assert len(detect(image)) > 0
    found = detect_in_tiles(
        detect.all, image, Tiling(32, 0.5, whole=True, iou_threshold=0.6, cut_share=0.6), batch_size=1
    )
    assert sorted(found.xyxy.tolist()) == [[40, 70, 46, 76], [90, 10, 96, 16]]


def test_an_image_that_is_one_tile_goes_in_as_it_is():
    detect, engine = detector(several=True)
    image = squares((32, 30), (1, 4, 4, 9))
    assert detect_in_tiles(detect.all, image, TILES, batch_size=4).xyxy.tolist() == detect(image).xyxy.tolist()
    assert engine.calls == [1, 1]


def test_a_sure_part_never_drops_the_whole_and_is_dropped_itself():
    """Also where their IoU is small, since a part is no less a part for being small; of another class it stays."""
    xyxy = np.array([[0, 0, 100, 100], [60, 10, 100, 50], [60, 60, 100, 99]], np.float32)
    found = Detections(xyxy, np.array([0.4, 0.9, 0.8], np.float32), np.array([0, 0, 1]))
    kept = merged(found, np.array([False, True, True]), TILES)
    assert kept.scores.tolist() == pytest.approx([0.8, 0.4])
    assert kept.class_ids.tolist() == [1, 0]
    apart = merged(found, np.array([False, False, False]), TILES)
    assert len(apart) == 3  # whole boxes are only dropped by their IoU


def test_of_two_parts_of_an_object_the_larger_stays():
    xyxy = np.array([[0, 0, 50, 20], [5, 0, 60, 20]], np.float32)
    found = Detections(xyxy, np.array([0.9, 0.5], np.float32), np.array([0, 0]))
    assert merged(found, np.array([True, True]), TILES).xyxy.tolist() == [[5, 0, 60, 20]]


@pytest.mark.parametrize(
    "change", [{"side": 0}, {"overlap": 1.0}, {"overlap": -0.1}, {"iou_threshold": 1.5}, {"cut_share": 0.0}]
)
def test_tiles_that_make_no_sense_are_refused(change):
    values = {"side": 32, "overlap": 0.5, "whole": False, "iou_threshold": 0.6, "cut_share": 0.6} | change
    with pytest.raises(TilingError, match="tiles: expected"):
        Tiling(**values)
