"""JSON files of other layouts are called by their name, and a COCO file never is."""

import copy
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gsam_edge.coco import InvalidDatasetError, RawCoco, validate
from gsam_edge.coco.checks.layouts import LAYOUTS, layout_of
from gsam_edge.coco.importers import IMPORTERS

COCO = {"images": [{"id": 1, "file_name": "a.png"}], "categories": [{"id": 1, "name": "bag"}]}


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (COCO | {"annotations": [{"image_id": 1, "file_name": "a.png", "segments_info": []}]}, "COCO panoptic"),
        (COCO | {"annotations": [{"id": 1, "image_id": 1, "caption": "A bag."}]}, "COCO captions"),
        (
            COCO | {"annotations": [{"id": 1, "image_id": 1, "category_id": 1, "keypoints": [1, 2, 2]}]},
            "COCO keypoints",
        ),
        (COCO | {"images": [{"id": 1, "coco_url": "http://x/train2017/1.jpg"}], "annotations": [{"id": 1}]}, "LVIS"),
        ([{"image_id": 1, "category_id": 1, "bbox": [0, 0, 5, 5], "score": 0.9}], "a list of detections"),
        ({"version": "5.0", "shapes": [], "imagePath": "a.png"}, "LabelMe"),
        ({"info": {}, "categories": {"label": {}}, "items": []}, "Datumaro"),
        ({"size": {"height": 4, "width": 4}, "objects": [], "tags": []}, "Supervisely"),
        ({"a.png123": {"filename": "a.png", "regions": []}}, "VGG Image Annotator"),
        ({"_via_img_metadata": {"a": {"filename": "a.png", "regions": []}}}, "VGG Image Annotator"),
        ([{"id": 1, "data": {"image": "a.png"}, "annotations": [{"result": []}]}], "Label Studio"),
        ([{"image": "a.png", "annotations": [{"label": "bag", "coordinates": {}}]}], "CreateML"),
    ],
)
def test_a_refusal_names_the_layout_and_says_what_to_do(content, name, files, config):
    layout = layout_of(content)
    assert layout is not None
    assert layout.name.startswith(name)
    for value in (content, RawCoco.parse(json.dumps(content).encode()).content):
        with pytest.raises(InvalidDatasetError) as refused:
            validate(value, files(), config, source="file")
        assert str(refused.value).startswith("file: ")
        assert f"\nThis looks like {name}" in str(refused.value)
        assert layout.advice in str(refused.value)


def test_what_can_be_imported_is_said_with_its_command():
    importers = {layout.importer: layout.advice for layout in LAYOUTS if layout.importer is not None}
    assert importers.keys() <= IMPORTERS.keys()
    assert all(f"format={name}" in advice for name, advice in importers.items() if name != "coco")


def test_a_coco_file_is_of_no_other_layout(content, files, configure):
    assert layout_of(content).name == "COCO"
    with_keypoints = copy.deepcopy(content)
    with_keypoints["annotations"][0]["keypoints"] = [1, 2, 2]
    assert layout_of(with_keypoints).name == "COCO"
    content["annotations"][0]["area"] = 3
    with pytest.raises(InvalidDatasetError) as refused:
        validate(content, files(), configure(policies={"area_mismatch": "error"}), source="file")
    assert "looks like" not in str(refused.value)


@given(
    st.recursive(
        st.none() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(
            st.sampled_from(["images", "annotations", "items", "shapes", "_via_img_metadata"]) | st.text(), inner
        ),
    )
)  # fmt: skip
def test_any_json_value_has_a_layout_or_none(value):
    layout = layout_of(value)
    assert layout is None or str(layout)
