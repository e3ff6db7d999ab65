"""What holds for every format: nothing to import, and files that somebody damaged."""

import base64
import json
import zlib
from copy import deepcopy

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gsam_edge.coco import InvalidDatasetError
from gsam_edge.coco.geometry.segmentation import encode_mask
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
    "cvat": (
        "a.xml",
        '<annotations><meta><task><labels><label><name>bag</name></label></labels></task></meta>'
        '<image name="a.jpg" width="50" height="40"><box label="bag" xtl="1" ytl="2" xbr="9" ybr="9" rotation="5"/>'
        '<ellipse label="bag" cx="9" cy="9" rx="3" ry="2"/><polygon label="bag" points="1,1;9,1;9,9" group_id="2"/>'
        '<mask label="bag" rle="1, 2, 1" left="3" top="5" width="2" height="2"/></image></annotations>',
    ),
    "label_studio": (
        "a.json",
        json.dumps([{"data": {"image": "a.jpg"}, "annotations": [{"result": [
            {"id": "a", "value": {"x": 1, "y": 2, "width": 9, "height": 9, "rotation": 5, "rectanglelabels": ["bag"]}},
            {"value": {"points": [[1, 1], [9, 1], [9, 9]], "polygonlabels": ["bag"]}, "original_width": 50},
            {"value": {"rle": [0, 0, 31, 64, 57, 27, 252], "brushlabels": ["bag"]}},
        ]}]}]),
    ),
    "supervisely": (
        "a.jpg.json",
        json.dumps({"size": {"height": 40, "width": 50}, "objects": [
            {"classTitle": "bag", "geometryType": "rectangle", "points": {"exterior": [[1, 2], [9, 9]]}},
            {"classTitle": "bag", "geometryType": "polygon",
             "points": {"exterior": [[1, 1], [9, 1], [9, 9]], "interior": [[[3, 3], [4, 3], [4, 4]]]}},
            {"classTitle": "bag", "geometryType": "bitmap",
             "bitmap": {"origin": [3, 4], "data": base64.b64encode(zlib.compress(png(np.eye(3)))).decode()}},
        ]}),
    ),
    "datumaro": (
        "annotations/train.json",
        json.dumps({"categories": {"label": {"labels": [{"name": "bag"}]}}, "items": [
            {"id": "a", "image": {"path": "a.jpg", "size": [40, 50]}, "annotations": [
                {"type": "bbox", "label_id": 0, "bbox": [1, 2, 3, 4], "group": 1},
                {"type": "polygon", "label_id": 0, "points": [1, 2, 4, 2, 4, 6], "group": 1},
                {"type": "mask", "label_id": 0, "rle": encode_mask(np.eye(40, 50) > 0)},
            ]},
        ]}),
    ),
    "open_images": (
        "a.csv",
        "ImageID,LabelName,XMin,XMax,YMin,YMax,IsGroupOf\na,bag,0.1,0.5,0.2,0.6,0\na,bag,0.1,0.5,0.2,0.6,1\n",
    ),
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
}  # fmt: skip


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


ODD = [
    None,
    True,
    -1,
    0,
    1e999,
    10**400,
    2**70,
    "",
    " ",
    "\ud800",
    "1",
    "../a.jpg",
    [],
    [[]],
    {},
    {"x": 1},
    [1, 2],
    [None] * 3,
]


def _places(value, path=()):
    """All places in a JSON value."""
    yield path
    for key in value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
        yield from _places(value[key], (*path, key))


@pytest.mark.parametrize("format_name", [name for name, (file, _) in SOUND.items() if file.endswith(".json")])
@given(st.data())
@settings(max_examples=150)
def test_any_value_may_stand_anywhere_in_a_json_file(format_name, data):
    """Values are replaced by those of other types, and taken away."""
    name, content = SOUND[format_name]
    document = json.loads(content)
    for _ in range(data.draw(st.integers(1, 3))):
        *path, last = data.draw(st.sampled_from([place for place in _places(document) if place]))
        target = document
        for key in path:
            target = target[key]
        if data.draw(st.booleans()):
            target[last] = deepcopy(data.draw(st.sampled_from(ODD)))
        else:
            del target[last]
        if not document:
            return
    try:
        result = imported(format_name, {"a.jpg": "", name: json.dumps(document)})
    except InvalidDatasetError:
        return
    assert result.report["annotations"] == len(result.content["annotations"]) > 0
