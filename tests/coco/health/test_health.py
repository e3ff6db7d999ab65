"""Each thing that is unwise is found where it was planted, and nothing else is."""

import json
import time
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from gsam_edge.coco import Annotations, InvalidDatasetError, complete
from gsam_edge.coco.health.cases import Inspected
from gsam_edge.coco.health.health import check_health, image_duplicates, split_findings
from gsam_edge.coco.health.objects import overlapping_duplicates
from gsam_edge.coco.health.table import HealthConfig
from gsam_edge.coco.images.facts import ImageFacts

NO_COPIES = {"compared": 0, "modes": {}, "exact": [], "near": []}


def configured(**changes):
    values = {
        "near_duplicate_distance": 24, "smallest_image_side": 4,
        "smallest_box_side": 4, "duplicate_iou": 0.9, "mask_box_iou": 0.7,
        "fewest_objects_of_class": 0, "largest_imbalance": 1000, "max_examples": 2, "policies": {},
    }  # fmt: skip
    return HealthConfig(**values | changes)


def annotations_of(objects, images=2):
    return complete(
        Annotations(
            tuple({"id": i, "file_name": f"{i}.png", "width": 100, "height": 50} for i in range(1, images + 1)),
            tuple({"id": row, "image_id": 1, "category_id": 1, **record} for row, record in enumerate(objects)),
            ({"id": 1, "name": "bag"}, {"id": 2, "name": "wire"}),
        )
    ).annotations


def found(value, duplicates=NO_COPIES, **changes):
    health = check_health(value, duplicates, configured(**changes))
    assert health.outcome.annotations is value
    assert (health.outcome.objects.kept, health.outcome.images.kept) == (len(value.objects), len(value.images))
    findings = health.findings
    assert json.loads(json.dumps(health.to_json())) == health.to_json()
    return {finding["code"]: finding for finding in findings}


def test_a_sound_dataset_has_no_findings():
    assert found(annotations_of([{"bbox": [0, 0, 10, 10]}, {"bbox": [30, 0, 10, 10], "category_id": 2}])) == {}


def test_small_and_whole_boxes():
    boxes = [[0, 0, 3, 20], [0, 0, 9, 2], [0, 0, 1, 1], [0, 0, 100, 50], [0, 0, 4, 4]]
    findings = found(annotations_of([*({"bbox": b} for b in boxes), {"bbox": [0, 0, 1, 1], "iscrowd": 1}]))
    assert set(findings) == {"tiny_box", "box_as_image"}
    tiny = findings["tiny_box"]
    assert (tiny["count"], tiny["severity"], tiny["policy"]) == (3, "warning", "keep")
    assert [example["annotation_ids"] for example in tiny["examples"]] == [[2], [1]]  # the smallest first
    assert tiny["examples"][0] == {"where": "1.png", "image_id": 1, "annotation_ids": [2], "detail": "1 x 1 pixels"}
    assert findings["box_as_image"]["examples"][0]["annotation_ids"] == [3]


def test_one_object_labelled_twice():
    objects = [
        {"bbox": [0, 0, 20, 20]},
        {"bbox": [0.5, 0, 20, 20]},
        {"bbox": [0, 0, 20, 20], "category_id": 2},
        {"bbox": [0, 0, 20, 20], "image_id": 2},
        {"bbox": [0, 0, 20, 20], "iscrowd": 1},
    ]
    assert [e["annotation_ids"] for e in found(annotations_of(objects))["overlapping_duplicate"]["examples"]] == [
        [0, 1]
    ]


def test_crossing_wires_share_a_box_and_are_two():
    one, other = [[0, 0, 40, 38, 40, 40]], [[40, 0, 0, 38, 0, 40]]
    objects = [{"bbox": [0, 0, 40, 40], "segmentation": polygon} for polygon in (one, other)]
    assert "overlapping_duplicate" not in found(annotations_of(objects))
    assert "overlapping_duplicate" in found(annotations_of([objects[0], objects[0]]))


coordinates = st.integers(0, 12)


@given(
    st.lists(
        st.tuples(coordinates, coordinates, st.integers(8, 12), st.integers(8, 12), st.integers(1, 2)), max_size=12
    ),
    st.sampled_from([0.51, 0.7, 0.9, 1.0]),
)
def test_doubles_are_those_of_comparing_each_with_each(boxes, least_iou):
    value = annotations_of([{"bbox": list(box[:4]), "category_id": box[4]} for box in boxes])
    expected = {}
    for a in range(len(boxes)):
        for b in range(a + 1, len(boxes)):
            (ax, ay, aw, ah, ac), (bx, by, bw, bh, bc) = boxes[a], boxes[b]
            shared = max(0, min(ax + aw, bx + bw) - max(ax, bx)) * max(0, min(ay + ah, by + bh) - max(ay, by))
            iou = shared / (aw * ah + bw * bh - shared)
            if ac == bc and iou >= least_iou:
                expected[a, b] = iou
    pairs, overlap = overlapping_duplicates(value, least_iou)
    found = dict(zip(map(tuple, pairs.tolist()), overlap.tolist(), strict=True))
    assert found == pytest.approx({pair: expected[pair] for pair in found})
    assert sorted(later for _, later in found) == sorted({later for _, later in expected})
    assert (np.diff(overlap) <= 0).all()


