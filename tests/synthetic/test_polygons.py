import cv2
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from gsam_edge.coco.geometry.segmentation import decode_segmentation
from gsam_edge.synthetic.polygons import mask_to_polygons
from gsam_edge.vision.masks import paired_iou


def test_empty_mask_has_no_polygon():
    assert mask_to_polygons(np.zeros((8, 9), bool), 0.5) == []


def test_one_part_one_polygon_two_parts_two():
    mask = np.zeros((40, 40), bool)
    mask[5:15, 5:20] = True
    assert len(mask_to_polygons(mask, 0.5)) == 1
    mask[25:35, 25:35] = True
    polygons = mask_to_polygons(mask, 0.5)
    assert len(polygons) == 2
    np.testing.assert_array_equal(decode_segmentation(polygons, (40, 40)), mask)


def test_a_hole_stays_a_hole():
    mask = np.zeros((60, 60), bool)
    mask[10:50, 8:52] = True
    mask[20:30, 20:40] = False
    mask[36:40, 12:16] = False
    np.testing.assert_array_equal(decode_segmentation(mask_to_polygons(mask, 0.0), (60, 60)), mask)


@given(st.integers(0, 2**32 - 1), st.floats(0.35, 0.65))
@settings(max_examples=80, deadline=None)
def test_polygons_cover_the_mask_as_pycocotools_draws_them(seed, level):
    coarse = np.random.default_rng(seed).random((7, 7), dtype=np.float32)
    mask = cv2.resize(coarse, (120, 100), interpolation=cv2.INTER_CUBIC) > level
    polygons = mask_to_polygons(mask, 0.5)
    if mask.sum() > 400:
        assert paired_iou(decode_segmentation(polygons, (100, 120))[None], mask[None])[0] > 0.97
    for polygon in polygons:
        assert len(polygon) >= 6
        assert all(0 <= x <= 120 for x in polygon[::2])
        assert all(0 <= y <= 100 for y in polygon[1::2])
