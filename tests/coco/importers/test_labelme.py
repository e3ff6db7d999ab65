"""LabelMe: a JSON file of shapes for each image."""

import base64
import json
import time

import numpy as np
import pytest

from gsam_edge.coco.geometry.segmentation import decode_segmentation
from support.importers import SIZE, YAML, imported, labelme, png, shape, skipped


def test_labelme_shapes():
    mask = np.zeros((4, 6), bool)
    mask[1:3, 2:] = True
    result = imported(
        "labelme",
        {
            "a.jpg": "",
            "b.jpg": "",
            "a.json": labelme(
                shape("polygon", [[0, 0], [9, 0], [9, 9]], flags={"worn": True}, description="seam"),
                shape("rectangle", [[20, 30], [10, 5]]),
                shape("circle", [[25, 20], [25, 30]]),
                shape("mask", [[45, 10], [50, 13]], mask=base64.b64encode(png(mask)).decode()),
                shape("polygon", [[0, 0], [1, 0], [1, 1]], group_id=0),
                shape("polygon", [[5, 5], [6, 5], [6, 6]], group_id=0),
                shape("line", [[0, 0], [1, 1]]),
                shape("point", [[0, 0]]),
            ),
        },
    )
    polygon, box, circle, drawn, parts = result.content["annotations"]
    assert polygon["segmentation"] == [[0, 0, 9, 0, 9, 9]]
    assert (polygon["flags"], polygon["description"]) == ({"worn": True}, "seam")
    assert box["bbox"] == [10, 5, 10, 25]
    assert "segmentation" not in box
    assert decode_segmentation(circle["segmentation"], SIZE).sum() == pytest.approx(np.pi * 100, rel=0.02)
    whole = np.zeros(SIZE, bool)
    whole[11:13, 47:] = True  # what leaves the image is cut off
    np.testing.assert_array_equal(decode_segmentation(drawn["segmentation"], SIZE), whole)
    assert (len(parts["segmentation"]), parts["group_id"]) == (2, 0)
    assert skipped(result) == {"shape_without_area": 2, "image_not_annotated": 1}


TRIANGLE = [[0, 0], [1, 1], [2, 0]]
WHOLE = base64.b64encode(png(np.ones((2, 2)))).decode()
HUGE = {"imageHeight": 10**9, "imageWidth": 10**9}


@pytest.mark.parametrize(
    ("document", "code"),
    [
        ("{", "file_unreadable"),
        ("[" * 100_000, "file_unreadable"),
        ("[]", "file_unreadable"),
        (labelme(shape("polygon", [[0, 0], [1, 1], [2, 0]]), imagePath="../../secret.jpg"), "image_missing"),
        (labelme(shape("polygon", [[0, 0], [1, 1]]), imagePath="b.jpg"), "object_malformed"),
        (labelme(shape("polygon", [[0, 0], [1, float("inf")], [2, 0]]), imagePath="b.jpg"), "object_malformed"),
        (labelme(shape("mask", [[0, 0], [1, 1]], mask="%%"), imagePath="b.jpg"), "object_malformed"),
        (labelme(shape("mask", [[0, 0], [1, 1]], mask="AAAA"), imagePath="b.jpg"), "object_malformed"),
        (labelme({"points": []}, 7, imagePath="b.jpg"), "object_malformed"),
        (labelme(shape([], [[0, 0], [1, 1], [2, 0]]), imagePath="b.jpg"), "object_malformed"),
        (labelme(shape({}, [[0, 0], [1, 1]]), imagePath="b.jpg"), "object_malformed"),
        (labelme(shape("mask", [[1e300, 0], [1e300, 1]], mask=WHOLE), imagePath="b.jpg"), "object_malformed"),
        (labelme(shape("circle", [[1e308, 0], [-1e308, 1]]), imagePath="b.jpg"), "object_malformed"),
        (labelme(shape("polygon", TRIANGLE, label="\ud800"), imagePath="b.jpg"), "object_malformed"),
        (labelme(shape("polygon", TRIANGLE, flags={"\ud800": 1}), imagePath="b.jpg"), "object_malformed"),
        (labelme(shape("mask", [[0, 0], [1, 1]], mask=WHOLE), imagePath="b.jpg", **HUGE), "object_malformed"),
    ],
)
def test_what_labelme_cannot_give_is_counted(document, code):
    sound = labelme(shape("rectangle", [[0, 0], [5, 5]]))
    result = imported("labelme", {"a.json": sound, "x.json": document, "a.jpg": "", "b.jpg": ""})
    assert code in skipped(result)
    assert len(result.content["annotations"]) == 1


def test_labelme_finds_images_beside_and_above():
    document = labelme(shape("rectangle", [[0, 0], [5, 5]]), imagePath="..\\images\\a.jpg")
    assert imported("labelme", {"labels/x.json": document, "images/a.jpg": ""}).image_names == ["images/a.jpg"]


def test_a_long_path_and_many_files_take_no_time():
    many = {f"{n}.json": labelme(shape("rectangle", [[0, 0], [5, 5]]), imagePath="no.jpg") for n in range(2000)}
    sound = labelme(shape("rectangle", [[0, 0], [5, 5]]), imagePath="a/" * 100_000 + "../" * 100_000 + "0.jpg")
    images = {f"{n}.jpg": "" for n in range(2000)}
    start = time.perf_counter()
    assert imported("labelme", many | images | {"0.json": sound}).report["images"] == 2000
    assert time.perf_counter() - start < 3


def test_names_that_are_no_utf8_are_counted():
    sound, odd = "0 .5 .5 .1 .1", "\udcff"
    files = {"data.yaml": YAML, "a.jpg": "", "a.txt": sound, f"{odd}.jpg": "", f"{odd}.txt": sound}
    result = imported("yolo", files | {f"gone{odd}.txt": sound})
    assert (result.image_names, skipped(result)) == (["a.jpg"], {"name_not_utf8": 1, "image_missing": 1})
    assert result.report["skipped"][1]["examples"][0]["where"] == r"gone\udcff.txt"
    assert json.dumps(result.report, ensure_ascii=False).encode()
