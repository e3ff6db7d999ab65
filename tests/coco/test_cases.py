"""COCO files in which a fault was found once, beside the repository: each comes to its right values."""

import json
from pathlib import Path

import pytest
from kedro.io import DatasetError

from gsam_edge.coco import InvalidDatasetError, RawCoco, validate
from gsam_edge.datasets.coco import RawCocoDataset
from gsam_edge.datasets.images import ImageFolder

CASES = Path(__file__).parents[2].parent / "shared" / "cases" / "data"


@pytest.fixture
def case(configure):
    """Reads a case as the pipeline does; the images are decoded."""

    def read(name, **policies):
        folder = CASES / name / "input"
        if not folder.is_dir():
            pytest.skip(f"the shared case {name} is not here: no folder {folder}")
        raw = RawCoco.parse((folder / "annotations.json").read_bytes())
        files = ImageFolder(folder, max_pixels=10**8)
        return validate(raw.content, files, configure(decode_images=True, policies=policies), source="annotations.json")

    return read


def tallies(result):
    return {name: getattr(result, name).to_json() for name in ("images", "objects")}


def all_of(images, objects, *, fixed_images=0, fixed_objects=0):
    """What the account says where nothing is lost."""
    return {
        "images": {"in": images, "kept": images - fixed_images, "fixed": fixed_images, "dropped": 0},
        "objects": {"in": objects, "kept": objects - fixed_objects, "fixed": fixed_objects, "dropped": 0},
    }


def codes(result):
    return {(finding.code, finding.policy): finding.count for finding in result.findings}


def test_a_flat_polygon_is_a_polygon(case):
    result = case("coco_flat_polygons")
    assert tallies(result) == all_of(16, 32, fixed_objects=32)
    assert codes(result) == {("polygon_in_other_layout", "fix"): 32}
    assert result.annotations.columns.has_mask.sum() == 32
    assert result.annotations.objects[0]["segmentation"] == [[105, 48, 136, 48, 136, 71, 105, 71]]


def test_ids_that_are_words_are_numbered_and_their_references_follow(case):
    result = case("coco_ids_as_names")
    assert tallies(result) == all_of(16, 32, fixed_images=16, fixed_objects=32)
    assert codes(result) == {("id_renumbered", "fix"): 48}
    assert [image["id"] for image in result.annotations.images] == list(range(1, 17))
    owners = [record["image_id"] for record in result.annotations.objects]
    given = json.loads((CASES / "coco_ids_as_names" / "input" / "annotations.json").read_text())
    names = {image["id"]: image["file_name"] for image in given["images"]}
    assert [result.annotations.image_by_id[owner]["file_name"] for owner in owners] == [
        names[record["image_id"]] for record in given["annotations"]
    ]


def test_class_names_that_are_numbers_are_read_as_text(case):
    result = case("coco_numbers_as_class_names")
    assert tallies(result) == all_of(16, 32)
    assert codes(result) == {("category_name_not_text", "fix"): 2}
    assert result.annotations.class_names == ("1", "2")


def test_classes_of_one_name_in_other_case_are_said_or_merged(case):
    said = case("coco_classes_of_one_name_in_other_case")
    assert tallies(said) == all_of(24, 48)
    assert codes(said) == {("category_name_alike", "keep"): 2}
    assert said.annotations.class_names == ("Dent", "dent", "DENT")
    merged = case("coco_classes_of_one_name_in_other_case", category_name_alike="fix")
    assert codes(merged)["category_name_alike", "fix"] == 2
    assert merged.annotations.class_names == ("Dent",)
    assert len(merged.annotations.objects) == 48


def test_panoptic_is_refused_by_its_name(case):
    with pytest.raises(InvalidDatasetError) as refused:
        case("coco_panoptic")
    message = str(refused.value)
    assert "got none of 6 (annotation_malformed 6)" in message
    assert "the first annotation_malformed: annotations[0]: expected ids of an image and of a category" in message
    assert "This looks like COCO panoptic: its annotations hold segments_info" in message
    assert "convert the file to COCO instances" in message


def test_coco_in_several_files_is_refused_with_their_names_and_the_command():
    folder = CASES / "coco_layout_of_roboflow" / "input"
    if not folder.is_dir():
        pytest.skip(f"the shared case is not here: no folder {folder}")
    with pytest.raises(DatasetError) as refused:
        RawCocoDataset(filepath=str(folder / "annotations.json")).load()
    message = str(refused.value)
    for part in ("train", "valid", "test"):
        assert f"{part}/_annotations.coco.json (COCO)" in message
    assert f"kedro run --pipeline=import_dataset --params=source={folder},format=coco" in message


@pytest.mark.parametrize("name", ["coco_names_decomposed", "coco_names_with_backslashes"])
def test_names_of_another_spelling_are_taken_over_and_said(case, name):
    result = case(name)
    assert tallies(result) == all_of(16, 32, fixed_images=16)
    assert codes(result) == {("image_name_spelled_otherwise", "fix"): 16}
    assert all((CASES / name / "input" / image["file_name"]).is_file() for image in result.annotations.images)
    assert len(result.findings[0].examples) == 3
    with pytest.raises(InvalidDatasetError, match=r"images\[0\]: 'images.* is the file 'images/.*jpg'"):
        case(name, image_name_spelled_otherwise="error")