def test_ten_copies_are_nine_doubles():
    square = [[10, 10, 20, 10, 20, 20, 10, 20]]
    findings = found(annotations_of([{"bbox": [10, 10, 10, 10], "segmentation": square}] * 10))
    assert findings["overlapping_duplicate"]["count"] == 9


def test_many_copies_are_told_in_no_time():
    """Ten thousand of one object, each mask drawn once."""
    square = [[10, 10, 20, 10, 20, 20, 10, 20]]
    value = annotations_of([{"bbox": [10, 10, 10, 10], "segmentation": square}] * 10_000)
    started = time.process_time()
    assert len(overlapping_duplicates(value, 0.9)[0]) == 9999
    assert time.process_time() - started < 5


def test_a_box_and_its_mask_at_odds():
    square = [[10, 10, 20, 10, 20, 20, 10, 20]]
    runs = {"size": [50, 100], "counts": [0, 50, 4950]}  # the first column
    objects = [
        {"bbox": [10, 10, 10, 10], "segmentation": square},
        {"bbox": [10, 10, 20, 20], "segmentation": square},
        {"bbox": [0, 0, 1, 50], "segmentation": runs},
        {"bbox": [50, 0, 1, 50], "segmentation": runs},
        {"segmentation": square, "image_id": 2},
    ]
    finding = found(annotations_of(objects), smallest_box_side=0)["mask_box_disagreement"]
    assert [(e["annotation_ids"], e["detail"]) for e in finding["examples"]] == [
        ([3], "overlap 0.000"),
        ([1], "overlap 0.250"),
    ]


def test_rare_classes():
    objects = [{"bbox": [4 * row, 0, 4, 4]} for row in range(20)] + [{"bbox": [0, 0, 9, 9], "category_id": 2}]
    findings = found(annotations_of(objects), fewest_objects_of_class=5, largest_imbalance=19)
    assert findings["class_below_minimum"]["examples"] == [{"where": "wire", "detail": "1 objects"}]
    assert findings["class_imbalance"]["examples"] == [{"where": "wire", "detail": "1 objects beside 20 of bag"}]
    assert found(annotations_of(objects), fewest_objects_of_class=1, largest_imbalance=20) == {}


def test_copies_are_counted_beyond_the_first():
    facts = {i: ImageFacts(1, 1, "L", "same" if i < 3 else f"{i}", bytes([i // 4]) * 32) for i in range(1, 6)}
    duplicates = image_duplicates(facts, configured(near_duplicate_distance=0))
    assert duplicates == {"compared": 5, "modes": {"L": 5}, "exact": [[1, 2]], "near": [[1, 2, 3], [4, 5]]}
    findings = found(annotations_of([{"bbox": [0, 0, 9, 9]}], images=4), duplicates)
    assert findings["exact_duplicate"]["count"] == 1
    assert findings["near_duplicate"]["count"] == 2  # image 5 is not among the annotations
    assert findings["near_duplicate"]["examples"][0]["image_ids"] == [1, 2, 3]


def test_a_policy_can_stop_the_run():
    value = annotations_of([{"bbox": [0, 0, 1, 1]}])
    with pytest.raises(
        InvalidDatasetError, match=r"health: expected no tiny_box \(.*\), got 1, first 1.png: 1 x 1 pixels"
    ):
        found(value, policies={"tiny_box": "error"}, max_examples=0)
    with pytest.raises(ValidationError, match=r"expected codes of .*got 'tinybox'"):
        configured(policies={"tinybox": "keep"})


def test_a_split_is_held_against_the_groups_and_the_classes():
    objects = [{"bbox": [0, 0, 9, 9], "image_id": i, "category_id": 1 + (i == 4)} for i in range(1, 5)]
    value = annotations_of(objects, images=4)
    parts = {"train": value.subset([1, 2]), "val": value.subset([]), "test": value.subset([3, 4])}
    shared_out = Inspected(value, NO_COPIES, parts, [[1, 2], [2, 4], [3]])
    findings = {f["code"]: f for f in split_findings(shared_out, configured())}
    assert findings["class_missing_from_split"]["examples"] == [{"where": "wire", "detail": "no object in train"}]
    leak = findings["split_leak"]
    assert (leak["severity"], leak["count"]) == ("error", 1)
    assert leak["examples"][0]["detail"] == "2.png in train, 4.png in test"


def test_images_of_a_few_pixels_are_named():
    value = annotations_of([{"bbox": [0, 0, 10, 10]}])
    narrow = {**value.images[-1], "id": 99, "file_name": "flat.png", "width": 2}
    findings = found(replace(value, images=(*value.images, narrow)))
    assert findings["tiny_image"]["examples"][0]["where"] == "flat.png"
    assert findings["tiny_image"]["examples"][0]["image_ids"] == [99]
