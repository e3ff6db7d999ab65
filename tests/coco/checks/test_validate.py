"""Every fault: found, done with as the policy says, and accounted for."""

import copy
import json
import math

import pytest
from pydantic import ValidationError

from gsam_edge.coco import InvalidDatasetError, RawCoco, validate
from gsam_edge.coco.checks.table import CHECKS
from gsam_edge.vision.images import ImageError

#: What becomes of the annotation of a dropped image.
LOST = {("annotation_of_dropped_image", "drop"): 1}

#: What becomes of an image whose only annotation was dropped.
BARE = {("labels_lost", "drop"): 1}
#: What becomes of the first category's annotations where it is dropped.
CLASSLESS = {("category_malformed", "drop"): 1, ("annotation_of_unknown_category", "drop"): 2} | BARE

#: A polygon that encloses 100 pixels, flat and as pairs of points.
SQUARE = [10, 10, 20, 10, 20, 20, 10, 20]
PAIRS = [[10, 10], [20, 10], [20, 20], [10, 20]]
#: Found of a file as a whole, not of a record: see test_whole.py and test_whole_sizes.py.
WHOLE = {
    "coordinates_as_shares", "boxes_as_corners", "boxes_as_centres", "boxes_mirrored", "boxes_from_one",
    "image_sizes_swapped", "images_turned", "image_ids_shifted", "category_ids_shifted", "many_crowds",
}  # fmt: skip

OFTEN = {"image_without_annotations", "category_unused"}


def put(content, path, value):
    *way, last = path.split(".")
    target = content
    for key in way:
        target = target[int(key) if key.isdigit() else key]
    target[int(last) if last.isdigit() else last] = value


def check(content, files, config):
    """Validates, and holds the audit against the findings and the value against a second reading."""
    before = repr(content)
    result = validate(content, files, config, source="file")
    assert repr(content) == before
    for tally, total, left, kind in (
        (result.images, content["images"], result.annotations.images, ("image_", "labels_")),
        (result.objects, content["annotations"], result.annotations.objects, ("annotation_", "box_", "segm", "mask_",
                                                                               "polygon_", "rle_")),
    ):  # fmt: skip
        assert tally.total == len(total) == tally.kept + tally.fixed + tally.dropped
        assert len(left) == tally.kept + tally.fixed
        dropped = sum(f.count for f in result.findings if f.policy == "drop" and f.code.startswith(kind))
        assert dropped == tally.dropped
    again = validate(result.annotations.to_coco(), files, config, source="again")
    assert again.annotations == result.annotations
    assert again.objects.fixed == again.objects.dropped == again.images.dropped == 0
    return result


def codes(result):
    return {(f.code, f.policy): f.count for f in result.findings if f.code not in OFTEN}


def test_a_sound_file_passes_untouched(content, files, config):
    result = check(content, files(), config)
    assert result.findings == ()
    assert result.annotations.to_coco() == content
    assert result.annotations.objects[0] is content["annotations"][0]


