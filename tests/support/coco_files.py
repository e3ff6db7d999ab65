"""Generated images and COCO files in memory, and the real datasets beside the repository."""

import copy
import json
from pathlib import Path

import numpy as np
import pytest

from gsam_edge.coco import InvalidDatasetError, RawCoco, ValidationConfig, validate
from gsam_edge.coco.images.facts import ImageFacts
from gsam_edge.coco.images.scan import ScannedImage, scan_image
from gsam_edge.vision.images import ImageError, MissingImageError, probe_image, probe_orientation

DATA = Path(__file__).parents[2].parent / "shared" / "data"


class MemoryFiles:
    """Image files by name to (height, width), or to the error that reading them raises."""

    def __init__(self, sizes):
        self.sizes = sizes
        self.orientations = {}

    def probe(self, file_name):
        size = self.sizes.get(file_name, MissingImageError(f"no file {file_name!r}"))
        if isinstance(size, Exception):
            raise size
        return size

    def inspect(self, file_name):
        height, width = self.probe(file_name)
        return ScannedImage(height, width, ImageFacts(width, height, "RGB", file_name, bytes(32)))

    def orientation(self, file_name):
        return self.orientations.get(file_name, 1)

    def stamp(self, file_name):
        return repr(self.probe(file_name))

    def __iter__(self):
        return iter(self.sizes)


class FolderFiles:
    """A folder's images."""

    def __init__(self, folder):
        self.folder = folder

    def probe(self, file_name):
        return probe_image(self.folder / file_name, name=file_name, max_pixels=10**8)

    def orientation(self, file_name):
        return probe_orientation(self.folder / file_name, name=file_name, max_pixels=10**8)

    def inspect(self, file_name):
        return scan_image((self.folder / file_name).read_bytes(), name=file_name, max_pixels=10**8)

    def stamp(self, file_name):
        return str((self.folder / file_name).stat().st_mtime_ns)

    def __iter__(self):
        return (path.relative_to(self.folder).as_posix() for path in self.folder.rglob("*") if path.is_file())


@pytest.fixture
def config():
    return make_config()


def make_config(**changes):
    values = {
        "decode_images": False,
        "area_tolerance": 0.05,
        "largest_crowd_share": 0.1,
        "max_examples": 3,
        "policies": {},
    }
    values |= changes
    return ValidationConfig(**values)


@pytest.fixture
def configure():
    return make_config


@pytest.fixture
def is_equal():
    """Compares two validations, or the messages of two refusals, in every detail."""
    return validations_are_equal


def validations_are_equal(one, other):
    """Returns whether two validations or messages are equal; NaN counts as equal to itself."""
    if isinstance(one, str) or isinstance(other, str):
        return one == other
    columns, others = vars(one.annotations.columns), vars(other.annotations.columns)
    return (
        repr(one.annotations.to_coco()) == repr(other.annotations.to_coco())
        and repr((one.findings, one.images, one.objects)) == repr((other.findings, other.images, other.objects))
        and all(np.array_equal(columns[name], others[name], equal_nan=name == "xywh") for name in columns)
    )


def validated_both_ways(content, files, **policies):
    """Validates a file as text and parsed; both give the same, or the same refusal as text."""
    results = []
    for value in (RawCoco.parse(json.dumps(content).encode()).content, copy.deepcopy(content)):
        try:
            results.append(validate(value, files, make_config(policies=policies), source="file"))
        except InvalidDatasetError as error:
            results.append(str(error))
    assert validations_are_equal(*results)
    return results[0]


@pytest.fixture
def files():
    """Files of 40 x 50 pixels (height x width) named a.png to f.png, one that is cut off, and any others asked for."""

    def build(**sizes):
        plain = dict.fromkeys([f"{letter}.png" for letter in "abcdef"], (40, 50))
        return MemoryFiles(plain | {"cut.png": ImageError("cut off")} | sizes)

    return build


@pytest.fixture
def content():
    """A sound COCO file of three images with two classes; boxes, polygons and both kinds of RLE."""
    square = [10.0, 10.0, 20.0, 10.0, 20.0, 20.0, 10.0, 20.0]
    column_rle = {"size": [40, 50], "counts": [0, 80, 1920]}
    return {
        "info": {"year": 2024},
        "images": [
            {"id": 1, "file_name": "a.png", "height": 40, "width": 50},
            {"id": 2, "file_name": "b.png", "height": 40, "width": 50, "extra": {"name": "x"}},
            {"id": 7, "file_name": "c.png", "height": 40, "width": 50},
        ],
        "annotations": [
            {"id": 1, "image_id": 1, "category_id": 3, "bbox": [10, 10, 10, 10], "segmentation": [square], "area": 100},
            {"id": 2, "image_id": 2, "category_id": 5, "bbox": [0, 0, 2, 40], "segmentation": column_rle, "iscrowd": 0},
            {"id": 5, "image_id": 2, "category_id": 3, "bbox": [1.5, 2.5, 10.25, 20.0], "area": 205.0},
            {"id": 6, "image_id": 7, "category_id": 5, "segmentation": {"size": [40, 50], "counts": "m34T1000kf1"}},
        ],
        "categories": [{"id": 3, "name": "bag"}, {"id": 5, "name": "wire"}],
    }


@pytest.fixture
def real():
    """Reads a dataset of the shared folder: its JSON value and its image files."""

    def read(name):
        folder = DATA / name
        if not folder.is_dir():
            pytest.skip(f"the shared dataset {name} is not here: no folder {folder}")
        return json.loads((folder / "annotations.json").read_text()), FolderFiles(folder)

    return read
