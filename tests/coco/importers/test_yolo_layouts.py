"""YOLO in the trees that tools and people make: where labels lie, and what data.yaml and obj.data say of splits."""

import json

import pytest

from gsam_edge.coco import InvalidDatasetError
from support.importers import accounted, imported, noted, objects_per_image, skipped

LINE = "0 0.5 0.5 0.2 0.1\n"


def splits_of(result):
    return {image["file_name"]: image.get("split") for image in result.content["images"]}


@pytest.mark.parametrize(
    ("image", "label"),
    [
        ("images/a.jpg", "labels/a.txt"),
        ("images/train/a.jpg", "labels/train/a.txt"),
        ("train/images/a.jpg", "train/labels/a.txt"),
        ("Train/Images/a.jpg", "Train/LABELS/a.txt"),
        ("images/train/a.jpg", "labels/a.txt"),
        ("a.jpg", "a.txt"),
        ("data/cam1/a.jpg", "data/cam1/a.txt"),
        ("obj_train_data/a.jpg", "obj_train_data/a.txt"),
        ("a.jpg", "a.jpg.txt"),
        ("a.jpg", "A.TXT"),
        ("JPEGImages/a.jpg", "labels/a.txt"),
        ("Bilder/a.jpg", "Etiketten/a.txt"),
        ("images/a b\u00fc.jpg", "labels/a%20b%C3%BC.txt"),
        ("images/\u00fc.jpg", "labels/u\u0308.txt"),
    ],
)
def test_labels_lie_beside_the_image_or_in_a_folder_for_labels(image, label):
    result = imported("yolo", {"classes.txt": "bag", image: "", label: LINE})
    assert objects_per_image(result) == {image: 1}
    assert skipped(result) == {}


def test_labels_of_one_camera_never_go_to_another():
    files = {f"cam{c}/images/{n}.jpg": "" for c in "123" for n in "01"}
    files |= {f"cam{c}/labels/{n}.txt": LINE * int(c) for c in "123" for n in "01"}
    del files["cam2/images/0.jpg"], files["cam3/labels/0.txt"]
    result = imported("yolo", files | {"classes.txt": "bag"})
    counts = {"cam1/images/0.jpg": 1, "cam1/images/1.jpg": 1, "cam2/images/1.jpg": 2, "cam3/images/1.jpg": 3}
    assert objects_per_image(result) == counts, "cam3/images/0.jpg may have lost its labels to cam2, so it is not empty"
    assert skipped(result) == {"image_missing": 1, "labels_lost": 1}


TREE = {
    "images/a.jpg": "", "images/b.jpg": "", "images/c.jpg": "",
    "labels/a.txt": LINE, "labels/b.txt": LINE, "labels/c.txt": LINE,
}  # fmt: skip
FOLDERS = {
    "train/images/a.jpg": "", "train/images/b.jpg": "", "valid/images/c.jpg": "",
    "train/labels/a.txt": LINE, "train/labels/b.txt": LINE, "valid/labels/c.txt": LINE,
}  # fmt: skip


@pytest.mark.parametrize(
    ("tree", "document"),
    [
        (FOLDERS, {"train": "train/images", "val": "valid/images"}),
        (FOLDERS, {"train": "../train/images", "val": "../valid/images", "test": ""}),
        (FOLDERS, {"train": "./TRAIN/images/", "valid": "Valid/Images"}),
        (FOLDERS, {"path": "/home/me/set", "train": "train/images", "val": "valid/images"}),
        (FOLDERS, {"path": "../datasets/set", "train": ["train/images"], "val": ["valid/images"]}),
        (FOLDERS, {"train": "C:\\data\\set\\train\\images", "val": "C:\\data\\set\\valid\\images"}),
        (FOLDERS, {"train": ["train/images/a.jpg", "train/images/b.jpg"], "val": ["valid/images/c.jpg"]}),
        (TREE, {"train": ["images/a.jpg", "images\\b.jpg"], "val": "images/c.jpg"}),
        (TREE, {"train": ["./images/a.jpg", "/home/me/images/b.jpg"], "val": ["C:\\x\\images\\c.jpg"]}),
        (
            TREE | {"train.txt": "images/a.jpg\nimages/b.jpg", "val.txt": "images/c.jpg"},
            {"train": "train.txt", "val": "val.txt"},
        ),
        (
            TREE | {"s/t.txt": "./images/a.jpg\n\nb.jpg\n", "s/v.txt": "../images/c.jpg"},
            {"train": "s/t.txt", "val": "s/v.txt"},
        ),
        (TREE | {"train.txt": "images\\a.jpg\nD:\\set\\images\\b.jpg", "valid.txt": "data/images/c.jpg"}, {"nc": "1"}),
    ],
)
def test_data_yaml_names_folders_lists_and_images(tree, document):
    result = imported("yolo", tree | {"data.yaml": json.dumps({"names": ["bag"], **document})})
    assert [*splits_of(result).values()] == ["train", "train", "val"]
    assert skipped(result) == {}
    assert accounted(result)["entries of split lists"] == (3, 3, {})


