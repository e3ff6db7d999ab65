"""The sample in git is what its pipeline draws, to the byte, and stays small."""

import json
import platform
from pathlib import Path

import pytest
import yaml

from gsam_edge.synthetic.sample import SampleWorldConfig
from gsam_edge.synthetic.sample_dataset import build_sample

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "data" / "01_raw" / "sample"
CONFIG = yaml.safe_load((ROOT / "conf/base/parameters_sample_data.yml").read_text())["sample_world"]

same_machine_arithmetic = pytest.mark.skipif(
    platform.machine() not in ("x86_64", "AMD64"), reason="the shipped bytes were drawn on x86-64"
)


def assert_shipped(config: SampleWorldConfig) -> None:
    drawn = build_sample(config)
    shipped = json.loads((SAMPLE / "annotations.json").read_text())
    ids = {image["id"] for image in drawn.annotations.images}
    for name, content in (drawn.images | drawn.unlabelled).items():
        assert (SAMPLE / name).read_bytes() == content, f"{name} differs from what is drawn"
    assert drawn.annotations.to_coco() == shipped | {
        "images": [image for image in shipped["images"] if image["id"] in ids],
        "annotations": [record for record in shipped["annotations"] if record["image_id"] in ids],
    }


@same_machine_arithmetic
def test_the_first_pictures_are_drawn_byte_for_byte() -> None:
    assert_shipped(SampleWorldConfig(**CONFIG | {"labelled": 6, "unlabelled": 3}))


@pytest.mark.slow
@same_machine_arithmetic
def test_every_picture_is_drawn_byte_for_byte() -> None:
    assert_shipped(SampleWorldConfig(**CONFIG))


def test_the_sample_is_small_and_complete() -> None:
    content = json.loads((SAMPLE / "annotations.json").read_text())
    files = [path for path in SAMPLE.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 15e6
    assert len(content["images"]) == CONFIG["labelled"]
    assert all((SAMPLE / image["file_name"]).is_file() for image in content["images"])
    assert len(list((SAMPLE / "unlabelled").iterdir())) == CONFIG["unlabelled"]
    assert {category["name"] for category in content["categories"]} == {"ear of bag", "surface defect", "printed label"}
