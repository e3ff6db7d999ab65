"""Corrections come back counted, and nothing else in the user's file changes."""

import copy
import json

import pytest

from gsam_edge.coco import InvalidDatasetError
from gsam_edge.coco.importers.label_studio.tasks import tasks
from gsam_edge.evaluate.review.corrections import take_back
from gsam_edge.evaluate.review.package import Review
from gsam_edge.evaluate.review.returned import Corrections
from support.review import TAKE_BACK, coco, raw_of, review_of, square

RING, HOOK = 7, 9
OBJECTS = [(1, RING, 10, 10, 20), (1, HOOK, 50, 10, 20), (2, RING, 10, 40, 30), (3, HOOK, 60, 30, 24)]
KINDS = pytest.mark.parametrize(("boxes", "masks"), [(True, False), (False, True), (True, True)])


def back(raw, review, labels, config=TAKE_BACK, name="corrections.json"):
    return take_back(raw, review, Corrections(name, json.dumps(labels).encode()), config)


def counts(corrected):
    return {key: value for key, value in corrected.report["objects"].items() if value}


def records(corrected):
    return {record["id"]: record for record in json.loads(corrected.content)["annotations"]}


def label_studio(review):
    """What Label Studio exports of a review's tasks that nobody changed."""
    made = tasks(review.labels, review.candidates, review.rows, folder="review")
    for number, task in enumerate(made):
        task |= {"id": number, "drafts": []}
        task["annotations"][0] |= {"id": 5, "completed_by": 1, "was_cancelled": False, "ground_truth": False}
    return json.loads(json.dumps(made))


@KINDS
def test_what_nobody_changed_changes_nothing(boxes, masks):
    raw, review = review_of(coco(OBJECTS, boxes=boxes, masks=masks))
    for labels in (review.labels, label_studio(review)):
        corrected = back(raw, review, labels)
        assert corrected.content == b""
        assert counts(corrected) == {"confirmed": 4}
        assert corrected.report["images"] == {"handed_out": 3, "returned": 3, "not_returned": 0, "changed": 0}
        assert corrected.report["notes"] == []


@KINDS
def test_each_correction_is_counted_and_the_rest_of_the_file_stays(boxes, masks):
    content = coco(OBJECTS, boxes=boxes, masks=masks)
    raw, review = review_of(content, split="val")
    labels = copy.deepcopy(review.labels)
    one, two, three, _ = labels["annotations"]
    one["category_id"] = HOOK  # another class
    for key, value in (("bbox", [12, 42, 22, 30]), ("segmentation", [[12, 42, 34, 42, 34, 72, 12, 72]])):
        if key in three:
            three[key] = value  # another place
    labels["annotations"] = [one, two, three]  # the last one is no hook
    added = {"id": 77, "image_id": 2, "category_id": RING, "iscrowd": 0}
    added |= {"bbox": [70, 50, 10, 10]} if boxes else {}
    labels["annotations"].append(added | ({"segmentation": [square(70, 50, 10)]} if masks else {}))
    corrected = back(raw, review, labels)
    assert counts(corrected) == {"confirmed": 1, "changed": 2, "added": 1, "removed": 1}
    assert corrected.report["changed_what"] == {"class": 1, "mask" if masks else "box": 1}
    assert corrected.report["per_split"] == {"val": {"changed": 2, "added": 1, "removed": 1}}
    new = json.loads(corrected.content)
    assert (new["images"], new["categories"], new["info"]) == (
        content["images"],
        content["categories"],
        content["info"],
    )
    now = records(corrected)
    assert sorted(now) == [1, 2, 3, 5]
    assert now[2] == content["annotations"][1]
    assert now[1] == content["annotations"][0] | {"category_id": HOOK}
    assert now[3]["mine"] == "kept 3"
    assert now[3]["area"] == 22 * 30
    assert ("bbox" in now[3], "segmentation" in now[3]) == (boxes, masks)
    if boxes:
        assert now[3]["bbox"] == [12, 42, 22, 30]
    assert (now[5]["image_id"], now[5]["category_id"], now[5]["area"]) == (2, RING, 100)
    assert ("bbox" in now[5], "segmentation" in now[5]) == (boxes, masks)
    again = back(raw_of(new), review, labels)
    assert again.content == b""
    assert counts(again) == {"confirmed": 1, "already": 4}
    assert not again.report["up_to_date"]


