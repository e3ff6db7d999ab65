"""LabelMe: a JSON file of shapes for each image."""

import base64
import json
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pycocotools import mask as coco_mask

from gsam_edge.coco import InvalidDatasetError
from gsam_edge.coco.geometry.segmentation import decode_segmentation
from support.importers import SIZE, YAML, Files, accounted, imported, labelme, noted, png, shape, skipped


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
        ("[]", "file_not_used"),
        (json.dumps({"shapes": 7, "imagePath": "b.jpg"}), "file_unreadable"),
        (labelme(shape("polygon", TRIANGLE), imagePath="b.jpg").encode("utf-16"), "file_unreadable"),
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
    start = time.process_time()
    assert imported("labelme", many | images | {"0.json": sound}).report["images"] == 2000
    assert time.process_time() - start < 3


BOX = shape("rectangle", [[0, 0], [5, 5]])


def corners(left, top, right, bottom):
    return [[left, top], [right, top], [right, bottom], [left, bottom]]


def drawing(*polygons):
    return np.any([coco_mask.decode(coco_mask.frPyObjects([np.ravel(p).tolist()], *SIZE))[..., 0] for p in polygons], 0)


@given(st.permutations(range(4)), st.tuples(st.integers(0, 20), st.integers(0, 15)), st.integers(2, 20))
def test_a_rectangle_of_four_corners_is_its_box_wherever_it_begins(order, corner, side):
    points = corners(*corner, corner[0] + side, corner[1] + side / 2)
    result = imported("labelme", {"a.jpg": "", "a.json": labelme(shape("rectangle", [points[n] for n in order]))})
    (record,) = result.content["annotations"]
    assert record["bbox"] == [*corner, side, side / 2]
    assert not noted(result)


def test_labels_that_are_numbers_are_text_and_said():
    result = imported("labelme", {"a.jpg": "", "a.json": labelme(shape("polygon", TRIANGLE, label=3))})
    assert result.report["per_class"] == {"3": 1}
    assert noted(result) == {"label_not_text": 1}


@pytest.mark.parametrize("label", [None, "", " ", [], True, 1.5])
def test_a_label_that_is_no_word_is_shown(label):
    result = imported(
        "labelme", {"a.jpg": "", "a.json": labelme(shape("polygon", TRIANGLE, label=label), shape("polygon", TRIANGLE))}
    )
    assert f"expected a label in words, got {label!r}" in str(result.report["skipped"])


def test_base64_in_lines_or_in_a_url_is_read():
    mask = base64.b64encode(png(np.ones((3, 3)))).decode()
    written = [mask, f"data:image/png;base64,{mask}", "\n".join(mask[at : at + 20] for at in range(0, len(mask), 20))]
    masks = [shape("mask", [[5, 5], [7, 7]], mask=text, group_id=n) for n, text in enumerate(written)]
    result = imported("labelme", {"a.jpg": "", "a.json": labelme(*masks)})
    first, *others = [record["segmentation"] for record in result.content["annotations"]]
    assert others == [first, first]


@pytest.mark.parametrize(("corner", "is_taken"), [([7, 7], True), ([8, 8], True), ([8.4, 6], True), ([12, 12], False)])
def test_a_mask_of_another_size_than_its_place_is_not_put_anywhere(corner, is_taken):
    mask = base64.b64encode(png(np.ones((3, 3)))).decode()
    shapes = [shape("mask", [[5, 5], corner], mask=mask), shape("polygon", TRIANGLE)]
    result = imported("labelme", {"a.jpg": "", "a.json": labelme(*shapes)})
    assert skipped(result) == ({} if is_taken else {"object_malformed": 1})


def test_rectangles_across_the_axes_and_outlines_of_old_files():
    tilted = [[20, 5], [30, 15], [20, 25], [10, 15]]
    old = {"label": "bag", "points": TRIANGLE}
    shapes = [shape("rectangle", tilted), shape("rotation", tilted, direction=0.78), shape(None, TRIANGLE), old]
    result = imported("labelme", {"a.jpg": "", "a.json": labelme(*shapes, shape("oriented_rectangle", tilted))})
    box, turned, null, absent, oriented = result.content["annotations"]
    assert box["bbox"] == [10, 5, 20, 20]
    assert turned["segmentation"] == oriented["segmentation"] == [np.ravel(tilted).tolist()]
    assert null["segmentation"] == absent["segmentation"] == [np.ravel(TRIANGLE).tolist()]
    assert noted(result) == {"box_of_corners": 1, "rotated": 2}
    assert not result.report["skipped"]


CORNER, SIDES = st.tuples(st.integers(0, 30), st.integers(0, 20)), st.tuples(st.integers(10, 40), st.integers(10, 35))