@pytest.mark.parametrize(
    "fault",
    [
        # categories
        ("categories.0", "bag", CLASSLESS),
        ("categories.0.name", " ", CLASSLESS),
        ("categories.1.name", "bag", {("category_same_name", "fix"): 1, ("annotation_moved", "fix"): 2}),
        ("categories.0.id", "3", {("id_not_integer", "fix"): 1}),
        ("categories.1.name", " BAG", {("category_name_alike", "keep"): 1}),
        ("categories.0.name", 7, {("category_name_not_text", "fix"): 1}),
        ("categories.0.name", "\x1b[31mred\a", {("category_name_control", "fix"): 1}),
        ("categories.0.name", "b" * 10_000, {("category_name_long", "fix"): 1}),
        ("categories.0.name", True, CLASSLESS),
        ("categories.0.name", math.nan, CLASSLESS),
        # images
        ("images.0", None, {("image_malformed", "drop"): 1, ("annotation_of_unknown_image", "drop"): 1}),
        ("images.0.file_name", "", {("image_malformed", "drop"): 1} | LOST),
        ("images.0.file_name", "a\0", {("image_malformed", "drop"): 1} | LOST),
        ("images.0.file_name", "\ud800", {("image_malformed", "drop"): 1} | LOST),
        ("images.0.file_name", "/etc/a", {("image_path_unsafe", "drop"): 1} | LOST),
        ("images.0.file_name", "x/../a", {("image_path_unsafe", "drop"): 1} | LOST),
        ("images.0.file_name", "C:\\a", {("image_path_unsafe", "drop"): 1} | LOST),
        ("images.0.file_name", "gone", {("image_missing", "drop"): 1} | LOST),
        ("images.0.file_name", "A.PNG", {("image_name_spelled_otherwise", "fix"): 1}),
        ("images.0.file_name", "cut.png", {("image_unreadable", "drop"): 1} | LOST),
        ("images.0.id", 2, {("image_id_conflict", "drop"): 2, ("annotation_of_dropped_image", "drop"): 2,
                            ("annotation_of_unknown_image", "drop"): 1}),
        ("images.0.file_name", "b.png", {("image_listed_twice", "drop"): 1, ("annotation_moved", "fix"): 2}),
        ("images.0.width", None, {("image_size_missing", "fix"): 1}),
        ("images.0.height", 0, {("image_size_missing", "fix"): 1}),
        ("images.0.height", 41, {("image_size_mismatch", "drop"): 1} | LOST),
        ("images.0.id", "1", {("id_not_integer", "fix"): 1}),
        ("images.0.height", "40", {("number_as_text", "fix"): 1}),
        ("images.0.width", "50.0", {("number_as_text", "fix"): 1}),
        ("images.0.width", "51", {("image_size_mismatch", "drop"): 1} | LOST),
        ("images.0.width", "wide", {("image_size_missing", "fix"): 1}),
        # references and ids
        ("annotations.0", [], {("annotation_malformed", "drop"): 1}),
        ("annotations.0.image_id", None, {("annotation_malformed", "drop"): 1}),
        ("annotations.0.image_id", [1], {("annotation_malformed", "drop"): 1}),
        ("annotations.0.image_id", 99, {("annotation_of_unknown_image", "drop"): 1}),
        ("annotations.0.category_id", 99, {("annotation_of_unknown_category", "drop"): 1} | BARE),
        ("annotations.0.category_id", 3.0, {("id_not_integer", "fix"): 1}),
        ("annotations.0.id", None, {("annotation_id_missing", "fix"): 1}),
        ("annotations.0.id", 6, {("annotation_id_duplicate", "fix"): 1}),
        ("annotations.0.id", "a1", {("id_renumbered", "fix"): 1}),
        ("annotations.0.category_id", "bag", {("id_renumbered", "fix"): 1}),
        ("annotations.0.category_id", "sack", {("annotation_of_unknown_category", "drop"): 1} | BARE),
        ("annotations.0.image_id", "a.png", {("annotation_of_unknown_image", "drop"): 1}),
        ("annotations.0.iscrowd", True, {("iscrowd_not_integer", "fix"): 1}),
        # boxes: the first annotation has a mask as well, the third has not
        ("annotations.0.bbox", [1, 2, 3], {("box_malformed", "fix"): 1}),
        ("annotations.0.bbox", [1, 2, math.nan, 3], {("box_malformed", "fix"): 1}),
        ("annotations.2.bbox", [1, 2, math.inf, 3], {("box_malformed", "drop"): 1}),
        ("annotations.2.bbox", [1, 2, 10**400, 3], {("box_malformed", "drop"): 1}),
        ("annotations.2.bbox", [5, 5, 0, 3], {("box_without_size", "drop"): 1}),
        ("annotations.2.bbox", [60, 5, 3, 3], {("box_off_image", "drop"): 1}),
        ("annotations.2.bbox", [-1, 2.5, 10.5, 20], {("box_outside", "fix"): 1, ("area_mismatch", "fix"): 1}),
        ("annotations.2.bbox", None, {("annotation_without_shape", "drop"): 1}),
        ("annotations.0.bbox", ["10", 10, " 1e1", "10.0"], {("number_as_text", "fix"): 1}),
        ("annotations.0.bbox", "[10, 10, 10, 10]", {("number_as_text", "fix"): 1}),
        ("annotations.2.bbox", ["60", "5", "3", "3"], {("box_off_image", "drop"): 1}),
        ("annotations.0.bbox", ["10", "10", "10"], {("box_malformed", "fix"): 1}),
        ("annotations.0.bbox", ["10", "10", "10", "inf"], {("box_malformed", "fix"): 1}),
        ("annotations.0.bbox", ["10", "10", "10", "10,5"], {("box_malformed", "fix"): 1}),
        # masks
        ("annotations.0.segmentation", [], {("segmentation_empty", "keep"): 1}),
        ("annotations.0.segmentation", [[]], {("segmentation_blank", "fix"): 1}),
        ("annotations.3.segmentation", [[], []], {("annotation_without_shape", "drop"): 1} | BARE),
        ("annotations.0.segmentation", "mask", {("segmentation_malformed", "fix"): 1}),
        ("annotations.0.segmentation", [str(n) for n in SQUARE], {("number_as_text", "fix"): 1,
                                                                  ("polygon_in_other_layout", "fix"): 1}),
        ("annotations.0.segmentation", [[str(n) for n in SQUARE]], {("number_as_text", "fix"): 1}),
        ("annotations.0.segmentation", str([SQUARE]), {("number_as_text", "fix"): 1}),
        ("annotations.0.segmentation", SQUARE, {("polygon_in_other_layout", "fix"): 1}),
        ("annotations.0.segmentation", PAIRS, {("polygon_in_other_layout", "fix"): 1}),
        ("annotations.0.segmentation", [PAIRS, SQUARE], {("polygon_in_other_layout", "fix"): 1}),
        ("annotations.0.segmentation", [1, 1, 5, 5], {("polygon_malformed", "fix"): 1}),
        ("annotations.0.segmentation", [[1, 1], [5, 5]], {("polygon_malformed", "fix"): 1}),
        ("annotations.1.segmentation", {"size": ["40", "50"], "counts": ["0", "80", "1920"]},
         {("number_as_text", "fix"): 1}),
        ("annotations.0.segmentation", [[1, 1, 5, 5]], {("polygon_malformed", "fix"): 1}),
        ("annotations.0.segmentation", [[1, 1, 5, 5, 9]], {("polygon_malformed", "fix"): 1}),
        ("annotations.0.segmentation", [[1, 1, 5, math.nan, 9, 9]], {("polygon_malformed", "fix"): 1}),
        ("annotations.0.segmentation", [[1, 1, 5, 1e300, 9, 9]], {("polygon_malformed", "fix"): 1}),
        ("annotations.0.segmentation", [[0, 0, 49, 39] * 200], {("polygon_malformed", "fix"): 1}),
        ("annotations.0.segmentation", [[60, 0, 70, 0, 70, 9]], {("polygon_outside", "fix"): 1}),
        ("annotations.3.segmentation", [[60, 0, 70, 0, 70, 9]], {("polygon_outside", "drop"): 1} | BARE),
        ("annotations.3.segmentation", [[1, 1], [1, 1], [1, 1]], {("mask_empty", "drop"): 1} | BARE),
        ("annotations.3.segmentation", [[1, 1, 1, 1, 1, 1]], {("mask_empty", "drop"): 1} | BARE),
        ("annotations.3.segmentation", {"size": [40, 50], "counts": [2000]}, {("mask_empty", "drop"): 1} | BARE),
        ("annotations.3.segmentation", {"size": [50, 40], "counts": [0, 2000]}, {("rle_malformed", "drop"): 1} | BARE),
        ("annotations.3.segmentation", {"size": [40, 50], "counts": "oooo"}, {("rle_malformed", "drop"): 1} | BARE),
        ("annotations.3.segmentation", {"counts": 5}, {("rle_malformed", "drop"): 1} | BARE),
        ("annotations.0.area", 150, {("area_mismatch", "fix"): 1}),
        ("annotations.0.area", "100.0", {("number_as_text", "fix"): 1}),
        ("annotations.0.area", "150", {("number_as_text", "fix"): 1, ("area_mismatch", "fix"): 1}),
        ("annotations.0.area", "big", {("area_malformed", "fix"): 1}),
        ("annotations.0.area", -5, {("area_malformed", "fix"): 1}),
    ],
)  # fmt: skip
def test_one_fault_is_one_finding(content, files, config, fault):
    path, value, expected = fault
    put(content, path, value)
    assert codes(check(content, files(), config)) == expected


