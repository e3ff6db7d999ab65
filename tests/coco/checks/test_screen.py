"""Screening all annotations at once comes to the same as looking at each (see also `test_fuzz`)."""

import json
from pathlib import Path

import numpy as np
import pytest

from gsam_edge.coco import RawCoco, validate
from gsam_edge.coco.checks.screen import sound_rows
from gsam_edge.coco.table.fields import ObjectFields
from gsam_edge.coco.table.raw import parse_json
from gsam_edge.coco.table.records import ObjectTable

DATA = Path(__file__).parents[3].parent / "shared" / "data"
COCO_VAL = DATA / "eval_golden" / "tests" / "dataset" / "cocoapi" / "instances_val2014_100.json"


@pytest.fixture
def both_ways(files, config, is_equal):
    """Validates a file as it is read, and parsed at once; sizes are as declared."""

    def run(text):
        content = json.loads(text)
        sizes = {image["file_name"]: (image["height"], image["width"]) for image in content["images"]}
        one, other = (
            validate(value, files(**sizes), config, source="file") for value in (RawCoco.parse(text).content, content)
        )
        assert isinstance(one.annotations.objects, ObjectTable)
        assert is_equal(one, other)
        return one

    return run


@pytest.mark.parametrize("name", ["bccd", "deeppcb", "dsb2018", "wagon_seals"])
def test_real_datasets_are_read_alike_both_ways(name, both_ways):
    path = DATA / name / "annotations.json"
    if not path.is_file():
        pytest.skip(f"the shared dataset {name} is not here: no file {path}")
    both_ways(path.read_bytes())


def test_cocos_own_objects_are_sound(both_ways):
    """Their areas are those of the outlines; by pixels alone one in forty would be called wrong.

    Five of its crowds have the area of before single objects were cut out of them: those are mended.
    """
    if not COCO_VAL.is_file():
        pytest.skip(f"the 100 images of COCO's val2014 are not here: no file {COCO_VAL}")
    before = json.loads(COCO_VAL.read_bytes())["annotations"]
    result = both_ways(COCO_VAL.read_bytes())
    changed = [old for old, new in zip(before, result.annotations.objects, strict=True) if old != new]
    assert [record["iscrowd"] for record in changed] == [1] * 5
    assert (result.objects.fixed, result.objects.dropped) == (5, 0)


IMAGES = {1: {"height": 40, "width": 50}}
SQUARE = [10, 10, 20, 10, 20, 20, 10, 20]


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ({"bbox": [1, 1, 5, 5]}, True),
        ({"bbox": [0, 0, 50, 40], "area": 2000, "iscrowd": 1}, True),
        ({"bbox": [0, 0, 50.001, 40]}, True),
        ({"segmentation": [SQUARE]}, True),
        ({"segmentation": [SQUARE, SQUARE], "area": 200}, True),
        ({"segmentation": [[0, 0, 50, 0, 50, 40, 0, 40]], "bbox": None}, True),
        ({"segmentation": [[3, 3.4, 9, 3.4, 9, 3.6]]}, True),
        ({"segmentation": [[3, 3.1, 9, 3.1, 9, 3.2]]}, False),
        ({"bbox": [0, 0, 50.01, 40]}, False),
        ({"bbox": [1, 1, 0, 5]}, False),
        ({"bbox": [-1, 1, 5, 5]}, False),
        ({"bbox": [50.001, 1, 0.0005, 5]}, False),
        ({"bbox": [1, 1, 5]}, False),
        ({"bbox": [1, 1, 5, 5], "area": 30}, False),
        ({"bbox": [1, 1, 5, 5], "segmentation": []}, False),
        ({"bbox": [1, 1, 5, 5], "segmentation": 5}, False),
        ({"bbox": [1, 1, 5, 5], "iscrowd": True}, False),
        ({"bbox": [1, 1, 5, 5], "image_id": 2}, False),
        ({"bbox": [1, 1, 5, 5], "image_id": 1.0}, False),
        ({"bbox": [1, 1, 5, 5], "category_id": 2}, False),
        ({"bbox": [1, 1, 5, 5], "id": None}, False),
        ({"bbox": [1, 1, 5, 5], "id": 2**63}, False),
        ({"segmentation": [SQUARE, [1, 1, 2, 2]]}, False),
        ({"segmentation": [[10, 10, 51, 10, 20, 20]]}, False),
        ({"segmentation": [[10, 10, 20, 41, 20, 20]]}, False),
        ({"segmentation": [[10, 10, 20, 10, 20, -1]]}, False),
        ({"segmentation": [[0, 0, 49, 39] * 200]}, False),
        ({"segmentation": [SQUARE * 2]}, False),
        ({"segmentation": [SQUARE], "area": 120}, False),
        ({}, False),
    ],
)
def test_only_what_is_surely_sound_passes(record, expected):
    record = {"id": 1, "image_id": 1, "category_id": 1, **record}
    texts = parse_json(json.dumps({"annotations": [record]}).encode())["annotations"].items
    sound = sound_rows(ObjectFields.read(texts), IMAGES, {1: {}}, area_tolerance=0.05)
    assert sound.tolist() == [expected]


@pytest.mark.parametrize("share_of_faults", [0.0, 0.1, 1.0])
def test_many_annotations_with_faults_among_them_are_read_alike(both_ways, share_of_faults):
    """More than a chunk of them; repeated ids and objects among them."""
    rng = np.random.default_rng(0)
    faults = [
        {"id": 7}, {"id": "9"}, {"bbox": [10, 10, 10, 10]}, {"bbox": [45, 5, 10, 10]}, {"area": 3}, {"image_id": 99},
        {"segmentation": []}, {"segmentation": [SQUARE]}, {"bbox": None}, {"iscrowd": True}, {"segmentation": [[1, 2]]},
    ]  # fmt: skip
    objects = []
    for row in range(5000):
        left, top, width, height = np.round(rng.uniform(1, 15, 4), 2).tolist()
        box = {"bbox": [left, top, width, height], "area": width * height}
        record = {"id": row, "image_id": int(rng.integers(1, 4)), "category_id": int(rng.integers(1, 3)), **box}
        objects.append(record | (faults[rng.integers(len(faults))] if rng.random() < share_of_faults else {}))
    content = {
        "images": [{"id": i, "file_name": f"{i}.png", "height": 40, "width": 50} for i in (1, 2, 3)],
        "annotations": objects,
        "categories": [{"id": 1, "name": "a"}, {"id": 2, "name": "b"}],
    }
    result = both_ways(json.dumps(content).encode())
    assert (result.objects.kept == 5000) == (share_of_faults == 0)
