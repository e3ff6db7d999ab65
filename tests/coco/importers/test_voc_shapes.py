"""Pascal VOC as label tools write it: outlines, rotated boxes, swapped corners, elements that nobody knows."""

import math

import pytest

from support.importers import OBJECT, VOC, accounted, imported, noted, skipped

BOX = "<bndbox><xmin>2</xmin><ymin>4</ymin><xmax>11</xmax><ymax>13</ymax></bndbox>"
TRIANGLE = "<polygon><x1>2</x1><y1>4</y1><x2>11</x2><y2>4</y2><x3>11</x3><y3>13</y3></polygon>"


def one(*shapes):
    """Returns what becomes of one object with these elements, beside a sound one."""
    drawn = f"<object><name>dent</name>{''.join(shapes)}</object>"
    sound = OBJECT.format(more="")
    files = {"a.xml": VOC.format(name="a.jpg", objects=drawn + sound), "a.jpg": ""}
    result = imported("voc", files)
    classes = {category["id"]: category["name"] for category in result.content["categories"]}
    found = [record for record in result.content["annotations"] if classes[record["category_id"]] == "dent"]
    return result, found[0] if found else None


def test_a_box_and_an_outline_of_one_object_are_one_annotation():
    result, record = one(BOX, TRIANGLE)
    assert record["bbox"] == [1, 3, 10, 10]
    assert record["segmentation"] == [[1, 3, 10, 3, 10, 12]], "both count from 1"
    assert (skipped(result), noted(result)) == ({}, {})
    assert accounted(result)["objects"] == (2, 2, {})


def test_several_outlines_are_the_parts_of_one_object_and_an_empty_one_is_none():
    _, record = one(BOX, TRIANGLE, TRIANGLE.replace("4", "8"), "<polygon/>")
    assert record["segmentation"] == [[1, 3, 10, 3, 10, 12], [1, 7, 10, 7, 10, 12]]
    _, record = one(BOX, "<polygon/>")
    assert "segmentation" not in record


def test_corners_are_in_the_order_of_their_numbers():
    shuffled = "<polygon><y10>9</y10><x10>1</x10><x2>2</x2><y2>2</y2><y1>1</y1><x1>1</x1><x3>5</x3><y3>1</y3></polygon>"
    _, record = one(shuffled)
    assert record["segmentation"] == [[0, 0, 1, 1, 4, 0, 0, 8]]
    assert "bbox" not in record


def test_labelme_writes_points_and_counts_them_from_0():
    points = "".join(f"<pt><x>{x}</x><y>{y}</y></pt>" for x, y in ((2, 4), (11, 4), (11, 13)))
    _, record = one(f"<polygon><username>me</username>{points}</polygon>", "<deleted>0</deleted><verified>0</verified>")
    assert record["segmentation"] == [[2, 4, 11, 4, 11, 13]]


def test_an_object_that_labelme_marks_as_deleted_is_none():
    result, record = one(BOX, "<deleted>1</deleted>")
    assert record is None
    assert skipped(result) == {"element_not_used": 1}
    assert accounted(result)["objects"] == (1, 1, {})


def test_a_rotated_box_is_a_polygon_of_four_corners():
    box = "<type>robndbox</type><robndbox><cx>21</cx><cy>11</cy><w>10</w><h>4</h><angle>{}</angle></robndbox>"
    result, record = one(box.format(0))
    assert record["segmentation"] == [[15, 8, 25, 8, 25, 12, 15, 12]]
    assert noted(result) == {"rotated": 1}
    _, record = one(box.format(math.pi / 2))
    assert record["segmentation"][0] == pytest.approx([22, 5, 22, 15, 18, 15, 18, 5])
    _, record = one(box.format(math.pi / 6))
    x, y = record["segmentation"][0][2:4]
    assert (x, y) == pytest.approx((20 + 5 * math.sqrt(3) / 2 + 1, 10 + 2.5 - math.sqrt(3))), "clockwise, y down"
    for bad in (box.format(30), box.format("x"), box.format(0).replace("<w>10", "<w>0")):
        result, record = one(bad)
        assert (record, skipped(result)) == (None, {"object_malformed": 1})


