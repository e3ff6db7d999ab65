"""What the health policies take out or mend is gone or right, and the account adds up."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from gsam_edge.coco import Annotations, InvalidDatasetError, complete
from gsam_edge.coco.health.health import check_health
from gsam_edge.coco.health.table import HealthConfig

CODES = ("exact_duplicate", "near_duplicate", "tiny_box", "box_as_image", "overlapping_duplicate")
SQUARE = [10, 10, 30, 10, 30, 30, 10, 30]


def configured(**policies):
    return HealthConfig(
        near_duplicate_distance=28, smallest_image_side=4, smallest_box_side=4, duplicate_iou=0.9, mask_box_iou=0.7,
        fewest_objects_of_class=0, largest_imbalance=1000, max_examples=2, policies=policies,
    )  # fmt: skip


def value_of(objects, images=4):
    """Annotations as the pipeline has them: read back from a file."""
    records = tuple({"id": row, "image_id": 1, "category_id": 1, **record} for row, record in enumerate(objects))
    pixels = tuple({"id": i, "file_name": f"{i}.png", "width": 100, "height": 50} for i in range(1, images + 1))
    value = complete(Annotations(pixels, records, ({"id": 1, "name": "bag"},))).annotations
    return Annotations.from_json(value.to_json())


def duplicates(exact=(), near=()):
    return {"compared": 4, "modes": {}, "exact": list(exact), "near": list(near)}


def ids(annotations):
    return [record["id"] for record in annotations.objects]


def test_of_copies_the_one_with_most_objects_stays():
    places = ((1, 0), (2, 0), (2, 1), (3, 0), (4, 0))
    value = value_of([{"image_id": image, "bbox": [20 * n, 0, 9, 9]} for image, n in places])
    health = check_health(value, duplicates([[1, 2, 9]], [[1, 2], [3, 4]]), configured(near_duplicate="drop"))
    assert [image["id"] for image in health.outcome.annotations.images] == [2, 3]
    assert ids(health.outcome.annotations) == [1, 2, 3]
    assert health.to_json()["images"] == {"in": 4, "kept": 2, "fixed": 0, "dropped": 2}
    assert health.to_json()["annotations"] == {"in": 5, "kept": 3, "fixed": 0, "dropped": 2}
    assert {f["code"]: (f["policy"], f["count"]) for f in health.findings} == {
        "exact_duplicate": ("keep", 1),
        "near_duplicate": ("drop", 2),
    }


def test_doubles_and_tiny_boxes_go():
    boxes = [[0, 0, 20, 20], [0, 0, 20, 19.5], [50, 0, 2, 20], [60, 0, 20, 20]]
    value = value_of([{"bbox": box} for box in boxes])
    left = check_health(value, duplicates(), configured(overlapping_duplicate="drop", tiny_box="drop")).outcome
    assert ids(left.annotations) == [0, 3]
    assert len(left.annotations.images) == 4


@pytest.mark.parametrize(("policy", "left", "tally"), [("fix", [0, 1], (1, 1, 0)), ("drop", [1], (1, 0, 1))])
def test_a_box_at_odds_with_its_mask_is_mended_or_goes(policy, left, tally):
    value = value_of([{"bbox": box, "segmentation": [SQUARE]} for box in ([0, 0, 90, 40], [10, 10, 20, 20])])
    applied = check_health(value, duplicates(), configured(mask_box_disagreement=policy)).outcome
    assert ids(applied.annotations) == left
    assert (applied.objects.kept, applied.objects.fixed, applied.objects.dropped) == tally
    assert all(record["bbox"] == [10, 10, 20, 20] for record in applied.annotations.objects)
    assert applied.annotations.columns.has_labelled_box.all(), "a dataset of boxes is one of masks alone now"


@given(st.data())
def test_the_account_adds_up_whatever_is_dropped(data):
    box = st.tuples(*[st.sampled_from([0, 1, 40])] * 2, *[st.sampled_from([1, 5, 50, 100])] * 2).map(list)
    object_ = st.fixed_dictionaries({"image_id": st.integers(1, 4), "bbox": box})
    objects = data.draw(st.lists(object_, min_size=1, max_size=8))
    groups = st.lists(st.lists(st.integers(1, 4), min_size=2, max_size=3, unique=True), max_size=2)
    policies = data.draw(st.fixed_dictionaries(dict.fromkeys(CODES, st.sampled_from(["keep", "drop"]))))
    value, copies = value_of(objects), duplicates(data.draw(groups), data.draw(groups))
    try:
        health = check_health(value, copies, configured(**policies))
    except InvalidDatasetError as error:
        assert str(error).startswith("health: expected at least one single object to be left")  # noqa: PT017
        return
    left, images, records = health.outcome.annotations, health.outcome.images, health.outcome.objects
    assert (images.total, images.kept, images.kept + images.dropped) == (4, len(left.images), 4)
    assert (records.total, records.kept) == (len(objects), len(left.objects))
    assert records.kept + records.dropped == len(objects)
    assert set(left.columns.image_id.tolist()) <= set(left.image_by_id)
    again = {finding["code"] for finding in check_health(left, copies, configured()).findings}
    assert not again & {code for code, policy in policies.items() if policy == "drop"}
    np.testing.assert_array_equal(Annotations.from_json(left.to_json()).columns.xywh, left.columns.xywh)


def test_classes_are_counted_in_what_is_left():
    value = value_of([{"bbox": [0, 0, 20, 20]}, {"bbox": [50, 0, 2, 2]}])
    config = configured(tiny_box="drop").model_copy(update={"fewest_objects_of_class": 2})
    (few,) = [f for f in check_health(value, duplicates(), config).findings if f["code"] == "class_below_minimum"]
    assert few["examples"][0] == {"where": "bag", "detail": "1 objects"}


def test_nothing_left_is_an_error():
    value = value_of([{"bbox": [0, 0, 2, 2]}, {"bbox": [0, 0, 50, 50], "iscrowd": 1}])
    with pytest.raises(
        InvalidDatasetError, match="at least one single object to be left, got none of 2 after dropping tiny"
    ):
        check_health(value, duplicates(), configured(tiny_box="drop"))


def test_a_class_without_objects_goes_with_them():
    value = value_of([{"bbox": [0, 0, 2, 2]}, {"bbox": [0, 0, 20, 20], "category_id": 5}])
    value = replace(value, categories=(*value.categories, {"id": 5, "name": "wire"}, {"id": 6, "name": "kept unused"}))
    left = check_health(value, duplicates(), configured(tiny_box="drop")).outcome.annotations
    assert left.class_names == ("wire", "kept unused")


@pytest.mark.parametrize(("code", "policy"), [("tiny_box", "fix"), ("class_imbalance", "drop"), ("tiny", "drop")])
def test_policies_that_a_finding_does_not_allow_are_refused(code, policy):
    with pytest.raises(ValidationError, match=r"expected one of keep|expected codes of"):
        configured(**{code: policy})
