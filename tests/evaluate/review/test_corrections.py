"""Corrections come back counted, and nothing else in the user's file changes."""

import copy
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gsam_edge.coco import InvalidDatasetError
from gsam_edge.coco.importers.label_studio.tasks import tasks
from gsam_edge.evaluate.review.corrections import take_back
from gsam_edge.evaluate.review.package import Review
from gsam_edge.evaluate.review.returned import Corrections
from gsam_edge.vision.errors import UserError
from support.review import HEIGHT, TAKE_BACK, WIDTH, coco, raw_of, review_of, square

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
        assert corrected.report["images"] == {
            "handed_out": 3,
            "returned": 3,
            "not_returned": 0,
            "changed": 0,
            "refused": 0,
        }
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
    assert corrected.report["notes"] == ["images that did not come back, and stay as they are: 1"]


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
        {
            "where": "images/01.png",
            "detail": "'ring' does not stand in annotations.json as it was handed out: it was changed there since",
        }
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
            assert corrected.report["notes"] == ["objects that came back with a box alone, and lost their mask: 1"]
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
        (
            b'{"images": [], "annotations": []}',
            r"expected images of the review \(3, the first 'images/01.png'\), got none of them",
        ),
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
        with pytest.raises(InvalidDatasetError, match=r"review\.json: expected what the pipeline review wrote"):
            Review.from_dict(broken)


def test_a_corrected_box_beside_a_mask_that_stayed_is_taken_and_a_computed_one_is_not():
    """Many tools write the tight box of the mask when they write COCO, whatever box was labelled."""
    content = coco(OBJECTS, boxes=True, masks=True)
    for record in content["annotations"]:
        left, top, width, height = record["bbox"]
        record["bbox"] = [left - 4, top - 4, width + 8, height + 8]  # looser than the mask
    raw, review = review_of(content)
    labels = copy.deepcopy(review.labels)
    labels["annotations"][0]["bbox"] = [10, 10, 20, 20]  # that of the mask
    labels["annotations"][1]["bbox"] = [44, 4, 30, 30]
    corrected = back(raw, review, labels)
    assert counts(corrected) == {"confirmed": 3, "changed": 1}
    assert corrected.report["changed_what"] == {"box": 1}
    assert records(corrected)[2] == content["annotations"][1] | {"bbox": [44, 4, 30, 30]}


@pytest.mark.parametrize(
    "shape",
    [
        {"bbox": ["a", 1, 2, 3]},
        {"bbox": [float("nan"), 10, 20, 20]},
        {"bbox": [1e308, 10, 1e308, 20]},
        {"bbox": [10, 10, -20, 20]},
        {"bbox": [500, 500, 20, 20]},
        {"bbox": [10, 10, 20]},
        {"bbox": {"x": 1}},
        {"bbox": None, "segmentation": []},
        {"segmentation": [[1e9, 0, 1e9, 1e9, 0, 1e9, 7]]},
        {"segmentation": [[1e15, 0, 1e15, 1e15, 0, 1e15]]},
        {"segmentation": [["a"] * 6]},
        {"segmentation": {"size": [10**9, 10**9], "counts": [10**18]}},
        {"segmentation": {"size": [HEIGHT, WIDTH], "counts": "nonsense"}},
        {"segmentation": {"size": [HEIGHT, WIDTH], "counts": [HEIGHT * WIDTH]}},
        {"segmentation": 7},
        {"category_id": 99},
        {"category_id": []},
    ],
    ids=str,
)
def test_an_image_with_an_object_that_cannot_be_read_is_refused_whole_and_named(shape):
    """Left out, the object would pass for one that a person removed."""
    raw, review = review_of(coco(OBJECTS, boxes=True, masks="segmentation" in shape))
    labels = copy.deepcopy(review.labels)
    labels["annotations"][0] |= shape
    labels["annotations"][2]["category_id"] = HOOK  # of another image
    corrected = back(raw, review, labels)
    assert counts(corrected) == {"confirmed": 1, "changed": 1}
    assert [each["file_name"] for each in corrected.report["refused"]] == ["images/01.png"]
    assert corrected.report["images"]["refused"] == 1
    assert (
        "images that were refused, and stay as they are: 1; the first, images/01.png: " in corrected.report["notes"][0]
    )
    assert [record for record in records(corrected).values() if record["image_id"] == 1] == json.loads(
        json.dumps(coco(OBJECTS, boxes=True, masks="segmentation" in shape)["annotations"][:2])
    )