def test_every_check_can_be_met(content, files, config):
    """The table above and the tests below leave no code of the table of checks out."""
    met = {"annotation_duplicate", "category_id_conflict", "image_dark_16_bit", "masks_gone", "boxes_gone"}
    met |= OFTEN | WHOLE
    table = next(mark for mark in test_one_fault_is_one_finding.pytestmark if mark.name == "parametrize")
    assert met | {code for *_, expected in table.args[1] for code, _ in expected} == set(CHECKS)


def test_what_is_taken_away_is_gone_and_what_is_clipped_fits(content, files, config):
    put(content, "annotations.0.bbox", [1, 2, 3])
    put(content, "annotations.1.segmentation", "mask")
    put(content, "annotations.2.bbox", [45, -2, 10, 12])
    put(content, "annotations.3.segmentation", [[40, 30, 60, 30, 60, 50, 40, 50]])
    first, second, third, fourth = check(content, files(), config).annotations.objects
    assert "bbox" not in first
    assert "segmentation" not in second
    assert third["bbox"] == [45, 0, 5, 10]
    assert third["area"] == 50
    assert sorted(fourth["segmentation"][0]) == sorted([40, 30, 50, 30, 50, 40, 40, 40])


def test_one_broken_part_does_not_cost_the_others(content, files, config):
    part = content["annotations"][0]["segmentation"][0]
    put(content, "annotations.0.segmentation", [[1, 2], part])
    result = check(content, files(), config)
    assert codes(result) == {("polygon_malformed", "fix"): 1}
    assert result.annotations.objects[0]["segmentation"] == [part]