@given(
    CORNER, SIDES, st.tuples(st.integers(0, 40), st.integers(0, 30)), st.tuples(st.integers(2, 9), st.integers(2, 9))
)
@pytest.mark.parametrize("kind", ["polygon", "rectangle", "mask"])
def test_a_hole_is_outline_minus_hole(kind, corner, sides, hole, width_height):
    outer = corners(*corner, corner[0] + sides[0], corner[1] + sides[1])
    inner = corners(*hole, hole[0] + width_height[0], hole[1] + width_height[1])
    points = inner if kind == "polygon" else [inner[0], inner[2]]
    pixels = base64.b64encode(png(np.ones(width_height[::-1]))).decode()
    cut = shape(kind, points, label="_background_", **({"mask": pixels} if kind == "mask" else {}))
    result = imported("labelme", {"a.jpg": "", "a.json": labelme(cut, shape("polygon", outer))})
    (record,) = result.content["annotations"]
    expected = drawing(outer) & ~drawing(inner)
    np.testing.assert_array_equal(decode_segmentation(record["segmentation"], SIZE), expected)
    assert result.report["per_class"] == {"bag": 1}
    assert noted(result) == ({"hole_cut": 1} if (drawing(outer) & drawing(inner)).any() else {})
    assert accounted(result)["elements"] == (1, 1, {})


def test_what_lies_in_a_hole_is_an_object_of_its_own():
    hole = shape("polygon", corners(5, 5, 35, 35), label="_background_")
    shapes = [shape("polygon", corners(2, 2, 40, 38)), hole, shape("polygon", corners(10, 10, 20, 20), label="screw")]
    ring, screw = imported("labelme", {"a.jpg": "", "a.json": labelme(*shapes)}).content["annotations"]
    assert decode_segmentation(ring["segmentation"], SIZE).sum() == 38 * 36 - 30 * 30
    assert screw["segmentation"] == [np.ravel(corners(10, 10, 20, 20)).tolist()]


def test_a_box_has_no_holes_and_it_is_said():
    hole = shape("polygon", corners(1, 1, 4, 4), label="_background_")
    free = shape("polygon", corners(30, 30, 40, 39), label="_background_")
    result = imported("labelme", {"a.jpg": "", "a.json": labelme(BOX, hole, free)})
    assert result.content["annotations"][0]["bbox"] == [0, 0, 5, 5]
    assert skipped(result) == {"hole_not_cut": 1}
    assert accounted(result)["elements"] == (2, 1, {"hole_not_cut": 1})


def test_an_area_to_be_ignored_is_a_crowd_of_every_class():
    """COCO's evaluation takes each class by itself: a crowd of one class says nothing of the others."""
    ignored = shape("polygon", corners(10, 10, 20, 20), label="__ignore__")
    files = {"a.jpg": "", "a.json": labelme(ignored, BOX), "b.jpg": ""}
    result = imported("labelme", files | {"b.json": labelme(BOX | {"label": "dent"}, imagePath="b.jpg")})
    assert result.report["per_class"] == {"bag": 1, "dent": 1}
    crowds = [record for record in result.content["annotations"] if record["iscrowd"]]
    assert [(crowd["image_id"], crowd["category_id"]) for crowd in crowds] == [(1, 1), (1, 2)]
    assert result.report["crowds"] == 2
    assert noted(result) == {"ignored_area": 1}


def test_an_area_to_be_ignored_does_not_stand_for_lost_labels():
    ignored, broken = shape("polygon", corners(10, 10, 20, 20), label="__ignore__"), shape("polygon", [[0, 0]])
    files = {"a.jpg": "", "a.json": labelme(ignored, broken), "b.jpg": "", "b.json": labelme(BOX, imagePath="b.jpg")}
    result = imported("labelme", files)
    assert result.image_names == ["b.jpg"]
    assert accounted(result)["objects"] == (3, 1, {"object_malformed": 1, "labels_lost": 1})


def test_outlines_and_masks_of_a_group_are_one_object():
    mask = base64.b64encode(png(np.ones((4, 4)))).decode()
    shapes = [
        shape("polygon", corners(2, 2, 8, 8), group_id=1),
        shape("mask", [[20, 20], [23, 23]], mask=mask, group_id=1),
        shape("polygon", corners(30, 30, 34, 34), group_id=1, label="wire"),
        shape("rectangle", [[2, 2], [8, 8]], group_id=1),
    ]
    result = imported("labelme", {"a.jpg": "", "a.json": labelme(*shapes)})
    joined, _, box = result.content["annotations"]
    assert decode_segmentation(joined["segmentation"], SIZE).sum() == 36 + 16
    assert (box["bbox"], box["group_id"]) == ([2, 2, 6, 6], 1)
    assert accounted(result)["objects"] == (3, 3, {})
    assert accounted(result)["elements"] == (1, 1, {})


def test_what_x_anylabeling_adds_is_kept_or_named():
    more = {"difficult": True, "score": 0.7, "attributes": {"side": "left"}, "kie_linking": [[1, 2]], "cells": []}
    result = imported(
        "labelme", {"a.jpg": "", "a.json": labelme(BOX | more, flags={"dark": True}, vqaData={"q": 1}, text="")}
    )
    (record,) = result.content["annotations"]
    assert (record["difficult"], record["score"], record["attributes"]) == (True, 0.7, {"side": "left"})
    assert result.content["images"][0]["flags"] == {"dark": True}
    assert skipped(result) == {"element_not_used": 2}


