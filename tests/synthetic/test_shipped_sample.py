"""The sample in git is what its pipeline draws, to the byte, and stays small."""

import json
import platform
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml

from gsam_edge.synthetic.sample import SAMPLE_CLASSES, SampleWorldConfig
from gsam_edge.synthetic.sample_dataset import build_sample

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "data" / "01_raw" / "sample"
CONFIG = yaml.safe_load((ROOT / "conf/base/parameters_sample_data.yml").read_text())["sample_world"]

same_machine_arithmetic = pytest.mark.skipif(
    platform.machine() not in ("x86_64", "AMD64"), reason="the shipped bytes were drawn on x86-64"
)


def by_file(content: dict[str, Any]) -> dict[str, tuple[dict[str, Any], list[dict[str, Any]]]]:
    """Image records and those of their objects by file name, without ids, which depend on the counts."""
    names = {image["id"]: image["file_name"] for image in content["images"]}
    objects: dict[str, list[dict[str, Any]]] = {name: [] for name in names.values()}
    for record in content["annotations"]:
        own = {key: value for key, value in record.items() if key not in ("id", "image_id")}
        objects[names[record["image_id"]]].append(own)
    return {image["file_name"]: (image | {"id": 0}, objects[image["file_name"]]) for image in content["images"]}


def assert_shipped(config: SampleWorldConfig) -> None:
    drawn = build_sample(config)
    shipped = json.loads((SAMPLE / "annotations.json").read_text())
    for name, content in (drawn.images | drawn.unlabelled).items():
        assert (SAMPLE / name).read_bytes() == content, f"{name} differs from what is drawn"
    assert drawn.annotations.to_coco()["categories"] == shipped["categories"]
    assert by_file(drawn.annotations.to_coco()).items() <= by_file(shipped).items()


@same_machine_arithmetic
def test_the_first_pictures_are_drawn_byte_for_byte() -> None:
    assert_shipped(SampleWorldConfig(**CONFIG | {"train": 2, "val": 1, "test": 3, "held_back": 2, "unlabelled": 2}))


@pytest.mark.slow
@same_machine_arithmetic
def test_every_picture_is_drawn_byte_for_byte() -> None:
    assert_shipped(SampleWorldConfig(**CONFIG))


def test_the_sample_is_small_and_complete() -> None:
    content = json.loads((SAMPLE / "annotations.json").read_text())
    files = [path for path in SAMPLE.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 16e6
    parts = ("train", "val", "test", "held_back")
    assert Counter(image["split"] for image in content["images"]) == {part: CONFIG[part] for part in parts}
    for part in parts:
        lines = {image["line"] for image in content["images"] if image["split"] == part}
        assert lines == ({"A"} if part in ("train", "val") else {"A", "B"}), part
    assert all((SAMPLE / image["file_name"]).is_file() for image in content["images"])
    assert len(list((SAMPLE / "unlabelled").iterdir())) == CONFIG["unlabelled"]
    assert {category["name"] for category in content["categories"]} == set(SAMPLE_CLASSES)