def test_the_same_object_twice_is_dropped_once(content, files, config):
    content["annotations"] += [{**content["annotations"][0], "id": 50}, {**content["annotations"][0], "id": 50}]
    result = check(content, files(), config)
    assert codes(result) == {("annotation_duplicate", "drop"): 2}
    assert result.findings[0].examples[0]["detail"] == "the same as annotation 1"


def test_new_ids_are_unused_ones(content, files, config):
    for row in (0, 1):
        del content["annotations"][row]["id"]
    assert [r["id"] for r in check(content, files(), config).annotations.objects] == [7, 8, 5, 6]


def test_a_record_counts_once_under_a_code(content, files, config):
    for record in content["annotations"]:
        record |= {key: str(record[key]) for key in ("id", "image_id", "category_id")}
    assert codes(check(content, files(), config)) == {("id_not_integer", "fix"): 4}


def test_a_dropped_image_or_category_stands_under_one_code(content, files, configure):
    content["images"].append({"id": "8", "file_name": "d.png"})
    content["categories"].append({"id": "9", "name": "unused"})
    result = check(content, files(), configure(policies={"image_without_annotations": "drop"}))
    assert {(f.code, f.policy): f.count for f in result.findings} == {
        ("image_without_annotations", "drop"): 1, ("category_unused", "drop"): 1,
    }  # fmt: skip


def test_an_area_that_is_no_number_is_never_kept(content, files, configure):
    put(content, "annotations.0.area", "abc")
    put(content, "annotations.2.area", 3)
    result = check(content, files(), configure(policies={"area_mismatch": "keep"}))
    assert codes(result) == {("area_malformed", "fix"): 1, ("area_mismatch", "keep"): 1}
    assert [record.get("area") for record in result.annotations.objects][::2] == [100, 3]


def test_crowds_alone_are_an_error(content, files, config):
    for record in content["annotations"]:
        record["iscrowd"] = 1
    for value in (content, RawCoco.parse(json.dumps(content).encode()).content):
        with pytest.raises(
            InvalidDatasetError, match=r"file: expected at least one annotation of a single object, got 4 crow"
        ):
            validate(value, files(), config, source="file")


def test_ids_written_as_text_still_refer(content, files, config):
    for record in [*content["images"], *content["categories"]]:
        record["id"] = str(record["id"])
    result = check(content, files(), config)
    assert result.objects.kept == 4
    assert [image["id"] for image in result.annotations.images] == [1, 2, 7]


def test_placeholders_and_empty_images_are_said(content, files, config, configure):
    content["categories"].insert(0, {"id": 0, "name": "placeholder"})
    content["images"].append({"id": 8, "file_name": "d.png", "height": 40, "width": 50})
    result = check(content, files(), config)
    assert {(f.code, f.policy, f.count) for f in result.findings} == {
        ("category_unused", "drop", 1), ("image_without_annotations", "keep", 1),
    }  # fmt: skip
    assert result.annotations.class_mapping == {0: "bag", 1: "wire"}
    kept = configure(policies={"category_unused": "keep", "image_without_annotations": "drop"})
    result = check(content, files(), kept)
    assert result.annotations.class_mapping == {0: "placeholder", 1: "bag", 2: "wire"}
    assert result.images.dropped == 1


