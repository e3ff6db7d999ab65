"""What is written as YOLO's text is read back as it was, by this project's importer and by Ultralytics' rule."""

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from gsam_edge.coco import Annotations
from gsam_edge.coco.errors import InvalidDatasetError
from gsam_edge.coco.geometry.segmentation import encode_mask
from gsam_edge.coco.yolo_text import data_yaml, yolo_text
from support.importers import SIZE, imported

CATEGORIES = ({"id": 7, "name": "ear"}, {"id": 9, "name": "etikett: größer"})


def dataset(*objects, names=("images/a.png",)):
    images = tuple(
        {"id": number, "file_name": name, "height": SIZE[0], "width": SIZE[1]} for number, name in enumerate(names)
    )
    records = tuple({"id": number, "image_id": 0, **each} for number, each in enumerate(objects))
    return Annotations(images, records, CATEGORIES)


def read_back(annotations):
    contents = {image["file_name"]: b"" for image in annotations.images}
    contents |= yolo_text(annotations) | {"data.yaml": data_yaml(annotations.class_names)}
    return Annotations.from_coco(imported("yolo", contents).content)


@given(
    st.lists(
        st.tuples(st.integers(0, 20), st.integers(0, 20), st.integers(1, 20), st.integers(1, 20)),
        min_size=1,
        max_size=4,
    )
)
def test_boxes_come_back(boxes):
    given_ones = dataset(*({"category_id": 9, "bbox": list(box)} for box in boxes))
    back = read_back(given_ones)
    found = back.truth(1)
    np.testing.assert_allclose(found.xyxy, given_ones.truth(0).xyxy, atol=1e-3)
    assert {back.class_names[class_id] for class_id in found.class_ids} == {"etikett: größer"}


@given(st.integers(0, 10**6))
def test_masks_of_several_parts_with_holes_come_back_nearly_to_the_pixel(seed):
    coarse = np.random.default_rng(seed).random((SIZE[0] // 5, SIZE[1] // 5)) < 0.6
    coarse[0, 0] = True
    mask = np.kron(coarse, np.ones((5, 5), bool))
    back = read_back(dataset({"category_id": 7, "segmentation": encode_mask(mask)})).truth(1)
    assert len(back) == 1
    overlap = (back.masks[0] & mask).sum() / (back.masks[0] | mask).sum()
    assert overlap > 0.95


def test_crowds_are_left_out_and_an_image_without_objects_has_an_empty_file():
    crowd = {"category_id": 7, "bbox": [0, 0, 5, 5], "iscrowd": 1}
    assert yolo_text(dataset(crowd, names=("images/x/a.png", "images/b.png"))) == {
        "labels/x/a.txt": "",
        "labels/b.txt": "",
    }


def test_images_that_differ_in_their_suffix_alone_are_refused():
    with pytest.raises(InvalidDatasetError, match=r"'images/a.png' and 'images/a.jpg'.*labels/a.txt"):
        yolo_text(dataset(names=("images/a.png", "images/a.jpg")))


def test_data_yaml_is_what_ultralytics_asks_for():
    content = yaml.safe_load(data_yaml(("ear", "etikett: größer")))
    assert content == {
        "path": ".",
        "train": "images",
        "val": "images",
        "names": {0: "ear", 1: "etikett: größer"},
    }
