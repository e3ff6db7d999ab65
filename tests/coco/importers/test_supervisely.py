"""Supervisely: an annotation file for each image, with rectangles, polygons and bitmaps."""

import base64
import io
import json
import math
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

from gsam_edge.coco import InvalidDatasetError
from gsam_edge.coco.geometry.segmentation import decode_segmentation
from support.importers import SIZE, accounted, imported, noted, skipped
from support.worlds import CLASSES, imported_world, said, worlds

META = json.dumps({"classes": [{"title": name, "shape": "any"} for name in ("bag", "wire", "unused")], "tags": []})


def figure(kind, exterior=None, interior=(), title="bag", **more):
    points = {"points": {"exterior": exterior, "interior": list(interior)}} if exterior is not None else {}
    return {"classTitle": title, "geometryType": kind, "tags": [], "labelerLogin": "me", **points, **more}


BOX = figure("rectangle", [[1, 2], [11, 22.5]])


def supervisely(*objects, size=SIZE, **more):
    document = {"description": "", "tags": [], "size": {"height": size[0], "width": size[1]}, "objects": list(objects)}
    return json.dumps(document | more)


def packed(mask, *, mode="palette"):
    """A bitmap as Supervisely's own library writes it: a palette with a transparent black, compressed once more."""
    image, content = Image.fromarray(np.asarray(mask, np.uint8)), io.BytesIO()
    if mode == "palette":
        image.putpalette([0, 0, 0, 255, 255, 255])
        image.save(content, "PNG", transparency=0)
    elif mode == "grey":
        Image.fromarray(np.asarray(mask, np.uint8) * 255).save(content, "PNG")
    else:
        alpha = np.zeros((*mask.shape, 4), np.uint8)
        alpha[..., 3] = np.asarray(mask) * 255
        Image.fromarray(alpha).save(content, "PNG")
    return base64.b64encode(zlib.compress(content.getvalue())).decode()


def bitmap(data, origin=(0, 0)):
    return figure("bitmap", bitmap={"data": data, "origin": list(origin)})


def test_figures_with_an_area_become_boxes_and_segmentations():
    mask = np.array([[1, 0, 1], [1, 1, 0]], bool)
    turned = figure("oriented_bbox", points=[[10, 10], [30, 20]], angle=math.pi / 2, title="wire")
    objects = [
        BOX | {"tags": [{"name": "worn", "value": None}, {"name": "grade", "value": 3}]},
        figure("polygon", [[0, 0], [9, 0], [9, 9.5]]),
        bitmap(packed(mask), (48, 5)),
        turned,
        figure("multipolygon", parts=[{"exterior": [[0, 0], [4, 0], [4, 4]]}, {"exterior": [[9, 9], [9, 5], [5, 5]]}]),
    ]
    files = {"meta.json": META, "ds/ann/a.jpg.json": supervisely(*objects, tags=[{"name": "day"}]), "ds/img/a.jpg": ""}
    result = imported("supervisely", files)
    box, outline, drawn, rotated, several = result.content["annotations"]
    assert (box["bbox"], box["tags"]) == ([1, 2, 10, 20.5], {"worn": True, "grade": 3})
    assert outline["segmentation"] == [[0, 0, 9, 0, 9, 9.5]]
    whole = np.zeros(SIZE, bool)
    whole[5:7, 48:] = mask[:, :2]  # what leaves the image is cut off
    np.testing.assert_array_equal(decode_segmentation(drawn["segmentation"], SIZE), whole)
    assert rotated["segmentation"][0] == pytest.approx([25, 5, 25, 25, 15, 25, 15, 5])
    assert len(several["segmentation"]) == 2
    assert [category["name"] for category in result.content["categories"]] == ["bag", "wire", "unused"]
    assert result.content["images"][0]["tags"] == {"day": True}
    assert noted(result) == {"rotated": 1}
    assert skipped(result) == {}


def test_holes_are_cut():
    """The hole's pixels belong to no object; a hole that lies outside the image, or is a line, cuts nothing."""
    holes = [[[10, 10], [20, 10], [20, 20], [10, 20]], [[90, 90], [99, 90], [99, 99]], [[1, 1], [2, 2]]]
    framed = figure("polygon", [[5, 5], [30, 5], [30, 30], [5, 30]], holes)
    result = imported("supervisely", {"meta.json": META, "ann/a.jpg.json": supervisely(framed), "img/a.jpg": ""})
    pixels = decode_segmentation(result.content["annotations"][0]["segmentation"], SIZE)
    expected = np.zeros(SIZE, bool)
    expected[5:30, 5:30] = True
    expected[10:20, 10:20] = False
    np.testing.assert_array_equal(pixels, expected)


def test_same_names_in_several_datasets_keep_their_labels():
    wide = figure("rectangle", [[0, 0], [40, 9]], title="wire")
    files = {
        "meta.json": META,
        "one/ann/0.jpg.json": supervisely(BOX),
        "two/ann/0.jpg.json": supervisely(wide),
        "two/ann/1.jpg.json": supervisely(wide, wide),
        "three/ann/0.jpg.json": supervisely(),
        **dict.fromkeys(["one/img/0.jpg", "two/img/0.jpg", "two/img/0.png", "three/img/0.jpg", "three/img/1.jpg"], ""),
    }
    result = imported("supervisely", files)
    images = {image["id"]: image["file_name"] for image in result.content["images"]}
    found = {images[record["image_id"]]: record["bbox"][2] for record in result.content["annotations"]}
    assert found == {"one/img/0.jpg": 10, "two/img/0.jpg": 40}
    assert sorted(images.values()) == ["one/img/0.jpg", "three/img/0.jpg", "two/img/0.jpg"]
    assert accounted(result)["objects"] == (4, 2, {"image_missing": 2})
    assert accounted(result)["images"][2]["image_not_annotated"] >= 1