def test_a_size_may_be_taken_from_the_file(content, files, configure):
    put(content, "images.0.height", 90)
    result = check(content, files(), configure(policies={"image_size_mismatch": "fix"}))
    assert result.annotations.images[0]["height"] == 40
    assert result.images.fixed == 1


def test_decoding_finds_what_the_header_hides(content, files, configure):
    class CutOff:
        probe = staticmethod(lambda name: (40, 50))
        stamp = staticmethod(lambda name: "")

        def inspect(self, name):
            raise ImageError(f"{name} is cut off")

    validate(content, CutOff(), configure(decode_images=False), source="file")
    with pytest.raises(
        InvalidDatasetError, match=r"expected at least one usable image, got none of 3 \(image_unreadable 3\)"
    ):
        validate(content, CutOff(), configure(decode_images=True), source="file")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([1, 2], r"file: expected a COCO mapping with images, annotations, categories, got \[1, 2\]"),
        (None, "got None"),
        ({}, r"expected a list under 'images', got keys \[\]"),
        ({"images": []}, "expected at least one record under 'images', got an empty list"),
        ({"images": [{}]}, r"expected a list under 'annotations', got keys \['images'\]"),
        ({"images": [{}], "annotations": 5}, "expected a list under 'annotations', got annotations: 5"),
        ({"images": [{}], "annotations": []}, "at least one record under 'annotations'"),
        ({"images": [{}], "annotations": [{}], "categories": [0]}, "categories: expected at least one"),
    ],
)
def test_what_is_no_coco_file_is_an_error(content, message, files, config):
    with pytest.raises(InvalidDatasetError, match=message):
        validate(content, files(), config, source="file")


def test_nothing_usable_is_an_error_that_says_why(content, files, config):
    for record in content["annotations"]:
        record["image_id"] = 99
    expected = r"at least one usable annotation, got none of 4 \(annotation_of_unknown_image 4\)"
    with pytest.raises(InvalidDatasetError, match=expected):
        validate(content, files(), config, source="file")


def test_an_image_of_lost_labels_is_no_image_without_labels(content, files, config, configure):
    content["images"].append({"id": 8, "file_name": "d.png", "height": 40, "width": 50})
    put(content, "annotations.1.category_id", 9)
    put(content, "annotations.2.bbox", [1, 2, 0, 20])
    result = check(content, files(), config)
    assert {(f.code, f.policy): f.count for f in result.findings} == {
        ("image_without_annotations", "keep"): 1, ("labels_lost", "drop"): 1,
        ("annotation_of_unknown_category", "drop"): 1, ("box_without_size", "drop"): 1,
    }  # fmt: skip
    assert [image["id"] for image in result.annotations.images] == [1, 7, 8]
    details = {finding.code: finding.examples[0]["detail"] for finding in result.findings}
    assert details["image_without_annotations"] == "no annotation was there"
    assert details["labels_lost"] == (
        "2 annotations were there, none is left; the first: annotations[1]: category_id 9 "
        "(annotation_of_unknown_category)"
    )
    kept = validate(content, files(), configure(policies={"labels_lost": "keep"}), source="file")
    assert [image["id"] for image in kept.annotations.images] == [1, 2, 7, 8]
    none_bare = {"labels_lost": "keep", "image_without_annotations": "drop"}
    bare = check(content, files(), configure(policies=none_bare))
    assert [image["id"] for image in bare.annotations.images] == [1, 7]
    with pytest.raises(InvalidDatasetError, match=r"images\[1\]: 2 annotations were there"):
        validate(content, files(), configure(policies={"labels_lost": "error"}), source="file")


@pytest.mark.parametrize("policy", ["drop", "keep"])
def test_duplicates_never_leave_an_image_without_labels(content, files, configure, policy):
    content["annotations"] += [{**content["annotations"][0], "id": 50 + more} for more in range(2)]
    result = check(content, files(), configure(policies={"annotation_duplicate": policy}))
    assert result.images.dropped == 0


