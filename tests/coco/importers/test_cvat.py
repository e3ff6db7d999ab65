"""CVAT for images 1.1: an XML file of images with boxes, polygons, ellipses and masks."""

from itertools import groupby
from xml.sax.saxutils import quoteattr

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from gsam_edge.coco import InvalidDatasetError
from gsam_edge.coco.geometry.segmentation import decode_segmentation
from support.importers import SIZE, accounted, imported, noted, skipped
from support.worlds import CLASSES, imported_world, said, worlds

META = """<version>1.1</version><meta><task><labels>{labels}</labels>{more}</task></meta>"""
BOX = '<box label="bag" occluded="0" xtl="1.5" ytl="2" xbr="11.5" ybr="22" z_order="0"/>'


def cvat(*images, labels=("bag", "wire"), more=""):
    named = "".join(f"<label><name>{label}</name></label>" for label in labels)
    meta = META.format(labels=named, more=more)
    return f'<?xml version="1.0" encoding="utf-8"?>\n<annotations>{meta}{"".join(images)}</annotations>'


def image(name, *shapes, size=SIZE, more=""):
    return f'<image id="0" name={quoteattr(name)} width="{size[1]}" height="{size[0]}" {more}>{"".join(shapes)}</image>'


def polygon(points, label="bag", more=""):
    return f'<polygon label="{label}" points="{points}" occluded="0" z_order="0" {more}/>'


def test_shapes_with_an_area_become_boxes_and_segmentations():
    turned = '<box label="wire" occluded="1" rotation="90.0" xtl="10" ytl="10" xbr="30" ybr="20" z_order="2"/>'
    ellipse = '<ellipse label="bag" cx="25" cy="20" rx="10" ry="5" rotation="90" occluded="0" z_order="0"/>'
    backwards = '<box label="bag" xtl="9" ytl="8" xbr="1" ybr="2"><attribute name="deep">yes</attribute></box>'
    mask = '<mask label="bag" rle="1, 2, 1, 4, 4" left="3" top="5" width="4" height="3"/>'
    shapes = (BOX, turned, polygon("1.0,2.0;9.0,2.0;9.0,9.5"), ellipse, backwards, mask, '<tag label="wire"/>')
    result = imported("cvat", {"annotations.xml": cvat(image("a.jpg", *shapes)), "images/a.jpg": ""})
    box, rotated, outline, round_, sorted_, drawn = result.content["annotations"]
    assert (box["bbox"], "attributes" in box) == ([1.5, 2, 10, 20], False)
    assert rotated["segmentation"][0] == pytest.approx([25, 5, 25, 25, 15, 25, 15, 5])
    assert rotated["attributes"] == {"occluded": "1", "z_order": "2"}
    assert outline["segmentation"] == [[1, 2, 9, 2, 9, 9.5]]
    pixels = decode_segmentation(round_["segmentation"], SIZE)
    assert pixels.sum() == pytest.approx(np.pi * 50, rel=0.03)
    assert np.ptp(np.nonzero(pixels)[0]) > 2 * np.ptp(np.nonzero(pixels)[1]) - 2  # it stands upright
    assert (sorted_["bbox"], sorted_["attributes"]) == ([1, 2, 8, 6], {"deep": "yes"})
    expected = np.zeros(SIZE, bool)
    expected[5:8, 3:7] = [[0, 1, 1, 0], [1, 1, 1, 1], [0, 0, 0, 0]]
    np.testing.assert_array_equal(decode_segmentation(drawn["segmentation"], SIZE), expected)
    assert result.content["images"][0]["tags"] == ["wire"]
    assert noted(result) == {"rotated": 1, "ellipse": 1, "corners_sorted": 1}
    assert skipped(result) == {}


def test_shapes_of_one_group_are_one_object_where_they_say_the_same():
    parts = [
        polygon("0,0;4,0;4,4", more='group_id="7"'),
        polygon("9,9;12,9;12,12", more='group_id="7"'),
        polygon("20,20;22,20;22,22", more='group_id="7"', label="wire"),
        polygon("30,30;32,30;32,32"),
        polygon("30,30;32,30;32,32"),
        BOX.replace("<box", '<box group_id="8"'),
        polygon("1.5,2;11.5,2;11.5,22", more='group_id="8"'),
    ]
    result = imported("cvat", {"a.xml": cvat(image("a.jpg", *parts)), "a.jpg": ""})
    assert [len(record["segmentation"]) for record in result.content["annotations"]] == [2, 1, 1, 1, 1]
    assert result.content["annotations"][-1]["bbox"] == [1.5, 2, 10, 20]
    assert noted(result) == {"parts_joined": 2}
    assert accounted(result)["objects"] == (5, 5, {})
    assert accounted(result)["elements"] == (2, 2, {})