@KINDS
def test_label_studios_export_comes_back_as_coco_does(boxes, masks):
    raw, review = review_of(coco(OBJECTS, boxes=boxes, masks=masks))
    export = label_studio(review)
    first = next(task for task in export if task["data"]["image"].endswith("=review/images/01.png"))
    regions = first["annotations"][0]["result"]
    kind = "polygonlabels" if masks else "rectanglelabels"
    regions[0]["value"][kind] = ["hook"]
    del regions[1]
    corrected = back(raw, review, export)
    assert corrected.report["format"] == "label_studio"
    assert counts(corrected) == {"confirmed": 2, "changed": 1, "removed": 1}
    assert records(corrected)[1]["category_id"] == HOOK


def test_text_that_was_not_touched_is_written_as_it_was_read():
    """Blanks, numbers and order of the user's records: a review of two objects is a diff of two lines."""
    content = coco(OBJECTS)
    text = json.dumps(content).replace('"bbox": [50, 10, 20, 20]', '"bbox" : [50.0,1e1,  20,20]')
    _, review = review_of(content)
    raw = raw_of(content).parse(text.encode())
    labels = copy.deepcopy(review.labels)
    labels["annotations"][0]["category_id"] = HOOK
    written = back(raw, review, labels).content
    assert b'"bbox" : [50.0,1e1,  20,20]' in written
    assert written.count(b'\n{"id"') == 3 + 4 + 2  # one record a line


def test_ids_that_a_tool_numbered_anew_and_names_with_its_folders_are_understood():
    raw, review = review_of(coco(OBJECTS))
    labels = copy.deepcopy(review.labels)
    for image in labels["images"]:
        image["id"] += 500
        image["file_name"] = f"../data/upload/{image['file_name']}"
    for number, record in enumerate(reversed(labels["annotations"])):
        record |= {"id": 900 + number, "image_id": record["image_id"] + 500}
    for number, category in enumerate(labels["categories"]):
        for record in labels["annotations"]:
            if record["category_id"] == category["id"]:
                record["category_id"] = 100 + number
        category["id"] = 100 + number
    assert counts(back(raw, review, labels)) == {"confirmed": 4}


def test_an_image_that_does_not_come_back_stays_and_one_that_is_empty_loses_its_objects():
    raw, review = review_of(coco(OBJECTS))
    labels = copy.deepcopy(review.labels)
    labels["images"] = [image for image in labels["images"] if image["id"] != 3]
    labels["annotations"] = [record for record in labels["annotations"] if record["image_id"] == 1]
    corrected = back(raw, review, labels)
    assert counts(corrected) == {"confirmed": 2, "removed": 1}
    assert sorted(records(corrected)) == [1, 2, 4]
    assert corrected.report["images"]["not_returned"] == 1
    assert "1 images did not come back" in corrected.report["notes"][0]


def test_all_objects_may_be_removed():
    raw, review = review_of(coco(OBJECTS[3:]))
    corrected = back(raw, review, {**review.labels, "annotations": []})
    assert counts(corrected) == {"removed": 1}
    assert json.loads(corrected.content)["annotations"] == []


def test_what_the_checks_had_dropped_and_crowds_are_not_removed():
    content = coco(OBJECTS)
    raw_content = copy.deepcopy(content)
    raw_content["annotations"] += [
        {"id": 50, "image_id": 1, "category_id": RING, "bbox": "nonsense"},
        {"id": 51, "image_id": 1, "category_id": RING, "bbox": [0, 0, 60, 60], "iscrowd": 1},
    ]
    _, review = review_of(content)
    labels = copy.deepcopy(review.labels)
    labels["annotations"] = labels["annotations"][2:]
    corrected = back(raw_of(raw_content), review, labels)
    assert counts(corrected) == {"confirmed": 2, "removed": 2}
    assert sorted(records(corrected)) == [3, 4, 50, 51]