@pytest.mark.parametrize(
    ("key", "broken", "code", "message"),
    [
        ("segmentation", "mask", "masks_gone", "annotations: 3 segmentations, none could be used"),
        ("bbox", [1, 2, 3], "boxes_gone", "annotations: 3 boxes, none could be used"),
    ],
)
def test_a_change_of_task_ends_the_run_unless_it_is_wanted(content, files, configure, key, broken, code, message):
    other = {"bbox": "segmentation", "segmentation": "bbox"}[key]
    shape = content["annotations"][0][other]
    content["annotations"] = [
        {**record, key: broken, other: shape, "area": 100, "id": row}
        for row, record in enumerate(content["annotations"])
    ]
    content["annotations"][1]["iscrowd"] = 1
    with pytest.raises(InvalidDatasetError) as refused:
        validate(content, files(), configure(), source="file")
    assert message in str(refused.value)
    assert f"{key if key == 'segmentation' else 'box'}_malformed 4" in str(refused.value)
    assert repr(broken) in str(refused.value)
    assert f"--params=validation.policies.{code}=keep" in str(refused.value)
    kept = check(content, files(), configure(policies={code: "keep"}))
    assert codes(kept)[code, "keep"] == 1
    assert (kept.annotations.has_masks, kept.annotations.has_boxes) == (key == "bbox", key != "bbox")


def test_what_is_lost_with_its_image_or_never_was_there_changes_no_task(content, files, config):
    put(content, "annotations.0.bbox", [0, 0, 0, 0])
    put(content, "annotations.1.bbox", [])
    put(content, "images.1.file_name", "gone.png")
    assert codes(check(content, files(), config)) == {
        ("image_missing", "drop"): 1, ("annotation_of_dropped_image", "drop"): 2, ("box_without_size", "fix"): 1,
    }  # fmt: skip


@pytest.mark.parametrize("name", ["Bag", "BAG ", "ba\u200bg", "\ufeffbag", "\uff42ag"])
def test_classes_that_read_alike_are_said_and_merged_where_wanted(content, files, config, configure, name):
    put(content, "categories.1.name", name)
    said = check(content, files(), config)
    assert codes(said) == {("category_name_alike", "keep"): 1}
    assert said.annotations.class_names == ("bag", name.strip())
    assert "reads like 'bag', category 3" in said.findings[0].examples[0]["detail"]
    merged = check(content, files(), configure(policies={"category_name_alike": "fix"}))
    assert codes(merged) == {("category_name_alike", "fix"): 1, ("annotation_moved", "fix"): 2}
    assert merged.annotations.class_names == ("bag",)
    assert len(merged.annotations.objects) == 4


def test_a_refusal_shows_the_first_case(content, files, config):
    for record in content["images"]:
        record["file_name"] = f"photos/{record['file_name']}"
    expected = r"\(image_missing 3\)\nthe first image_missing: images\[0\], file_name 'photos/a.png': no file "
    with pytest.raises(InvalidDatasetError, match=f"got none of 3 {expected}.*a file of that name is 'a.png'"):
        validate(content, files(), config, source="file")


def test_one_category_id_with_two_names_is_an_error(content, files, config):
    content["categories"].append({"id": 3, "name": "sack"})
    with pytest.raises(
        InvalidDatasetError, match=r"file: categories\[2\]: id 3 is 'bag' and 'sack' \(category_id_conflict"
    ):
        validate(content, files(), config, source="file")


def test_a_policy_makes_any_fault_an_error(content, files, configure):
    put(content, "annotations.2.bbox", [5, 5, 0, 3])
    with pytest.raises(InvalidDatasetError, match=r"annotations\[2\]: bbox \[5, 5, 0, 3\] \(box_without_size"):
        validate(content, files(), configure(policies={"box_without_size": "error"}), source="file")


def test_policies_that_do_not_exist_are_refused(configure):
    with pytest.raises(ValidationError, match="Input should be 'error', 'drop', 'fix' or 'keep'"):
        configure(policies={"box_outside": "mend"})
    with pytest.raises(ValidationError, match="rle_malformed: expected one of fix, drop, error, got 'keep'"):
        configure(policies={"rle_malformed": "keep"})
    with pytest.raises(ValidationError, match=r"expected codes of .*, got 'box_outsid'"):
        configure(policies={"box_outsid": "fix"})


def test_examples_are_few_and_name_the_record(content, files, configure):
    for row in range(40):
        content["annotations"].append(
            {**copy.deepcopy(content["annotations"][2]), "id": 100 + row, "bbox": [0, 0, 0, 1]}
        )
    finding = check(content, files(), configure(max_examples=2)).findings[0]
    assert finding.count == 40
    assert len(finding.examples) == 2
    assert finding.to_json()["examples"][0] == {
        "where": "annotations[4]", "id": 100, "file_name": "b.png", "detail": "bbox [0, 0, 0, 1]",
    }  # fmt: skip