@pytest.mark.parametrize("folders", [("", ""), ("labels", "images"), ("json", "photos")])
@pytest.mark.parametrize("path", ["a.jpg", "C:\\photos\\a.jpg", "gone.jpg", None])
def test_files_and_images_in_two_folders(folders, path):
    labels, images = (f"{folder}/" if folder else "" for folder in folders)
    files = {f"{images}{name}.jpg": "" for name in "ab"}
    document = labelme(BOX, imagePath=path)
    result = imported("labelme", files | {f"{labels}a.json": document, f"{labels}b.json": labelme(imagePath="b.jpg")})
    assert result.image_names == [f"{images}a.jpg", f"{images}b.jpg"]
    assert result.content["annotations"][0]["image_id"] == 1


def test_renamed_images_keep_the_labels_of_their_own_files():
    files = {f"{n}.jpg": "" for n in range(5)}
    renamed = {f"{n}.json": labelme(BOX | {"label": f"c{n}"}, imagePath=f"{n - 1}.jpg") for n in range(1, 5)}
    result = imported("labelme", files | renamed)
    classes = {category["id"]: category["name"] for category in result.content["categories"]}
    names = {image["id"]: image["file_name"] for image in result.content["images"]}
    for record in result.content["annotations"]:
        assert classes[record["category_id"]] == f"c{names[record['image_id']][0]}"
    assert {"pairing_contradicts"} <= {*noted(result), *skipped(result)}


def test_a_file_that_cannot_be_read_takes_its_image_along():
    files = {"a.jpg": "", "a.json": labelme(BOX), "b.jpg": "", "b.json": "{"}
    result = imported("labelme", files)
    assert result.image_names == ["a.jpg"]
    assert skipped(result) == {"file_unreadable": 1, "labels_lost": 1}
    with pytest.raises(InvalidDatasetError, match=r"first b\.jpg: b\.json"):
        imported("labelme", files, labels_lost="error")


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        ({"images": [], "annotations": [], "categories": []}, "COCO"),
        ([{"data": {}, "annotations": []}], "Label Studio"),
        ({"objects": [], "size": {}}, "Supervisely"),
        ({"hello": 1}, "got \\['hello'\\]"),
        (7, "got 7"),
    ],
)
def test_json_files_of_others_are_called_what_they_look_like(content, kind):
    with pytest.raises(InvalidDatasetError, match=rf"file_not_used.*expected a mapping with shapes.*{kind}"):
        imported("labelme", {"a.jpg": "", "all.json": json.dumps(content)})


INSIDE = base64.b64encode(png(np.ones(SIZE))).decode()


def test_an_image_inside_is_brought_along_where_the_folder_lacks_it():
    files = {"set/a.json": labelme(BOX, imagePath="..\\..\\x.jpg", imageData=INSIDE), "b.jpg": ""}
    result = imported("labelme", files | {"b.json": labelme(BOX, imagePath="b.jpg", imageData=INSIDE)})
    assert sorted(result.image_names) == ["b.jpg", "set/a.png"]
    assert list(result.embedded) == ["set/a.png"]
    assert result.embedded["set/a.png"]() == png(np.ones(SIZE))
    assert noted(result) == {"image_inside": 1}
    assert not result.report["skipped"]


@pytest.mark.parametrize("data", ["%%", "AAAA", base64.b64encode(b"GIF89a").decode(), 7])
def test_an_image_inside_that_is_none_is_left_with_its_objects(data):
    files = {"a.json": labelme(BOX, imageData=data), "b.jpg": "", "b.json": labelme(BOX, imagePath="b.jpg")}
    result = imported("labelme", files)
    assert (result.image_names, skipped(result)) == (["b.jpg"], {"image_missing": 1})
    assert accounted(result)["objects"] == (2, 1, {"image_missing": 1})


def test_an_image_inside_of_more_pixels_than_are_allowed_is_left(monkeypatch):
    monkeypatch.setattr(Files, "max_pixels", 100)
    files = {"a.json": labelme(BOX, imageData=INSIDE), "b.jpg": "", "b.json": labelme(BOX, imagePath="b.jpg")}
    assert skipped(imported("labelme", files)) == {"image_missing": 1}


def test_names_that_are_no_utf8_are_counted():
    sound, odd = "0 .5 .5 .1 .1", "\udcff"
    files = {"data.yaml": YAML, "a.jpg": "", "a.txt": sound, f"{odd}.jpg": "", f"{odd}.txt": sound}
    result = imported("yolo", files | {f"gone{odd}.txt": sound})
    codes = {"name_not_utf8": 1, "image_unreadable": 1, "image_missing": 1, "split_entry_unknown": 2}
    assert (result.image_names, skipped(result)) == (["a.jpg"], codes)
    cases = {entry["code"]: entry["examples"][0]["where"] for entry in result.report["skipped"]}
    assert (cases["image_missing"], cases["image_unreadable"]) == (r"gone\udcff.txt", r"\udcff.txt")
    assert json.dumps(result.report, ensure_ascii=False).encode()
