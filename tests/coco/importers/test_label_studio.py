"""Label Studio: tasks with an image, its annotations and their regions, in percent of the image."""

import json
from urllib.parse import quote

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from gsam_edge.coco import InvalidDatasetError
from gsam_edge.coco.geometry.segmentation import decode_segmentation
from gsam_edge.coco.importers.label_studio.packed_runs import pack_runs, unpack_runs
from support.importers import SIZE, accounted, imported, noted, skipped
from support.worlds import imported_world, said, worlds
from support.writers.listed import packed_runs

HEIGHT, WIDTH = SIZE
BOX = {"x": 10, "y": 20, "width": 20, "height": 50, "rotation": 0, "rectanglelabels": ["bag"]}


def region(value, kind="rectanglelabels", **more):
    return {
        "type": kind, "value": value, "original_width": WIDTH, "original_height": HEIGHT, "image_rotation": 0,
        "from_name": "label", "to_name": "image", **more,
    }  # fmt: skip


def task(image, *results, **more):
    annotations = [{"id": 1, "completed_by": 1, "result": list(results), "was_cancelled": False, "ground_truth": False}]
    return {"id": 1, "data": {"image": image}, "annotations": annotations, "predictions": [], "drafts": []} | more


def label_studio(*tasks):
    return json.dumps([item | {"id": number} for number, item in enumerate(tasks)])


def brush(mask, **more):
    rgba = np.zeros((*mask.shape, 4), np.uint8)
    rgba[mask] = (255, 120, 60, 255)
    value = {"format": "rle", "rle": packed_runs(rgba.ravel().tolist()), "brushlabels": ["bag"]}
    return region(value, "brushlabels", **more)


def test_regions_with_an_area_become_boxes_and_segmentations():
    """Percent of 40 x 50 pixels; a turned rectangle keeps its left upper corner, in pixels and not in percent."""
    polygon = {"points": [[0, 0], [20, 0], [20, 25]], "closed": True, "polygonlabels": ["wire"]}
    ellipse = {"x": 50, "y": 50, "radiusX": 20, "radiusY": 12.5, "rotation": 90, "ellipselabels": ["bag"]}
    turned = BOX | {"x": 40, "y": 10, "width": 20, "height": 50, "rotation": 90}
    mask = np.zeros(SIZE, bool)
    mask[3:9, 4:30] = True
    results = [region(BOX), region(polygon), region(ellipse), region(turned), brush(mask)]
    result = imported("label_studio", {"export.json": label_studio(task("a.jpg", *results)), "a.jpg": ""})
    box, outline, round_, rotated, drawn = result.content["annotations"]
    assert box["bbox"] == [5, 8, 10, 20]
    assert outline["segmentation"] == [[0, 0, 10, 0, 10, 10]]
    assert decode_segmentation(round_["segmentation"], SIZE).sum() == pytest.approx(np.pi * 50, rel=0.03)
    assert rotated["segmentation"][0] == pytest.approx([20, 4, 20, 14, 0, 14, 0, 4])
    np.testing.assert_array_equal(decode_segmentation(drawn["segmentation"], SIZE), mask)
    assert [category["name"] for category in result.content["categories"]] == ["bag", "wire"]
    assert noted(result) == {"ellipse": 1, "rotated": 1}
    assert skipped(result) == {}


def test_labels_and_shapes_of_one_id_are_one_object_and_its_answers_stay():
    shape = {key: BOX[key] for key in ("x", "y", "width", "height", "rotation")}
    results = [
        region(shape, "rectangle", id="r1"),
        region(shape | {"labels": ["bag"]}, "labels", id="r1"),
        region({"choices": ["worn"]}, "choices", id="r1", from_name="state"),
        region({"choices": ["outdoors"]}, "choices", id="c1"),
        {"type": "relation", "from_id": "r1", "to_id": "r2", "direction": "right"},
    ]
    result = imported("label_studio", {"a.json": label_studio(task("a.jpg", *results)), "a.jpg": ""})
    (record,) = result.content["annotations"]
    assert record["attributes"] == {"state": {"choices": ["worn"]}}
    assert skipped(result) == {"element_not_used": 2}


def test_json_min():
    box = BOX | {"original_width": 50, "original_height": 40}
    rows = [
        {"image": "/data/upload/1/8f3a2b1c-a.jpg", "id": 1, "label": [box],
         "choice": "outdoors", "annotator": 1, "annotation_id": 5},
        {"image": "/data/upload/1/1f3a2b1c-b.jpg", "id": 2, "label": [], "annotator": 1, "annotation_id": 6},
    ]  # fmt: skip
    result = imported("label_studio", {"export.json": json.dumps(rows), "a.jpg": "", "b.jpg": ""})
    assert result.image_names == ["a.jpg", "b.jpg"]
    assert result.content["annotations"][0]["bbox"] == [5, 8, 10, 20]


