"""YOLO: a text file of boxes or polygons for each image."""

import pytest

from gsam_edge.coco import InvalidDatasetError
from support.importers import YAML, accounted, imported, noted, skipped

NAMES = "names: {0: bag, 3: wire}\n"


def test_yolo_boxes_and_polygons():
    result = imported(
        "yolo",
        {
            "data.yaml": YAML,
            "images/train/a.jpg": "",
            "labels/train/a.txt": "0 0.5 0.5 0.2 0.1\n\n3 0 0 1 0 1 0.5\n",
            "images/val/b.jpg": "",
            "labels/val/b.txt": "",
            "images/val/c.jpg": "",
        },
    )
    assert [i["split"] for i in result.content["images"]] == ["train", "val", "val"]
    box, polygon = result.content["annotations"]
    assert box["bbox"] == pytest.approx([20, 18, 10, 4])
    assert polygon["segmentation"] == [[0, 0, 50, 0, 50, 20]]
    assert "bbox" not in polygon
    assert [c["name"] for c in result.content["categories"]] == ["bag", "wire"]
    assert (result.report["boxes"], result.report["masks"]) == (1, 1)
    assert skipped(result) == {}


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("1 0.5 0.5 0.2 0.1", "class_unknown"),
        ("0.5 0.5 0.5 0.2 0.1", "class_unknown"),
        ("0 0.5 0.5 0.2", "object_malformed"),
        ("0 0.5 0.5 0.2 0.1 7", "object_malformed"),
        ("0 0.5 0.5 0.2 0.1 -0.1", "object_malformed"),
        ("0 0 0 1 0 1 1 7", "object_malformed"),
        ("0 0.5 0.5 0 0.1", "object_malformed"),
        ("0 0.5 0.5 0.2 -0.1", "object_malformed"),
        ("0 320 240 64 64", "object_malformed"),
        ("0 0.5 0.5 nan 0.1", "object_malformed"),
        ("0 0.5 0.5 1e999 0.1", "object_malformed"),
        ("bag 0.5 0.5 0.2 0.1", "object_malformed"),
        ("0", "object_malformed"),
    ],
)
def test_lines_that_yolo_does_not_know(line, code):
    result = imported("yolo", {"data.yaml": NAMES, "a.jpg": "", "a.txt": f"{line}\n0 0.5 0.5 0.2 0.1"})
    assert skipped(result) == {code: 1}
    assert noted(result) == {"labels_incomplete": 1}
    assert accounted(result)["objects"] == (2, 1, {code: 1})


def test_yolo_finds_the_names_of_its_classes():
    files = {"a.jpg": "", "a.txt": "1 0.5 0.5 0.2 0.1"}
    assert imported("yolo", files | {"classes.txt": "bag\nwire\n"}).report["per_class"] == {"bag": 0, "wire": 1}
    assert imported("yolo", files, {1: "seal"}).report["per_class"] == {"seal": 1}
    listed = {"data.yaml": "train: train.txt\nnames: [bag, wire]", "train.txt": "./data/a.jpg\n"}
    assert imported("yolo", files | listed).report["per_class"] == {"bag": 0, "wire": 1}
    with pytest.raises(InvalidDatasetError, match=r"expected class names in data.yaml"):
        imported("yolo", files)
    with pytest.raises(InvalidDatasetError, match=r"data.yaml: expected a YAML file"):
        imported("yolo", files | {"data.yaml": "names: !!python/object/apply:os.system ['true']"})


def test_labels_of_no_image_are_counted():
    files = {"data.yaml": NAMES, "images/a.jpg": "", "labels/a.txt": "0 .5 .5 .1 .1", "labels/classes.txt": "bag"}
    lost = {"labels/gone.txt": "0 .5 .5 .1 .1\n" * 5, "images/z.heic": "", "images/z.txt": "3 0 0 1 0 1 1\n"}
    result = imported("yolo", files | lost | {"README.txt": "made in 2024", "train.txt": "images/a.jpg"})
    assert skipped(result) == {"image_missing": 2, "file_not_used": 3}
    assert result.report["skipped"][0]["examples"] == [
        {"where": "images/z.txt", "detail": "no image of its stem in the place of this file"},
        {"where": "labels/gone.txt", "detail": "no image of its stem in the place of this file"},
    ]
    assert accounted(result)["objects"] == (7, 1, {"image_missing": 6})
    assert accounted(result)["files"] == (8, 3, {"image_missing": 2, "file_not_used": 3})


def test_of_a_pose_the_box_is_taken_over():
    files = {"data.yaml": f"{NAMES}kpt_shape: [2, 3]", "a.jpg": "", "a.txt": "0 .5 .5 .2 .1 0 0 2 1 1 2\n0 .5 .5 1 1"}
    result = imported("yolo", files)
    assert [record["bbox"] for record in result.content["annotations"]] == [
        pytest.approx([20, 18, 10, 4]),
        [0, 0, 50, 40],
    ]
    assert (result.report["masks"], skipped(result)) == (0, {"key_points": 1})


@pytest.mark.parametrize(
    "bad",
    [
        "a: &a {x: 1}\nnames: [*a]",
        "base: &b {0: bag}\nnames: {<<: *b}",
        'names: ["\\ud800"]',
        'names: [""]',
        "names: {-1: bag}",
        "names: {0: bag, 00: wire}",
        "[" * 100_000,
    ],
)
def test_a_data_yaml_that_is_refused(bad):
    with pytest.raises(InvalidDatasetError, match=r"data.yaml: expected"):
        imported("yolo", {"a.jpg": "", "a.txt": "0 .5 .5 .1 .1", "data.yaml": bad})


def test_class_names_are_words_and_of_one_file():
    files = {"a.jpg": "", "a.txt": "0 .5 .5 .1 .1\n1 .5 .5 .1 .1"}
    result = imported("yolo", files | {"data.yaml": "names: [no, 1.10]", "another.yaml": "{"})
    assert (result.report["per_class"], skipped(result)) == ({"no": 1, "1.10": 1}, {"file_not_used": 1})
    result = imported("yolo", files | {"bad.yaml": "{", "mine.yaml": "names: {0: yes, 1: on}"})
    assert (result.report["per_class"], skipped(result)) == ({"yes": 1, "on": 1}, {"file_unreadable": 1})


def test_classes_of_one_name_are_merged_and_counted():
    files = {"a.jpg": "", "a.txt": "0 .5 .5 .1 .1\n2 .5 .5 .1 .1", "data.yaml": "names: [bag, wire, bag]"}
    result = imported("yolo", files)
    assert (result.report["per_class"], skipped(result)) == ({"bag": 2, "wire": 0}, {})
    assert noted(result) == {"class_same_name": 1}
