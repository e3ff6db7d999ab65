"""COCO files in which a fault was found once, beside the repository: each comes to its right values."""

from pathlib import Path

import pytest

from gsam_edge.coco import InvalidDatasetError, RawCoco, validate
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


@pytest.mark.parametrize("name", ["coco_names_decomposed", "coco_names_with_backslashes"])
def test_names_of_another_spelling_are_taken_over_and_said(case, name):
    result = case(name)
    assert tallies(result) == all_of(16, 32, fixed_images=16)
    assert codes(result) == {("image_name_spelled_otherwise", "fix"): 16}
    assert all((CASES / name / "input" / image["file_name"]).is_file() for image in result.annotations.images)
    assert len(result.findings[0].examples) == 3
    with pytest.raises(InvalidDatasetError, match=r"images\[0\]: 'images.* is the file 'images/.*jpg'"):
        case(name, image_name_spelled_otherwise="error")