@pytest.mark.parametrize(
    ("stated", "name"),
    [
        ("/data/upload/5/8f3a2b1c-a%20b.jpg", "images/8f3a2b1c-a b.jpg"),
        ("/data/upload/5/8f3a2b1c-a%20b.jpg", "a b.jpg"),
        ("/data/local-files/?d=cam1%2Fa%20b.jpg", "photos/cam1/a b.jpg"),
        ("s3://bucket/cam1/a.jpg", "cam1/a.jpg"),
        ("https://host/cam1/a.jpg?token=1", "cam1/a.jpg"),
        ("C:\\photos\\cam1\\a.jpg", "cam1/a.jpg"),
        ("cam1/a.jpg", "images/cam1/a.jpg"),
    ],
)
def test_images_are_found_by_the_names_that_the_tool_gives_them(stated, name):
    """The image of the other camera has the same name and must not get the labels."""
    other = name.replace("cam1", "cam2")
    result = imported("label_studio", {"a.json": label_studio(task(stated, region(BOX))), name: "", other: ""})
    assert result.image_names == [name]


def test_uploads_of_one_name_are_given_to_no_image():
    tasks = [task(f"/data/upload/1/{n}f3a2b1c-a.jpg", region(BOX)) for n in (1, 2)]
    files = {"a.json": label_studio(*tasks, task("b.jpg", region(BOX))), "a.jpg": "", "b.jpg": ""}
    result = imported("label_studio", files)
    assert result.image_names == ["b.jpg"]
    assert skipped(result) == {"pairing_ambiguous": 2, "labels_lost": 1}


def test_a_task_of_several_images_is_given_to_none():
    several = task("a.jpg", region(BOX)) | {"data": {"left": "a.jpg", "right": "b.jpg"}}
    files = {"a.json": label_studio(several, task("c.jpg", region(BOX))), "a.jpg": "", "b.jpg": "", "c.jpg": ""}
    assert skipped(imported("label_studio", files)) == {"image_missing": 1, "image_not_annotated": 2}


def annotation(*results, **more):
    return {"result": list(results), "completed_by": 1, **more}


WIRE = BOX | {"rectanglelabels": ["wire"]}
ONE, OTHER = annotation(region(BOX)), annotation(region(WIRE), region(BOX))
CANCELLED = annotation(region(WIRE), was_cancelled=True)


@pytest.mark.parametrize(
    ("annotations", "taken", "codes"),
    [
        ([ONE, OTHER], 0, {"annotators_differ": 1, "labels_lost": 1}),
        ([ONE, ONE | {"completed_by": 2}], 1, {"object_twice": 1}),
        ([ONE, OTHER | {"ground_truth": True}], 2, {"annotators_differ": 1}),
        ([ONE | {"ground_truth": True}, OTHER | {"ground_truth": True}], 0, {"annotators_differ": 1, "labels_lost": 1}),
        ([CANCELLED, ONE], 1, {"annotation_cancelled": 1}),
        ([CANCELLED], 0, {"annotation_cancelled": 1, "image_not_annotated": 1}),
        ([], 0, {"image_not_annotated": 1}),
        ([annotation()], 0, {}),
        ([7, ONE], 1, {"element_not_used": 1}),
    ],
)
def test_which_annotation_of_an_image_is_taken(annotations, taken, codes):
    """Nobody's labels are chosen on a guess; an image submitted without regions shows nothing."""
    tasks = label_studio(task("a.jpg", annotations=annotations), task("b.jpg", region(BOX)))
    result = imported("label_studio", {"a.json": tasks, "a.jpg": "", "b.jpg": ""})
    assert len(result.content["annotations"]) == taken + 1
    assert skipped(result) == codes
    regions = sum(len(item["result"]) for item in annotations if isinstance(item, dict))
    assert accounted(result)["objects"][0] == regions + 1


def test_two_rows_of_json_min_for_one_task_are_two_annotators():
    sized = {"original_width": 50, "original_height": 40}
    rows = [
        {"id": 1, "image": "a.jpg", "label": [BOX | sized], "annotator": 1, "annotation_id": 1},
        {"id": 1, "image": "a.jpg", "label": [WIRE | sized], "annotator": 2, "annotation_id": 2},
        {"id": 2, "image": "b.jpg", "label": [WIRE | sized], "annotator": 2, "annotation_id": 3},
    ]
    result = imported("label_studio", {"a.json": json.dumps(rows), "a.jpg": "", "b.jpg": ""})
    assert result.image_names == ["b.jpg"]
    assert skipped(result) == {"annotators_differ": 1, "labels_lost": 1}


def test_predictions_and_drafts_are_counted():
    item = task("a.jpg", region(BOX), predictions=[{"result": []}], drafts=[{"result": []}, {"result": []}])
    result = imported("label_studio", {"a.json": label_studio(item), "a.jpg": ""})
    assert skipped(result) == {"element_not_used": 2}


def runs(change):
    codes = packed_runs([0] * (4 * HEIGHT * WIDTH))
    return region({"format": "rle", "rle": change(codes), "brushlabels": ["bag"]}, "brushlabels")


