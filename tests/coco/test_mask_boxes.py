"""Whether a dataset's boxes are the tight boxes of its masks."""

from dataclasses import replace

import numpy as np
import pytest

from gsam_edge.coco import Annotations
from gsam_edge.coco.geometry.segmentation import encode_mask
from gsam_edge.coco.mask_boxes import boxes_are_of_masks


def dataset(boxes, *, rle=False, masks=True, **more):
    """Objects whose mask is a square of 40 pixels at (20, 30), each with one of the boxes (xywh); None has no box."""
    mask = np.zeros((100, 120), bool)
    mask[30:70, 20:60] = True
    outline = encode_mask(mask) if rle else [[20, 30, 60, 30, 60, 70, 20, 70]]
    objects = [
        {"id": row, "image_id": 1, "category_id": 1, **({} if box is None else {"bbox": box}), **more}
        | ({"segmentation": outline} if masks else {})
        for row, box in enumerate(boxes)
    ]
    image = {"id": 1, "file_name": "1.png", "width": 120, "height": 100}
    return Annotations((image,), tuple(objects), ({"id": 1, "name": "ear"},))


TIGHT, LOOSE, HALF = [20, 30, 40, 40], [14, 24, 52, 52], [20.5, 29.2, 39.8, 40.9]


@pytest.mark.parametrize("rle", [False, True])
def test_boxes_within_a_pixel_of_their_masks_are_theirs_and_boxes_with_a_margin_are_not(rle):
    assert boxes_are_of_masks(dataset([TIGHT, HALF, TIGHT], rle=rle))
    assert not boxes_are_of_masks(dataset([LOOSE, LOOSE, TIGHT], rle=rle))


def test_few_that_disagree_do_not_decide_and_many_do():
    assert boxes_are_of_masks(dataset([TIGHT] * 19 + [LOOSE]))
    assert not boxes_are_of_masks(dataset([TIGHT] * 17 + [LOOSE] * 3))


def test_of_many_objects_some_of_every_part_are_looked_at():
    assert not boxes_are_of_masks(dataset([TIGHT] * 2000 + [LOOSE] * 2000))


def test_boxes_computed_from_masks_are_theirs_and_without_masks_none_are():
    assert boxes_are_of_masks(dataset([TIGHT, TIGHT], bbox_source="segmentation"))
    assert boxes_are_of_masks(dataset([None, None]))
    assert not boxes_are_of_masks(dataset([TIGHT], masks=False))
    assert not boxes_are_of_masks(dataset([]))


def test_crowds_do_not_count():
    assert not boxes_are_of_masks(dataset([TIGHT, TIGHT], iscrowd=1))


def test_empty_masks_do_not_count():
    """They have no box, and outlines that are missing do not make the boxes of the others looser."""
    empty = dataset([TIGHT] * 2, segmentation=encode_mask(np.zeros((100, 120), bool)), masks=False)
    assert boxes_are_of_masks(replace(empty, objects=(*dataset([TIGHT]).objects, *empty.objects)))
    assert not boxes_are_of_masks(empty)
