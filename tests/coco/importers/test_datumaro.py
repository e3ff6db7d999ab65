"""Datumaro: a JSON file for each subset, with items, and annotations that may be grouped."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from gsam_edge.coco import InvalidDatasetError
from gsam_edge.coco.geometry.segmentation import decode_segmentation, encode_mask
from support.importers import SIZE, accounted, imported, noted, skipped
from support.worlds import CLASSES, imported_world, said, worlds


def annotation(kind, label=0, group=0, **more):
    return {"id": 0, "type": kind, "attributes": {}, "group": group, "label_id": label, "z_order": 0, **more}


def box(*xywh, **more):
    return annotation("bbox", bbox=list(xywh), **more)


def polygon(*points, **more):
    return annotation("polygon", points=list(points), **more)


def item(path, *rows, size=SIZE, **more):
    image = {"path": path, "size": list(size)}
    said = {"id": path.rpartition(".")[0], "annotations": list(rows), "attr": {}, "image": image}
    return said | more


def datumaro(*items, labels=("bag", "wire")):
    named = [{"name": name, "parent": "", "attributes": []} for name in labels]
    return json.dumps(
        {
            "dm_format_version": "1.0", "media_type": 2, "infos": {}, "items": list(items),
            "categories": {"label": {"labels": named, "label_groups": [], "attributes": []}, "mask": {"colormap": []}},
        }
    )  # fmt: skip


TRAIN = "annotations/train.json"
BOX = box(1, 2, 10, 12)


def test_annotations_with_an_area_become_boxes_and_segmentations():
    mask = np.zeros(SIZE, bool)
    mask[3:9, 4:30] = True
    rows = [
        BOX | {"attributes": {"worn": True, "is_crowd": True}, "z_order": 3},
        polygon(0, 0, 9, 0, 9, 9.5, label=1),
        annotation("mask", rle=encode_mask(mask)),
        annotation("ellipse", points=[10, 10, 30, 20]),
        annotation("label", label=1),
    ]
    result = imported("datumaro", {TRAIN: datumaro(item("a.jpg", *rows)), "images/train/a.jpg": ""})
    first, outline, drawn, round_ = result.content["annotations"]
    assert (first["bbox"], first["iscrowd"], first["attributes"]["worn"], first["z_order"]) == (
        [1, 2, 10, 12],
        1,
        True,
        3,
    )
    assert outline["segmentation"] == [[0, 0, 9, 0, 9, 9.5]]
    np.testing.assert_array_equal(decode_segmentation(drawn["segmentation"], SIZE), mask)
    assert decode_segmentation(round_["segmentation"], SIZE).sum() == pytest.approx(np.pi * 50, rel=0.03)
    assert result.content["images"][0]["tags"] == ["wire"]
    assert [category["name"] for category in result.content["categories"]] == ["bag", "wire"]
    assert (skipped(result), noted(result)) == ({}, {"ellipse": 1})


def test_box_and_outlines_of_one_group_are_one_object():
    """COCO's objects come as a box and polygons, or a box and a mask, of one group."""
    mask = np.zeros(SIZE, bool)
    mask[20:30, 20:40] = True
    rows = [
        polygon(1, 2, 6, 2, 6, 14, group=5), box(1, 2, 10, 12, group=5), polygon(8, 3, 11, 3, 11, 14, group=5),
        annotation("mask", rle=encode_mask(mask), group=6), box(20, 20, 20, 10, group=6),
    ]  # fmt: skip
    result = imported("datumaro", {TRAIN: datumaro(item("a.jpg", *rows)), "a.jpg": ""})
    one, two = result.content["annotations"]
    assert (one["bbox"], len(one["segmentation"])) == ([1, 2, 10, 12], 2)
    assert (two["bbox"], two["segmentation"]["size"]) == ([20, 20, 20, 10], list(SIZE))
    assert noted(result) == {"parts_joined": 3}
    assert accounted(result)["objects"] == (2, 2, {})
    assert accounted(result)["elements"] == (3, 3, {})


@pytest.mark.parametrize(
    "rows",
    [
        [box(1, 2, 10, 12, group=5), box(20, 20, 5, 5, group=5)],
        [box(20, 20, 5, 5, group=5), polygon(1, 2, 6, 2, 6, 14, group=5)],
        [polygon(1, 2, 6, 2, 6, 14, group=5), polygon(1, 2, 6, 2, 6, 14, group=5, label=1)],
        [polygon(1, 2, 6, 2, 6, 14, group=5), polygon(1, 2, 6, 2, 6, 14, group=5) | {"attributes": {"worn": True}}],
        [polygon(1, 2, 6, 2, 6, 14), polygon(1, 2, 6, 2, 6, 14)],
    ],
)
def test_a_group_of_things_that_do_not_fit_stays_apart(rows):
    result = imported("datumaro", {TRAIN: datumaro(item("a.jpg", *rows)), "a.jpg": ""})
    assert len(result.content["annotations"]) == 2
    assert noted(result) == {}