def test_an_image_that_came_back_in_another_size_is_refused():
    """A tool that shrinks images writes coordinates of the small ones."""
    raw, review = review_of(coco(OBJECTS))
    labels = copy.deepcopy(review.labels)
    labels["images"][0] |= {"width": WIDTH // 2, "height": HEIGHT // 2}
    for record in labels["annotations"][:2]:
        record["bbox"] = [side / 2 for side in record["bbox"]]
    corrected = back(raw, review, labels)
    assert corrected.content == b""
    assert counts(corrected) == {"confirmed": 2}
    assert corrected.report["refused"] == [
        {
            "file_name": "images/01.png",
            "why": "expected coordinates in 100 x 80 pixels, they came back for 50 x 40",
        }
    ]


def test_images_of_another_review_are_counted_and_none_of_this_one_ends_the_import():
    raw, review = review_of(coco(OBJECTS))
    labels = copy.deepcopy(review.labels)
    labels["images"][0]["file_name"] = "images/of_another.png"
    corrected = back(raw, review, labels)
    assert corrected.content == b""
    assert corrected.report["images"]["not_returned"] == 1
    assert "entries of images that are not of this review, and were left: 1" in corrected.report["notes"]
    for image in labels["images"]:
        image["file_name"] = f"other/{image['id']}.png"
    with pytest.raises(InvalidDatasetError, match=r"got none of them: .*not in the folder.*review_folder="):
        back(raw, review, labels)


def test_an_object_that_became_a_crowd_region_is_left_not_removed():
    raw, review = review_of(coco(OBJECTS))
    labels = copy.deepcopy(review.labels)
    labels["annotations"][0]["iscrowd"] = 1
    corrected = back(raw, review, labels)
    assert corrected.content == b""
    assert counts(corrected) == {"confirmed": 3, "left": 1}
    assert corrected.report["left"][0]["detail"] == "'ring' came back as a crowd region, which an import does not take"


def test_all_objects_may_be_removed_in_label_studio_too():
    raw, review = review_of(coco(OBJECTS))
    export = label_studio(review)
    for task in export:
        task["annotations"][0]["result"] = []
    assert counts(back(raw, review, export)) == {"removed": 4}


def test_a_dataset_whose_records_are_of_any_form_takes_corrections_all_the_same():
    content = coco(OBJECTS)
    content["images"][0]["file_name"] = ".\\images\\01.png"
    wild = copy.deepcopy(content)
    wild["images"] += [None, {"id": []}, {"id": 90}, {"id": 91, "file_name": 3}]
    wild["categories"] += [None, {"id": {}, "name": "x"}, {"id": 92}]
    wild["annotations"] += [
        None,
        7,
        {"id": 60},
        {"id": 61, "image_id": []},
        {"id": 62, "image_id": 1, "category_id": [], "bbox": [1, 1, 9, 9]},
        {"id": 63, "image_id": 1, "category_id": RING, "segmentation": [[1e15] * 6]},
        {"id": 64, "image_id": 1, "category_id": RING, "segmentation": {"size": [1, 1]}},
    ]
    content["images"][0]["file_name"] = "images/01.png"
    _, review = review_of(content)
    labels = copy.deepcopy(review.labels)
    labels["annotations"][0]["category_id"] = HOOK
    corrected = back(raw_of(wild), review, labels)
    assert counts(corrected) == {"confirmed": 3, "changed": 1}
    now = json.loads(corrected.content)
    assert now["images"] == wild["images"]
    assert now["annotations"][1:] == wild["annotations"][1:]


def test_a_dataset_that_is_read_otherwise_than_it_is_written_is_refused():
    """Boxes as corners, say, which a policy mends at every reading: new boxes among them would be of another layout."""
    content = coco(OBJECTS)
    corners = copy.deepcopy(content)
    for record in corners["annotations"]:
        left, top, width, height = record["bbox"]
        record["bbox"] = [left, top, left + width, top + height]
    raw = raw_of(corners)
    _, review = review_of(content)
    review = Review(review.labels, review.candidates, review.rows, raw.digest)
    labels = copy.deepcopy(review.labels)
    labels["annotations"][0]["category_id"] = HOOK
    with pytest.raises(InvalidDatasetError, match=r"found \d of 4 in the same place, though the file is the same"):
        back(raw, review, labels)


@pytest.mark.parametrize("broken", [[], {"images": {}, "annotations": [], "categories": []}, {"images": []}])
def test_a_dataset_that_is_no_coco_is_refused(broken):
    _, review = review_of(coco(OBJECTS))
    with pytest.raises(InvalidDatasetError, match=r"annotations\.json: expected a COCO mapping"):
        back(raw_of(broken), review, review.labels)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_whatever_a_file_holds_it_is_taken_or_refused_with_a_reason(data):
    """Any value anywhere: a record, one of its fields, a field of an image or a class."""
    raw, review = review_of(coco(OBJECTS, masks=True))
    labels = copy.deepcopy(review.labels)
    for _ in range(data.draw(st.integers(1, 3))):
        rows = labels[data.draw(st.sampled_from(["images", "annotations", "categories"]))]
        row = data.draw(st.integers(0, len(rows) - 1))
        if isinstance(rows[row], dict) and data.draw(st.booleans()):
            rows[row][data.draw(st.sampled_from([*rows[row], "iscrowd", "new"]))] = data.draw(VALUES)
        else:
            rows[row] = data.draw(VALUES)
    try:
        corrected = back(raw, review, labels)
    except UserError:
        return
    assert json.loads(json.dumps(corrected.report, allow_nan=False)) == corrected.report
    assert sum(corrected.report["objects"].values()) or corrected.report["refused"]