def test_a_crowd_is_a_crowd_and_classes_keep_their_order():
    crowd = '<box label="wire" xtl="1" ytl="2" xbr="9" ybr="9"><attribute name="is_crowd">true</attribute></box>'
    labels = ("bag", "wire", "unused")
    result = imported("cvat", {"a.xml": cvat(image("a.jpg", crowd, BOX), labels=labels), "a.jpg": ""})
    assert [record["iscrowd"] for record in result.content["annotations"]] == [1, 0]
    assert [category["name"] for category in result.content["categories"]] == ["bag", "wire", "unused"]


def test_subsets_are_splits_and_find_their_images():
    """A project's tasks hold images of one name, each in the folder of its subset."""
    images = [image("0.jpg", BOX, more='subset="Train"'), image("0.jpg", more='subset="Validation"')]
    files = {"annotations.xml": cvat(*images), "images/Train/0.jpg": "", "images/Validation/0.jpg": ""}
    result = imported("cvat", files)
    splits = {record["file_name"]: record["split"] for record in result.content["images"]}
    assert splits == {"images/Train/0.jpg": "train", "images/Validation/0.jpg": "val"}
    assert result.content["annotations"][0]["image_id"] == 1
    del files["images/Train/0.jpg"]
    with pytest.raises(InvalidDatasetError, match="image_missing"):  # and never the image of the other subset
        imported("cvat", files)


def test_an_image_of_another_subset_is_never_taken_for_a_missing_one():
    """0.jpg of cam1 is gone; the image of that name in the folder of cam2 is another one."""
    document = cvat(
        image("0.jpg", BOX, more='subset="cam1"'), *(image(f"{n}.jpg", BOX, more=f'subset="cam{n}"') for n in (1, 2))
    )
    files = {"annotations.xml": document, "images/cam1/1.jpg": "", "images/cam2/0.jpg": "", "images/cam2/2.jpg": ""}
    result = imported("cvat", files)
    assert result.image_names == ["images/cam1/1.jpg", "images/cam2/2.jpg"]
    assert skipped(result) == {"image_missing": 1, "image_not_annotated": 1}


def test_two_entries_for_one_image_give_it_to_neither():
    files = {"a.xml": cvat(image("0.jpg", BOX), image("0.jpg", BOX, BOX), image("1.jpg", BOX))}
    result = imported("cvat", files | {"images/0.jpg": "", "images/1.jpg": ""})
    assert result.image_names == ["images/1.jpg"]
    assert skipped(result) == {"pairing_ambiguous": 2, "labels_lost": 1}
    assert accounted(result)["objects"] == (4, 1, {"pairing_ambiguous": 3})


def test_an_image_of_which_only_lines_are_known_is_not_empty():
    lines = '<polyline label="bag" points="1,1;5,5"/><points label="bag" points="1,1"/><skeleton label="bag"/>'
    files = {"a.xml": cvat(image("0.jpg", lines), image("1.jpg", BOX), image("2.jpg"))}
    result = imported("cvat", files | dict.fromkeys(["0.jpg", "1.jpg", "2.jpg"], ""))
    assert result.image_names == ["1.jpg", "2.jpg"]
    assert skipped(result) == {"shape_without_area": 3, "labels_lost": 1}


@pytest.mark.parametrize(
    ("shape", "code"),
    [
        ('<box label="bag" xtl="oops" ytl="1" xbr="5" ybr="5"/>', "object_malformed"),
        ('<box label="bag" xtl="1" ytl="1" xbr="5"/>', "object_malformed"),
        ('<box label="" xtl="1" ytl="1" xbr="5" ybr="5"/>', "object_malformed"),
        ('<box xtl="1" ytl="1" xbr="5" ybr="5"/>', "object_malformed"),
        ('<box label="bag" rotation="x" xtl="1" ytl="1" xbr="5" ybr="5"/>', "object_malformed"),
        ('<box label="bag" rotation="9" xtl="1" ytl="1" xbr="1" ybr="5"/>', "object_malformed"),
        (polygon("1,1;2,2"), "object_malformed"),
        (polygon("1,1;2,2;3"), "object_malformed"),
        (polygon("1,1;2,nan;3,4"), "object_malformed"),
        ('<ellipse label="bag" cx="1" cy="1" rx="0" ry="3"/>', "object_malformed"),
        ('<ellipse label="bag" cx="1e308" cy="1" rx="1e308" ry="3"/>', "object_malformed"),
        ('<mask label="bag" rle="1, 2" left="0" top="0" width="2" height="2"/>', "object_malformed"),
        ('<mask label="bag" rle="-1, 5" left="0" top="0" width="2" height="2"/>', "object_malformed"),
        ('<mask label="bag" rle="" left="0" top="0" width="2" height="2"/>', "object_malformed"),
        (f'<mask label="bag" rle="{"9" * 40}" left="0" top="0" width="2" height="2"/>', "object_malformed"),
        (f'<mask label="bag" rle="4" left="{"9" * 40}" top="0" width="2" height="2"/>', "object_malformed"),
        ('<mask label="bag" rle="0, 9" left="0" top="0" width="100000" height="100000"/>', "object_malformed"),
        ('<hexagon label="bag" points="1,1"/>', "element_not_used"),
        ('<cuboid label="bag"/>', "shape_without_area"),
    ],
)  # fmt: skip
def test_a_damaged_shape_is_counted_and_the_others_are_taken(shape, code):
    result = imported("cvat", {"a.xml": cvat(image("a.jpg", shape, BOX)), "a.jpg": ""})
    assert skipped(result) == {code: 1}
    assert accounted(result)["objects"] == (2, 1, {code: 1})