@pytest.mark.parametrize("swapped", ["x", "y", "xy"])
def test_corners_are_sorted_and_it_is_said(swapped):
    box = BOX
    for axis in swapped:
        box = box.replace(f"{axis}min", "?").replace(f"{axis}max", f"{axis}min").replace("?", f"{axis}max")
    result, record = one(box)
    assert record["bbox"] == [1, 3, 10, 10]
    assert noted(result) == {"corners_sorted": 1}


def test_a_click_is_a_box_without_size():
    _, record = one("<bndbox><xmin>5</xmin><ymin>6</ymin><xmax>5</xmax><ymax>6</ymax></bndbox>")
    assert record["bbox"] == [4, 5, 0, 0]


@pytest.mark.parametrize(
    ("shape", "code", "word"),
    [
        ("<point><x>3</x><y>4</y></point>", "shape_without_area", "<point>"),
        (
            "<polygon><x1>1</x1><y1>1</y1><x2>9</x2><y2>1</y2></polygon>",
            "object_malformed",
            "three corners or more, got 2",
        ),
        ("<polygon><x1>1</x1><y1>1</y1><x2>9</x2></polygon>", "object_malformed", "<y2>, got none"),
        ("<segm><mask>a.png</mask></segm>", "object_malformed", "bndbox, robndbox, polygon, got segm"),
        ("<bndbox><xmin>1</xmin></bndbox>", "object_malformed", "<ymin>, got none"),
        ("", "object_malformed", "got none"),
    ],
)
def test_an_object_without_a_usable_shape_is_left_and_named(shape, code, word):
    result, record = one(shape)
    assert record is None
    (entry,) = (entry for entry in result.report["skipped"] if entry["code"] == code)
    assert word in entry["examples"][0]["detail"]
    assert accounted(result)["objects"] == (2, 1, {code: 1})
    assert noted(result) == {"labels_incomplete": 1}


def test_of_two_shapes_the_one_that_reads_is_taken():
    result, record = one(BOX, "<polygon><x1>1</x1></polygon>")
    assert record["bbox"] == [1, 3, 10, 10]
    assert skipped(result) == {"shape_malformed": 1}
    result, record = one(TRIANGLE, "<bndbox><xmin>one</xmin></bndbox>")
    assert (record["segmentation"], skipped(result)) == ([[1, 3, 10, 3, 10, 12]], {"shape_malformed": 1})


def test_unknown_elements_are_counted_by_their_tags_and_harmless_ones_are_not_named():
    more = "<attributes><attribute/></attributes><point><x>1</x></point>"
    head = "<folder>x</folder><path>C:\\x\\a.jpg</path><source><database>d</database></source><segmented>0</segmented>"
    objects = head + "<weather>fog</weather>" + 3 * OBJECT.format(more=more)
    result = imported("voc", {"a.xml": VOC.format(name="a.jpg", objects=objects), "a.jpg": ""})
    assert skipped(result) == {"element_not_used": 7}
    (entry,) = result.report["skipped"]
    assert [example["detail"] for example in entry["examples"]] == [
        "<weather>",
        "<attributes>, 3 in all",
        "<point>, 3 in all",
    ]
    assert accounted(result)["elements"] == (7, 0, {"element_not_used": 7})


def test_an_image_whose_objects_were_all_lost_does_not_pass_for_empty():
    sound = VOC.format(name="a.jpg", objects=OBJECT.format(more=""))
    lost = VOC.format(name="b.jpg", objects="<object><name>dent</name></object>")
    hidden = VOC.format(name="c.jpg", objects="<outputs><object><name>dent</name></object></outputs>")
    empty = VOC.format(name="d.jpg", objects="")
    files = {"a.xml": sound, "b.xml": lost, "c.xml": hidden, "d.xml": empty, "e.xml": "<annotation><object>"}
    result = imported("voc", files | dict.fromkeys(("a.jpg", "b.jpg", "c.jpg", "d.jpg", "e.jpg"), ""))
    assert result.image_names == ["a.jpg", "d.jpg"]
    assert accounted(result)["images"] == (5, 2, {"labels_lost": 3})
    assert accounted(result)["files"] == (5, 4, {"file_unreadable": 1})
