"""The heat map is the mean of what boxes cover."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gsam_edge.coco import Annotations
from gsam_edge.coco.health.heat_map import annotation_heat_map


def annotations_of(boxes, images=1):
    return Annotations(
        tuple({"id": i, "file_name": f"{i}.png", "width": 80, "height": 40} for i in range(images)),
        tuple({"id": row, "image_id": 0, "category_id": 1, "bbox": box} for row, box in enumerate(boxes)),
        ({"id": 1, "name": "bag"},),
    )


@given(st.lists(st.tuples(st.integers(0, 79), st.integers(0, 39), st.integers(1, 80), st.integers(1, 40)), max_size=8))
def test_it_is_the_mean_over_the_pixels_of_a_cell(boxes):
    drawn = np.zeros((40, 80))
    for left, top, width, height in boxes:
        drawn[top : top + height, left : left + width] += 1
    expected = drawn.reshape(8, 5, 8, 10).mean(axis=(1, 3))
    np.testing.assert_allclose(
        annotation_heat_map(annotations_of([list(box) for box in boxes]), 8), expected, atol=1e-9
    )


def test_images_without_objects_count():
    assert annotation_heat_map(annotations_of([[0, 0, 80, 40]], images=4), 3) == pytest.approx(np.full((3, 3), 0.25))