BOMB = base64.b64encode(zlib.compress(b"\0" * 50_000_000)).decode()
LARGE = packed(np.ones((400, 500), bool))


@pytest.mark.parametrize(
    ("item", "code"),
    [
        (7, "object_malformed"),
        (figure("rectangle", [[1, 2]]), "object_malformed"),
        (figure("rectangle", [[1, 2], [3, "x"]]), "object_malformed"),
        (figure("rectangle", 7), "object_malformed"),
        (figure("rectangle", [[1, 2], [3, 4]], title=" "), "object_malformed"),
        (figure("polygon", [[1, 2], [3, 4]]), "object_malformed"),
        (figure("polygon", [[1, 2], [3, 4], [5]]), "object_malformed"),
        (figure("polygon", [[1, 2], [3, 4], [9, 9]], interior=["x"]), "object_malformed"),
        (figure("polygon", [[1e300, 2], [3, 4], [9, 9]], interior=[[[1, 1], [2, 1], [2, 2]]]), "object_malformed"),
        (figure("polygon", points={"exterior": [[1, 2], [3, 4], [9, 9]], "interior": 7}), "object_malformed"),
        (figure("multipolygon"), "object_malformed"),
        (figure("oriented_bbox", points=[[1, 2], [1, 4]], angle=1), "object_malformed"),
        (figure("alpha_mask"), "object_malformed"),
        (figure([1]), "object_malformed"),
        (figure("line", [[1, 2], [3, 4]]), "shape_without_area"),
        (bitmap("%%"), "object_malformed"),
        (bitmap("AAAA"), "object_malformed"),
        (bitmap(BOMB), "object_malformed"),
        (bitmap(LARGE), "object_malformed"),
        (bitmap(packed(np.ones((3, 3), bool)), (1e300, 0)), "object_malformed"),
        (bitmap(packed(np.ones((3, 3), bool)), (1,)), "object_malformed"),
        (figure("bitmap"), "object_malformed"),
    ],
)  # fmt: skip
def test_a_damaged_figure_is_counted_and_the_others_are_taken(item, code):
    result = imported("supervisely", {"ann/a.jpg.json": supervisely(BOX, item), "img/a.jpg": "", "meta.json": META})
    assert skipped(result) == {code: 1}
    assert len(result.content["annotations"]) == 1


@pytest.mark.parametrize(
    "item",
    [bitmap(packed(np.ones((3, 3), bool))), figure("polygon", [[0, 0], [9, 0], [9, 9]], [[[1, 1], [2, 1], [2, 2]]])],
)
def test_masks_of_an_image_in_another_size_are_not_trusted(item):
    document = supervisely(BOX, item, size=(10**9, 10**9))
    result = imported("supervisely", {"ann/a.jpg.json": document, "img/a.jpg": ""})
    assert skipped(result) == {"object_malformed": 1}


def test_other_files_are_counted_and_named_where_there_is_nothing_else():
    files = {"ann/a.jpg.json": supervisely(BOX), "img/a.jpg": "", "b.json": "{", "key_id_map.json": "{}"}
    assert skipped(imported("supervisely", files)) == {"file_unreadable": 1, "file_not_used": 1}
    with pytest.raises(InvalidDatasetError, match="neither a list of classes nor one of objects"):
        imported("supervisely", {"a.json": "[]", "a.jpg": ""})


@given(worlds(), st.data())
@settings(max_examples=150)
def test_what_is_written_as_supervisely_comes_back(world, data):
    """A folder is a dataset; annotation files are named after the whole name of the image."""
    files = {"meta.json": json.dumps({"classes": [{"title": name} for name in CLASSES]})}
    placed = {}
    for name in data.draw(st.permutations(list(world))):
        folder, _, base = name.rpartition("/")
        objects = []
        for title, kind, v in world[name]:
            corners = [[v[0], v[1]], [v[0] + v[2], v[1] + v[3]]]
            pairs = [list(pair) for pair in zip(v[::2], v[1::2], strict=True)]
            objects.append(
                figure("rectangle", corners, title=title) if kind == "bbox" else figure("polygon", pairs, title=title)
            )
        files[f"{folder or 'top'}/ann/{base}.json"] = supervisely(*objects)
        placed[f"{folder or 'top'}/img/{base}"] = world[name]
    found, images, result = imported_world("supervisely", files | dict.fromkeys(placed, ""))
    assert found == said(placed)
    assert images == sorted(placed)
    assert result.report["skipped"] == []


@given(
    arrays.arrays(bool, arrays.array_shapes(min_dims=2, max_dims=2, max_side=9)),
    st.integers(-3, 45),
    st.sampled_from(["palette", "grey", "alpha"]),
)
@settings(max_examples=80)
def test_bitmaps_come_back_pixel_by_pixel(mask, left, mode):
    files = {"ann/a.jpg.json": supervisely(BOX, bitmap(packed(mask, mode=mode), (left, 2))), "img/a.jpg": ""}
    padded = np.zeros((80, 90), bool)
    padded[22 : 22 + mask.shape[0], 20 + left : 20 + left + mask.shape[1]] = mask
    found = decode_segmentation(imported("supervisely", files).content["annotations"][1]["segmentation"], SIZE)
    np.testing.assert_array_equal(found, padded[20:60, 20:70])