def test_subsets_are_splits_and_find_their_images():
    files = {
        TRAIN: datumaro(item("0.jpg", BOX), item("1.jpg")),
        "annotations/val.json": datumaro(item("0.jpg", BOX | {"label_id": 1})),
        **dict.fromkeys(["images/train/0.jpg", "images/train/1.jpg", "images/val/0.jpg"], ""),
    }
    result = imported("datumaro", files)
    assert result.report["splits"] == {"train": 2, "val": 1}
    assert result.report["per_class"] == {"bag": 1, "wire": 1}
    del files["images/train/0.jpg"]
    result = imported("datumaro", files)
    assert result.image_names == ["images/train/1.jpg", "images/val/0.jpg"]
    assert result.report["per_class"] == {"bag": 0, "wire": 1}


@pytest.mark.parametrize(
    ("row", "code"),
    [
        (7, "element_not_used"),
        ({"type": []}, "element_not_used"),
        (annotation("hexagon", points=[1, 2]), "element_not_used"),
        (annotation("caption", caption="a bag"), "element_not_used"),
        (annotation("label", label=9), "element_not_used"),
        (annotation("points", points=[1, 2]), "shape_without_area"),
        (box(1, 2, 3, 4, label=9), "class_unknown"),
        (box(1, 2, 3, 4, label=None), "class_unknown"),
        (box(1, 2, 3), "object_malformed"),
        (box(1, 2, 3, "x"), "object_malformed"),
        (annotation("bbox", bbox=7), "object_malformed"),
        (polygon(1, 2, 3, 4), "object_malformed"),
        (polygon(1, 2, 3, 4, 5, 6, 7), "object_malformed"),
        (annotation("ellipse", points=[1, 2, 1, 4]), "object_malformed"),
        (annotation("mask"), "mask_malformed"),
        (annotation("mask", rle={"size": [4, 4], "counts": "04"}), "mask_malformed"),
        (annotation("mask", rle={"size": list(SIZE), "counts": "ü"}), "mask_malformed"),
        (annotation("mask", rle={"size": list(SIZE), "counts": [1, 2]}), "mask_malformed"),
    ],
)
def test_a_damaged_annotation_is_counted_and_the_others_are_taken(row, code):
    result = imported("datumaro", {TRAIN: datumaro(item("a.jpg", BOX, row)), "a.jpg": ""})
    assert skipped(result) == {code: 1}
    assert len(result.content["annotations"]) == 1


@pytest.mark.parametrize("damage", [7, {"id": 1}, {"id": "b", "image": [], "annotations": {}}])
def test_a_damaged_item_is_counted(damage):
    result = imported("datumaro", {TRAIN: datumaro(item("a.jpg", BOX), damage), "a.jpg": "", "b.json": "[]"})
    assert set(skipped(result)) in ({"element_not_used", "file_not_used"}, {"image_missing", "file_not_used"})


@pytest.mark.parametrize("damage", ["oops", {}, None])
def test_an_item_without_a_list_of_annotations_is_not_empty(damage):
    files = {"annotations/a.json": datumaro(item("0.jpg", annotations=damage), item("1.jpg", box(1, 2, 3, 4)))}
    result = imported("datumaro", files | {"images/0.jpg": "", "images/1.jpg": ""})
    assert result.image_names == ["images/1.jpg"]
    assert skipped(result) == {"element_not_used": 1, "labels_lost": 1}


def test_an_id_that_is_another_name_finds_no_image():
    """The image of the path is gone; one that is called like the id is there, and is another one."""
    files = {"annotations/a.json": datumaro(item("0.jpg", box(1, 2, 3, 4), id="2"), item("1.jpg", box(1, 2, 3, 4)))}
    result = imported("datumaro", files | {"images/1.jpg": "", "images/2.jpg": ""})
    assert result.image_names == ["images/1.jpg"]
    assert skipped(result) == {"image_missing": 1, "image_not_annotated": 1}


def test_another_file_alone_is_named():
    with pytest.raises(InvalidDatasetError, match="no Datumaro file"):
        imported("datumaro", {"a.json": '{"items": 7, "categories": {}}', "a.jpg": ""})


@given(worlds(), st.data())
@settings(max_examples=150)
def test_what_is_written_as_datumaro_comes_back(world, data):
    items = {0: [], 1: []}
    for name in data.draw(st.permutations(list(world))):
        rows = [
            (box if kind == "bbox" else polygon)(
                *v, label=CLASSES.index(label), group=data.draw(st.sampled_from([0, n + 1]))
            )
            for n, (label, kind, v) in enumerate(world[name])
        ]
        items[data.draw(st.integers(0, 1))].append(item(name, *rows))
    folder = data.draw(st.sampled_from(["", "images/"]))
    files = {f"annotations/part{n}.json": datumaro(*part, labels=CLASSES) for n, part in items.items()}
    placed = {f"{folder}{name}": objects for name, objects in world.items()}
    found, images, result = imported_world("datumaro", files | dict.fromkeys(placed, ""))
    assert found == said(placed)
    assert images == sorted(placed)
    assert result.report["skipped"] == []


@given(arrays.arrays(bool, SIZE, elements=st.booleans(), fill=st.booleans()))
@settings(max_examples=40)
def test_masks_come_back_pixel_by_pixel(mask):
    rows = [BOX, annotation("mask", rle=encode_mask(mask))]
    result = imported("datumaro", {TRAIN: datumaro(item("a.jpg", *rows)), "a.jpg": ""})
    found = decode_segmentation(result.content["annotations"][1]["segmentation"], SIZE)
    np.testing.assert_array_equal(found, mask)
