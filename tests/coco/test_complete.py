"""Boxes and areas that follow from the masks."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from gsam_edge.coco import Annotations, complete
from gsam_edge.coco.geometry.segmentation import encode_mask
from gsam_edge.vision.masks import masks_to_xyxy

IMAGE = {"id": 1, "file_name": "a.png", "height": 12, "width": 9}


def annotations(*records):
    objects = tuple({"id": row, "image_id": 1, "category_id": 1, **record} for row, record in enumerate(records))
    return Annotations((IMAGE,), objects, ({"id": 1, "name": "x"},))


@given(st.lists(arrays(bool, (12, 9)).filter(np.any), min_size=1, max_size=4))
def test_boxes_from_masks_are_tight_and_marked(masks):
    completion = complete(annotations(*({"segmentation": encode_mask(mask)} for mask in masks)))
    assert (completion.boxes, completion.areas) == (len(masks), len(masks))
    for record, mask, xyxy in zip(completion.annotations.objects, masks, masks_to_xyxy(np.stack(masks)), strict=True):
        left, top, right, bottom = xyxy.tolist()
        assert record["bbox"] == [left, top, right - left, bottom - top]
        assert record["bbox_source"] == "segmentation"
        assert record["area"] == mask.sum()
    assert not completion.annotations.has_boxes
    assert complete(completion.annotations) == type(completion)(completion.annotations, 0, 0)


def test_what_is_there_stays():
    whole = {"bbox": [1, 1, 2, 2], "area": 4, "segmentation": [[1, 1, 3, 1, 3, 3, 1, 3]]}
    before = annotations(whole)
    completion = complete(before)
    assert completion.annotations.objects[0] is before.objects[0]
    assert completion.annotations.has_boxes


def test_areas_come_from_the_mask_or_else_the_box():
    box = {"bbox": [1, 1, 4, 2.5]}
    mask = {"segmentation": [[1, 1, 3, 1, 3, 3, 1, 3]]}
    completion = complete(annotations(box, box | mask))
    assert [record["area"] for record in completion.annotations.objects] == [10, 4]
    assert (completion.boxes, completion.areas) == (0, 2)
    assert "bbox_source" not in completion.annotations.objects[1]