def test_masks_of_an_image_in_another_size_are_not_trusted():
    mask = '<mask label="bag" rle="0, 4" left="0" top="0" width="2" height="2"/>'
    result = imported("cvat", {"a.xml": cvat(image("a.jpg", mask, BOX, size=(400, 500))), "a.jpg": ""})
    assert skipped(result) == {"object_malformed": 1}


def test_a_video_is_named_as_such():
    track = f'<track id="0" label="bag">{BOX}{BOX.replace("<box", "<box outside=" + quoteattr("1"))}</track>'
    with pytest.raises(InvalidDatasetError, match="a track through a video, of 1 shapes; export it as CVAT for images"):
        imported("cvat", {"a.xml": cvat(track), "frame_000000.jpg": ""})


@pytest.mark.parametrize("content", ["<annotations>", "<!DOCTYPE a [<!ENTITY b 'c'>]><annotations>&b;</annotations>"])
def test_files_that_do_not_parse_are_counted(content):
    sound = cvat(image("a.jpg", BOX), "<job/>")
    result = imported("cvat", {"a.xml": sound, "b.xml": content, "voc.xml": "<annotation/>", "a.jpg": ""})
    assert skipped(result) == {"element_not_used": 1, "file_unreadable": 1, "file_not_used": 1}


@given(worlds(), st.data())
@settings(max_examples=150)
def test_what_is_written_as_cvat_comes_back(world, data):
    nodes = []
    for name in data.draw(st.permutations(list(world))):
        shapes = []
        for label, kind, v in world[name]:
            at = f"label={quoteattr(label)} occluded={quoteattr(data.draw(st.sampled_from('01')))}"
            if kind == "bbox":
                corners = f'xtl="{v[0]}" ytl="{v[1]}" xbr="{v[0] + v[2]:.2f}" ybr="{v[1] + v[3]:.2f}"'
                shapes.append(f"<box {at} {corners}/>")
            else:
                points = ";".join(f"{x:.2f},{y:.2f}" for x, y in zip(v[::2], v[1::2], strict=True))
                shapes.append(f'<polygon {at} points="{points}"/>')
        nodes.append(image(name, *shapes))
    folder = data.draw(st.sampled_from(["", "images/", "images/default/"]))
    documents = {"annotations.xml": cvat(*nodes, labels=CLASSES)}
    found, images, result = imported_world("cvat", documents | {f"{folder}{name}": "" for name in world})
    assert found == said({f"{folder}{name}": objects for name, objects in world.items()})
    assert images == sorted(f"{folder}{name}" for name in world)
    assert result.report["skipped"] == []


@given(
    arrays.arrays(bool, arrays.array_shapes(min_dims=2, max_dims=2, max_side=9)),
    st.integers(-3, 45),
    st.integers(0, 45),
)
@settings(max_examples=80)
def test_masks_come_back_pixel_by_pixel(mask, left, top):
    """What is outside the image is cut off."""
    runs = [len(list(run)) for _, run in groupby(mask.ravel())]
    runs = runs if not mask.flat[0] else [0, *runs]
    shape = (
        f'<mask label="bag" rle="{", ".join(map(str, runs))}" left="{left}" top="{top}" '
        f'width="{mask.shape[1]}" height="{mask.shape[0]}"/>'
    )
    result = imported("cvat", {"a.xml": cvat(image("a.jpg", BOX, shape)), "a.jpg": ""})
    padded = np.zeros((80, 90), bool)
    padded[20 + top : 20 + top + mask.shape[0], 20 + left : 20 + left + mask.shape[1]] = mask
    found = decode_segmentation(result.content["annotations"][1]["segmentation"], SIZE)
    np.testing.assert_array_equal(found, padded[20:60, 20:70])