@pytest.mark.parametrize(
    ("result", "code"),
    [
        (region({"x": 1, "y": 1, "width": 1, "keypointlabels": ["bag"]}), "shape_without_area"),
        (region({"points": [[0, 0], [1, 0], [1, 1]], "closed": False, "polygonlabels": ["bag"]}), "shape_without_area"),
        (region({"points": [[0, 0], [1, 0]], "polygonlabels": ["bag"]}), "object_malformed"),
        (region({"points": [[0, 0], [1, 0], "x"], "polygonlabels": ["bag"]}), "object_malformed"),
        (region(BOX | {"x": "left"}), "object_malformed"),
        (region(BOX | {"rectanglelabels": []}), "object_malformed"),
        (region(BOX | {"rectanglelabels": ["bag", "wire"]}), "object_malformed"),
        (region(BOX | {"rectanglelabels": [7]}), "object_malformed"),
        (region(BOX | {"rotation": float("inf")}), "object_malformed"),
        (region(BOX | {"rotation": 5, "width": -1}), "object_malformed"),
        (region({"x": 1, "y": 1, "radiusX": 1e308, "radiusY": 1, "ellipselabels": ["bag"]}), "object_malformed"),
        (region(BOX, image_rotation=90), "object_malformed"),
        (region({"vertices": [], "vectorlabels": ["bag"]}), "object_malformed"),
        (runs(lambda codes: codes[:-1]), "object_malformed"),
        (runs(lambda codes: codes[:3]), "object_malformed"),
        (runs(lambda codes: []), "object_malformed"),
        (runs(lambda codes: "no list"), "object_malformed"),
        (runs(lambda codes: [300, *codes]), "object_malformed"),
        (runs(lambda codes: [10**30, *codes]), "object_malformed"),
        (runs(lambda codes: [1.5, *codes]), "object_malformed"),
        (runs(lambda codes: [255, 255, 255, 255, *codes[4:]]), "object_malformed"),
        (7, "element_not_used"),
    ],
)  # fmt: skip
def test_a_damaged_region_is_counted_and_the_others_are_taken(result, code):
    found = imported("label_studio", {"a.json": label_studio(task("a.jpg", region(BOX), result)), "a.jpg": ""})
    assert skipped(found) == {code: 1}
    assert len(found.content["annotations"]) == 1


def test_regions_that_declare_other_sizes_are_not_mixed():
    other = region(BOX, original_width=500, original_height=400)
    result = imported("label_studio", {"a.json": label_studio(task("a.jpg", region(BOX), other)), "a.jpg": ""})
    assert skipped(result) == {"object_malformed": 1}


@pytest.mark.parametrize("content", ["{", "[" * 100_000, "[]", "{}", "7", '[{"images": []}]'])
def test_other_files_are_counted(content):
    files = {"a.json": label_studio(task("a.jpg", region(BOX))), "a.jpg": "", "b.json": content}
    assert sum(skipped(imported("label_studio", files)).values()) == 1
    with pytest.raises(InvalidDatasetError, match=r"b\.json"):
        imported("label_studio", {"b.json": content, "a.jpg": ""})


@given(worlds(), st.data())
@settings(max_examples=150)
def test_what_is_written_as_label_studio_comes_back(world, data):
    tasks = []
    for name in data.draw(st.permutations(list(world))):
        results = []
        for label, kind, v in world[name]:
            x, y = ([100 * at / side for at in v[start::2]] for start, side in ((0, WIDTH), (1, HEIGHT)))
            if kind == "bbox":
                value = {"x": x[0], "y": y[0], "width": x[1], "height": y[1], "rectanglelabels": [label]}
            else:
                value = {"points": [list(point) for point in zip(x, y, strict=True)], "polygonlabels": [label]}
            results.append(region(value, id=f"r{len(results)}"))
        stated = data.draw(
            st.sampled_from([name, f"/data/local-files/?d={quote(name, safe='')}", f"s3://b/{quote(name)}"])
        )
        tasks.append(task(stated, *results))
    found, images, result = imported_world("label_studio", {"e.json": label_studio(*tasks), **dict.fromkeys(world, "")})
    assert sorted(image for image in images) == sorted(world)
    assert found == said(world)
    assert result.report["skipped"] == []


@given(arrays.arrays(bool, SIZE, elements=st.booleans(), fill=st.booleans()))
@settings(max_examples=60)
def test_brush_masks_come_back_pixel_by_pixel(mask):
    result = imported("label_studio", {"a.json": label_studio(task("a.jpg", region(BOX), brush(mask))), "a.jpg": ""})
    found = decode_segmentation(result.content["annotations"][1]["segmentation"], SIZE)
    np.testing.assert_array_equal(found, mask)


@settings(max_examples=100, deadline=None)
@given(arrays.arrays(np.uint8, st.integers(0, 300), elements=st.sampled_from([0, 0, 255, 7])))
def test_packed_runs_are_read_back(values):
    np.testing.assert_array_equal(unpack_runs(pack_runs(values), len(values)), values)


def test_a_long_run_is_packed_in_parts():
    values = np.repeat(np.array([0, 255, 0], np.uint8), [70_000, 65_536, 1])
    code = pack_runs(values)
    assert len(code) < 40
    np.testing.assert_array_equal(unpack_runs(code, len(values)), values)
