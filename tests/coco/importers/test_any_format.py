"""What holds for every format: nothing to import, and files that somebody damaged."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gsam_edge.coco import InvalidDatasetError
from gsam_edge.coco.importers import IMPORTERS
from support.importers import OBJECT, VOC, YAML, imported, labelme, png, shape


@pytest.mark.parametrize("format_name", IMPORTERS)
def test_nothing_to_import_is_an_error(format_name):
    with pytest.raises(InvalidDatasetError, match="expected"):
        imported(format_name, {"a.jpg": "", "classes.txt": "bag", "train.csv": "ImageId,ClassId,EncodedPixels\n"})


def test_an_unknown_format_is_an_error():
    with pytest.raises(InvalidDatasetError, match=r"expected format to be one of coco, voc, yolo, .*got 'kitti'"):
        imported("kitti", {})


SOUND = {
    "coco": (
        "a.coco.json",
        json.dumps(
            {
                "images": [{"id": 1, "file_name": "a.jpg", "width": 50, "height": 40}],
                "annotations": [{"id": 1, "image_id": 1, "category_id": 2, "bbox": [1, 2, 3, 4], "iscrowd": 0}],
                "categories": [{"id": 2, "name": "bag"}],
            }
        ),
    ),
    "voc": ("a.xml", VOC.format(name="a.jpg", objects=2 * OBJECT.format(more=""))),
    "yolo": ("data.yaml", YAML + "test: [a.txt]\n"),
    "labelme": ("a.json", labelme(shape("circle", [[5, 5], [9, 9]]), shape("mask", [[0, 0], [3, 3]], mask="iVBORw0K"))),
    "png_masks": ("1/masks/a.png", png(np.eye(40, 50))),
    "severstal": ("train.csv", "ImageId,ClassId,EncodedPixels\na.jpg,1,1 5 9 3\na.jpg,2,\n"),
}


@pytest.mark.parametrize("format_name", SOUND)
@given(st.data())
@settings(max_examples=120)
def test_damaged_files_end_in_a_report_or_a_message(format_name, data):
    """Bytes are replaced, cut out and doubled."""
    name, content = SOUND[format_name]
    content = bytearray(content.encode() if isinstance(content, str) else content)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(content)))
        end = min(len(content), at + data.draw(st.integers(0, 8)))
        content[at:end] = data.draw(st.binary(max_size=6) | st.sampled_from([b"-", b"1e999", b"null", b"[", b"9" * 30]))
    files = {"a.jpg": "", "a.txt": "0 .5 .5 .1 .1\n3 0 0 1 0 1 1", "1/images/a.png": "", name: bytes(content)}
    try:
        result = imported(format_name, files)
    except InvalidDatasetError:
        return
    assert result.report["annotations"] == len(result.content["annotations"]) > 0
