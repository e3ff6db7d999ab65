"""The value around a COCO file."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from gsam_edge.coco import Annotations
from gsam_edge.coco.annotations import BBOX_SOURCE, FROM_SEGMENTATION
from gsam_edge.vision.masks import masks_to_xyxy
from support.detections import same

image_masks = arrays(bool, array_shapes(min_dims=2, max_dims=2, max_side=12))
names = st.text(st.characters(codec="utf-8"), min_size=1, max_size=5)


@st.composite
def coco_files(draw):
    categories = draw(st.dictionaries(st.integers(0, 99), names, min_size=1, max_size=4))
    image_ids = draw(st.lists(st.integers(0, 99), unique=True, max_size=5))
    images = [{"id": i, "file_name": f"{i}.png", "height": 8, "width": 9} for i in image_ids]
    owners = draw(st.lists(st.sampled_from(image_ids), max_size=6)) if image_ids else []
    objects = [
        {"id": row, "image_id": owner, "category_id": draw(st.sampled_from(sorted(categories))), "bbox": [1, 2, 3, 4.5]}
        for row, owner in enumerate(owners)
    ]
    rest = draw(st.dictionaries(st.sampled_from(["info", "licenses", "type"]), st.integers()))
    return {
        **rest,
        "images": images,
        "annotations": objects,
        "categories": [{"id": i, "name": name} for i, name in categories.items()],
    }


@given(coco_files())
def test_a_file_comes_back_from_the_value(content):
    value = Annotations.from_coco(content)
    assert value.to_coco() == content
    assert Annotations.from_coco(value.to_coco()) == value


@given(coco_files())
def test_subsets_share_the_whole_out(content):
    value = Annotations.from_coco(content)
    ids = [image["id"] for image in value.images]
    first, second = value.subset(ids[::2]), value.subset(ids[1::2])
    assert len(first.objects) + len(second.objects) == len(value.objects)
    assert first.class_mapping == second.class_mapping == value.class_mapping
    assert set(first.image_by_id) | set(second.image_by_id) == set(ids)
    assert value.subset(ids) == value


def test_class_ids_count_from_0_in_category_order(content):
    value = Annotations.from_coco(content)
    assert value.class_mapping == {0: "bag", 1: "wire"}
    assert value.class_names == ("bag", "wire")
    assert value.num_classes == 2
    assert value.class_id_of_category == {3: 0, 5: 1}


@pytest.mark.parametrize(
    ("record", "boxes", "masks"),
    [
        ({"bbox": [0, 0, 1, 1]}, True, False),
        ({"bbox": [0, 0, 1, 1], BBOX_SOURCE: FROM_SEGMENTATION, "segmentation": [[0, 0, 1, 0, 1, 1]]}, False, True),
        ({"bbox": [0, 0, 1, 1], "segmentation": []}, True, False),
        ({"bbox": [0, 0, 1, 1], "segmentation": [[0, 0, 1, 0, 1, 1]]}, True, True),
        ({"bbox": [0, 0, 1, 1], "segmentation": [[0, 0, 1, 0, 1, 1]], "iscrowd": 1}, False, False),
    ],
)
def test_the_data_says_what_it_has(record, boxes, masks):
    image = {"id": 1, "file_name": "a.png", "height": 4, "width": 4}
    value = Annotations((image,), ({"id": 1, "image_id": 1, "category_id": 1, **record},), ({"id": 1, "name": "x"},))
    assert (value.has_boxes, value.has_masks) == (boxes, masks)


def test_truth_gives_boxes_classes_and_masks(content):
    truth = Annotations.from_coco(content).truth(2)
    np.testing.assert_allclose(truth.xyxy, [[0, 0, 2, 40], [1.5, 2.5, 11.75, 22.5]])
    assert truth.class_ids.tolist() == [1, 0]
    assert truth.scores.tolist() == [1, 1]
    assert truth.masks.shape == (2, 40, 50)
    assert truth.masks.sum(axis=(1, 2)).tolist() == [80, 0]


def test_truth_takes_a_missing_box_from_the_mask_and_leaves_crowds_out(content):
    content["annotations"].append({**content["annotations"][3], "id": 9, "iscrowd": 1})
    value = Annotations.from_coco(content)
    np.testing.assert_allclose(value.truth(7).xyxy, [[3, 5, 6, 9]])
    assert len(value.truth(7, crowds=True)) == 2


def test_truth_of_an_empty_image_is_empty_and_of_an_unknown_one_an_error(content):
    content["annotations"] = content["annotations"][:1]
    value = Annotations.from_coco(content)
    assert value.truth(7).masks.shape == (0, 40, 50)
    with pytest.raises(KeyError):
        value.truth(99)


@pytest.mark.parametrize("masks", [True, False])
def test_packed_truth_is_the_truth_and_decodes_nothing(content, decoded, masks):
    """Also of an object with a box only, beside a crowd, and of an image without objects."""
    content["annotations"].append({**content["annotations"][3], "id": 9, "iscrowd": 1})
    content["images"].append({"id": 8, "file_name": "8.png", "height": 40, "width": 50})
    value = Annotations.from_coco(content)
    ready = {image_id: value.packed_truth(image_id, masks=masks) for image_id in value.image_by_id}
    assert decoded == []
    for image_id, packed in ready.items():
        assert same(packed.unpack(), value.truth(image_id, masks=masks))


def uncompressed(mask):
    """Column-major runs, beginning with background."""
    changes = np.flatnonzero(np.diff(mask.ravel(order="F"), prepend=False))
    return np.diff(changes, prepend=0, append=mask.size).tolist()


def l_shapes(**changes):
    """Two L-shaped objects of one image, one as polygons, one as RLE; `changes` goes into both records."""
    code = {"size": [20, 30], "counts": [0, 20, 10, 5, 565]}
    shapes = [[[4, 4, 9, 4, 9, 6, 6, 6, 6, 15, 4, 15]], code]
    objects = tuple(
        {"id": row, "image_id": 1, "category_id": 1, "segmentation": shape, **changes}
        for row, shape in enumerate(shapes)
    )
    image = {"id": 1, "file_name": "a.png", "width": 30, "height": 20}
    return Annotations((image,), objects, ({"id": 1, "name": "x"},))


@pytest.mark.parametrize("changes", [{}, {"bbox": [1, 2, 3.25, 4]}, {"bbox": None}, {"iscrowd": 1}])
def test_truth_without_masks_is_the_same_truth_and_decodes_nothing(decoded, changes):
    value = l_shapes(**changes)
    boxes = value.truth(1, crowds=True, masks=False)
    assert decoded == []
    assert boxes.masks is None
    assert same(boxes, replace(value.truth(1, crowds=True), masks=None))
    assert boxes.xyxy.any(axis=1).all()
    assert value.truth(1, masks=False).masks is None


@given(image_masks, st.booleans())
def test_a_box_taken_from_a_code_is_that_of_the_decoded_mask(mask, spoilt):
    """Also where the code holds a run of no pixels, as some tools write."""
    counts = uncompressed(mask)
    if spoilt:
        counts = [part for run in counts for part in (run // 2, 0, run - run // 2)]
    record = {
        "id": 1,
        "image_id": 1,
        "category_id": 1,
        "segmentation": {"size": list(mask.shape), "counts": counts},
    }
    image = {"id": 1, "file_name": "a.png", "width": mask.shape[1], "height": mask.shape[0]}
    value = Annotations((image,), (record,), ({"id": 1, "name": "x"},))
    np.testing.assert_array_equal(value.truth(1).masks[0], mask)
    for masks in (True, False):
        np.testing.assert_array_equal(value.truth(1, masks=masks).xyxy, masks_to_xyxy(mask[None]))