def test_what_somebody_changed_meanwhile_is_left_and_named():
    content = coco(OBJECTS)
    _, review = review_of(content)
    meanwhile = copy.deepcopy(content)
    meanwhile["annotations"][0]["bbox"] = [10, 10, 34, 34]
    labels = copy.deepcopy(review.labels)
    labels["annotations"][0]["category_id"] = HOOK
    corrected = back(raw_of(meanwhile), review, labels)
    assert corrected.content == b""
    assert counts(corrected) == {"confirmed": 3, "left": 1}
    assert corrected.report["left"] == [
        {"where": "images/01.png", "detail": "'ring' was changed in annotations.json meanwhile"}
    ]
    assert "another one than the review was made of" in corrected.report["notes"][0]


def test_a_class_that_the_dataset_does_not_have_ends_the_import_unless_it_is_wanted():
    raw, review = review_of(coco(OBJECTS))
    labels = copy.deepcopy(review.labels)
    labels["categories"].append({"id": 30, "name": "hok"})
    labels["annotations"][0]["category_id"] = 30
    with pytest.raises(InvalidDatasetError, match=r"got also \['hok'\]; rename them .*new_classes=keep"):
        back(raw, review, labels)
    kept = back(raw, review, labels, TAKE_BACK.model_copy(update={"new_classes": "keep"}))
    assert json.loads(kept.content)["categories"][-1] == {"id": 10, "name": "hok"}
    assert records(kept)[1]["category_id"] == 10
    assert kept.report["new_classes"] == ["hok"]


def test_a_box_that_came_back_moved_without_its_mask_loses_it_and_a_dataset_of_masks_takes_none():
    for boxes in (True, False):
        raw, review = review_of(coco(OBJECTS, boxes=boxes, masks=True))
        labels = copy.deepcopy(review.labels)
        del labels["annotations"][0]["segmentation"]
        labels["annotations"][0]["bbox"] = [12, 10, 26, 20]
        corrected = back(raw, review, labels)
        if boxes:
            assert "segmentation" not in records(corrected)[1]
            assert corrected.report["notes"] == ["1 objects came back with a box alone, and lost their mask"]
        else:
            assert corrected.content == b""
            assert "this dataset has masks alone" in corrected.report["left"][0]["detail"]


def test_a_box_that_came_back_without_its_mask_in_the_same_place_keeps_it():
    raw, review = review_of(coco(OBJECTS, boxes=True, masks=True))
    labels = copy.deepcopy(review.labels)
    for record in labels["annotations"]:
        del record["segmentation"]
    labels["annotations"][0]["category_id"] = HOOK
    corrected = back(raw, review, labels)
    assert counts(corrected) == {"confirmed": 3, "changed": 1}
    assert records(corrected)[1]["segmentation"] == [square(10, 10, 20)]


def test_corrections_of_test_images_say_that_figures_come_out_too_good():
    raw, review = review_of(coco(OBJECTS), split="test")
    labels = copy.deepcopy(review.labels)
    labels["annotations"][0]["category_id"] = HOOK
    assert "figures on these images come out a little too good" in back(raw, review, labels).report["notes"][0]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{", "expected corrections in JSON, but they do not parse"),
        (b"[1]", "expected corrections as COCO, or as Label Studio exports them, got a file of no known form"),
        (b'{"shapes": [], "imagePath": "a.png"}', "LabelMe"),
        (b'{"images": [], "annotations": []}', "expected images with objects"),
    ],
)
def test_other_files_are_refused_with_what_they_are(content, message):
    raw, review = review_of(coco(OBJECTS))
    with pytest.raises(InvalidDatasetError, match=message):
        take_back(raw, review, Corrections("it.json", content), TAKE_BACK)


def test_a_review_that_somebody_broke_is_refused():
    _, review = review_of(coco(OBJECTS))
    whole = json.loads(json.dumps(review.to_dict()))
    assert Review.from_dict(whole).to_dict() == whole
    for broken in ({}, {**whole, "labels": {}}, {**whole, "labels": {**whole["labels"], "images": []}}):
        with pytest.raises(InvalidDatasetError, match=r"review\.json: expected what the pipeline evaluation wrote"):
            Review.from_dict(broken)
