"""The value around a COCO file."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gsam_edge.coco import Annotations
from gsam_edge.coco.annotations import BBOX_SOURCE, FROM_SEGMENTATION

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
