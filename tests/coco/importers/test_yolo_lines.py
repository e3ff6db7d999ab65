"""What a line of YOLO holds, and that an image whose labels were lost never passes for empty."""

import pytest

from gsam_edge.coco import InvalidDatasetError
from support.importers import accounted, imported, noted, skipped

LINE = "0 0.5 0.5 0.2 0.1\n"
SOUND = {"data.yaml": "names: [bag, wire]", "images/a.jpg": "", "labels/a.txt": LINE}


def records(text, yaml="names: [bag, wire]"):
    result = imported("yolo", {"data.yaml": yaml, "a.jpg": "", "a.txt": text})
    return result, [
        {key: r[key] for key in ("bbox", "segmentation") if key in r} for r in result.content["annotations"]
    ]


def test_a_sixth_number_from_0_to_1_is_a_confidence():
    result, (box, polygon) = records("0 .5 .5 .2 .1 0.93\n1 0 0 1 0 1 .5 1\n")
    assert box["bbox"] == pytest.approx([20, 18, 10, 4])
    assert polygon == {"segmentation": [[0, 0, 50, 0, 50, 20]]}
    assert (skipped(result), noted(result)) == ({}, {"confidence": 2})


def test_four_corners_are_a_polygon_with_or_without_confidence():
    corners = "0 .1 .1 .5 .1 .5 .5 .1 .5"
    result, (plain, drawn) = records(f"{corners}\n{corners} .8\n")
    assert plain == drawn == {"segmentation": [pytest.approx([5, 4, 25, 4, 25, 20, 5, 20])]}
    assert noted(result) == {"confidence": 1}


def test_comments_are_no_objects():
    result, found = records("# by Jo\n0 .5 .5 .2 .1 # sure\n\n#1 .5 .5 .2 .1\n")
    assert len(found) == 1
    assert accounted(result)["objects"] == (1, 1, {})


@pytest.mark.parametrize(("more", "count"), [("", 0), (" 0 0 2 1 1 2", 1), (" 0 0 2 1 1 2 .9", 1), (" .9", 0)])
def test_of_a_pose_a_line_is_a_box_with_or_without_its_key_points(more, count):
    result, found = records(f"0 .5 .5 .2 .1{more}", "names: [bag]\nkpt_shape: [2, 3]")
    assert found == [{"bbox": pytest.approx([20, 18, 10, 4])}]
    assert skipped(result) == ({"key_points": 1} if count else {})
    assert noted(result) == ({"confidence": 1} if ".9" in more else {})


def test_a_polygon_among_poses_is_not_taken_for_a_box():
    result, found = records("0 .5 .5 .2 .1\n0 .1 .1 .5 .1 .5 .5 .1 .5", "names: [bag]\nkpt_shape: [2, 3]")
    assert (len(found), skipped(result)) == (1, {"object_malformed": 1})
    with pytest.raises(InvalidDatasetError, match=r"data.yaml: expected kpt_shape as \[number of key points, 2 or 3\]"):
        records(LINE, "names: [bag]\nkpt_shape: 17")


@pytest.mark.parametrize(
    ("labels", "code"),
    [
        ("bag 0.5 0.5 0.2 0.1", "object_malformed"),
        ("0,0.5,0.5,0.2,0.1", "object_malformed"),
        ("[]", "object_malformed"),
        ("7 .5 .5 .1 .1", "class_unknown"),
        ("0 250 200 20 20", "object_malformed"),
        ("0 .5 .5 .1 .1".encode("utf-16"), "file_unreadable"),
        (b"0 .5 .5 .1 .1 # \xe4", "file_unreadable"),
    ],
)
def test_an_image_whose_labels_were_all_lost_is_left_out(labels, code):
    files = SOUND | {"images/b.jpg": "", "labels/b.txt": labels}
    result = imported("yolo", files)
    assert result.image_names == ["images/a.jpg"]
    assert skipped(result) == {code: 1, "labels_lost": 1}
    assert imported("yolo", files, labels_lost="keep").image_names == ["images/a.jpg", "images/b.jpg"]
    with pytest.raises(InvalidDatasetError, match=r"lost all those of 1 images, first images/b.jpg"):
        imported("yolo", files, labels_lost="error")


def test_an_image_without_labels_or_with_an_empty_file_has_no_objects():
    files = SOUND | {"images/b.jpg": "", "images/c.jpg": "", "labels/b.txt": "\n", "labels/gone.txt": ""}
    result = imported("yolo", files)
    assert result.image_names == ["images/a.jpg", "images/b.jpg", "images/c.jpg"]
    assert skipped(result) == {"file_not_used": 1}, "an empty file of no image"


@pytest.mark.parametrize(
    "lost",
    [
        {"images/b 1.jpg": "", "labels/b_1.txt": LINE},
        {"images/b.jpg": "", "labels/c.txt": LINE},
        {"images/train/b.jpg": "", "labels/train/c.txt": LINE},
        {"images/train/b.jpg": "", "labels/c.txt": LINE},
        {"images/b.jpg": "", "images/b.png": "", "labels/b.txt": LINE},
        {"images/b.jpg": "", "images/b.png": "", "labels/b.txt": ""},
        {"images/B.jpg": "", "images/b.png": "", "labels/b.txt": LINE, "labels/B.txt": LINE + LINE, "images/b.jpg": ""},
        {"images/b.jpg": "", "images/b.xml": "<annotation/>"},
        {"images/b.jpg": "", "annotations/b.json": "{}"},
        {"cam1/images/0.jpg": "", "cam2/labels/0.txt": LINE},
    ],
)
def test_an_image_to_which_a_label_file_without_image_may_belong_is_not_empty(lost):
    result = imported("yolo", SOUND | lost)
    taken = {image["id"]: image["file_name"] for image in result.content["images"]}
    assert set(taken) == {record["image_id"] for record in result.content["annotations"]}, "none is empty"
    assert "images/a.jpg" in taken.values()
    assert skipped(result)["labels_lost"] >= 1


def test_labels_without_an_image_cast_no_doubt_on_other_folders():
    files = SOUND | {
        "cam1/images/b.jpg": "",
        "cam1/labels/c.txt": LINE,
        "cam2/images/d.jpg": "",
        "cam2/labels/e.txt": "",
    }
    result = imported("yolo", files)
    assert result.image_names == ["cam2/images/d.jpg", "images/a.jpg"]


def test_labels_of_an_image_that_is_none_are_counted():
    result = imported("yolo", SOUND | {"images/b.jpg": "broken", "labels/b.txt": LINE * 3})
    assert skipped(result) == {"image_unreadable": 2}
    assert accounted(result)["objects"] == (4, 1, {"image_unreadable": 3})