def test_a_data_yaml_in_each_folder_speaks_of_its_own_folder():
    files = {f"{cam}/{name}": content for cam in ("left", "right") for name, content in FOLDERS.items()}
    places = {"names": ["bag"], "path": ".", "train": "train/images", "val": "valid/images"}
    result = imported("yolo", files | {f"{cam}/data.yaml": json.dumps(places) for cam in ("left", "right")})
    assert result.report["splits"] == {"train": 4, "val": 2}
    other = {"left/data.yaml": json.dumps(places), "right/data.yaml": json.dumps(places | {"names": ["wire"]})}
    with pytest.raises(InvalidDatasetError, match=r"one list of class names, but left/data.yaml .* right/data.yaml"):
        imported("yolo", files | other)


def test_what_data_yaml_names_and_is_not_there_is_said():
    document = json.dumps({"names": ["bag"], "train": ["images/a.jpg", "gone"], "val": "lists/val.txt"})
    lists = {"lists/val.txt": b"images/\xff.jpg", "train.txt": "images/b.jpg"}
    result = imported("yolo", TREE | lists | {"data.yaml": document})
    assert skipped(result) == {
        "split_entry_unknown": 1, "splits_incomplete": 1, "file_unreadable": 1, "file_not_used": 1,
    }  # fmt: skip
    assert set(splits_of(result).values()) == {None}


def test_splits_of_a_folder_in_several_lists_are_not_taken():
    result = imported("yolo", TREE | {"data.yaml": json.dumps({"names": ["bag"], "train": "images", "val": "images"})})
    assert skipped(result) == {"splits_incomplete": 1}


def test_folders_decide_where_no_split_is_named_or_found():
    for places in ({}, {"train": "elsewhere", "val": "nowhere"}):
        result = imported("yolo", FOLDERS | {"data.yaml": json.dumps({"names": ["bag"], **places})})
        assert [*splits_of(result).values()] == ["train", "train", "val"]
        assert noted(result) == {"splits_by_folder": 1}


def test_darknets_files_are_read():
    files = {
        "obj.data": "classes = 2\ntrain = data/train.txt\nvalid=data/valid.txt\nnames = data/obj.names\nbackup = b/\n",
        "obj.names": "bag\nwire\n",
        "train.txt": "data/obj_train_data/a.jpg\ndata/obj_train_data/sub/a.jpg\n",
        "valid.txt": "data/obj_train_data/c.jpg\n",
        "classes.txt": "another\n",
    }
    names = ("a", "sub/a", "c")
    files |= {f"obj_train_data/{n}.jpg": "" for n in names} | {f"obj_train_data/{n}.txt": LINE for n in names}
    result = imported("yolo", files)
    assert splits_of(result) == {
        "obj_train_data/a.jpg": "train",
        "obj_train_data/c.jpg": "val",
        "obj_train_data/sub/a.jpg": "train",
    }
    assert result.report["per_class"] == {"bag": 3, "wire": 0}
    assert skipped(result) == {"file_not_used": 1}, "classes.txt"


def test_class_names_of_lists_keep_their_numbers_and_agree():
    files = {"a.jpg": "", "a.txt": "2 .5 .5 .1 .1"}
    assert imported("yolo", files | {"classes.txt": "bag\n\nwire\n\n"}).report["per_class"] == {"bag": 0, "wire": 1}
    same = {"x/classes.txt": "bag\nwire\nseal", "y/classes.txt": "bag\r\nwire\r\nseal\r\n"}
    assert skipped(imported("yolo", files | same)) == {}
    with pytest.raises(InvalidDatasetError, match=r"one list of class names, but x/classes.txt .* y/classes.txt"):
        imported("yolo", files | same | {"y/classes.txt": "wire\nbag\nseal"})
    assert imported("yolo", files | same | {"y/classes.txt": "wire"}, {2: "rope"}).report["per_class"] == {"rope": 1}
    with pytest.raises(InvalidDatasetError, match=r"classes.txt: expected class names.*save as UTF-8"):
        imported("yolo", files | {"classes.txt": "K\xfchler".encode("latin-1")})


def test_a_byte_order_mark_is_no_part_of_a_class_or_a_number():
    files = {
        "classes.txt": "\ufeffscratch\r\ndent\r\n",
        "a.jpg": "",
        "a.txt": "\ufeff0 .5 .5 .1 .1\r\n1 .5 .5 .1 .1\r\n",
    }
    assert imported("yolo", files).report["per_class"] == {"scratch": 1, "dent": 1}
    files["data.yaml"] = "\ufeffnames: [scratch, dent]"
    assert imported("yolo", files).report["per_class"] == {"scratch": 1, "dent": 1}


def test_a_folder_that_is_not_yolo_is_described():
    with pytest.raises(
        InvalidDatasetError, match=r"found none; .* the folder holds ann/\*.json \(2\), img/\*.jpg \(2\)"
    ):
        imported("yolo", {"img/a.jpg": "", "img/b.jpg": "", "ann/a.json": "{}", "ann/b.json": "{}"})
    with pytest.raises(InvalidDatasetError, match=r"0 objects \(.*file_not_used.*the folder holds ann/\*.json \(2\)"):
        imported("yolo", {"img/a.jpg": "", "ann/a.json": "{}", "ann/b.json": "{}", "data.yaml": "names: [bag]"})
