"""Each kind of error where it is known by construction, and the sums that must hold for any detections."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gsam_edge.coco.annotations import Annotations
from gsam_edge.coco.packed import PackedDetections
from gsam_edge.metrics.object_errors import ERROR_KINDS, ErrorConfig, image_errors
from gsam_edge.vision import Detections

CONFIG = ErrorConfig(match_iou=0.5, near_iou=0.1, mask_iou=0.5)


def annotations(*objects, crowds=(), masks=False):
    """Objects as (category id, left, top, side) in one image of 100 x 100 pixels."""
    records = []
    for row, (category_id, left, top, side) in enumerate((*objects, *crowds)):
        record = {"id": row + 1, "image_id": 1, "category_id": category_id, "bbox": [left, top, side, side]}
        if masks:
            corners = [left, top, left + side, top, left + side, top + side, left, top + side]
            record["segmentation"] = [corners]
        records.append(record | {"iscrowd": int(row >= len(objects))})
    image = {"id": 1, "file_name": "a.png", "height": 100, "width": 100}
    categories = [{"id": 1, "name": "ring"}, {"id": 2, "name": "hook"}]
    return Annotations.from_coco({"images": [image], "annotations": records, "categories": categories})


def found(*detections, masks=None):
    """Detections as (class id, score, left, top, side)."""
    rows = np.array(detections, np.float32).reshape(-1, 5)
    xyxy = np.concatenate([rows[:, 2:4], rows[:, 2:4] + rows[:, 4:]], axis=1)
    return PackedDetections.pack(Detections(xyxy, rows[:, 1].copy(), rows[:, 0].astype(np.int64), masks))


def judge(truth, detections, config=CONFIG):
    return image_errors(truth, 1, detections, config)


class TestOneObject:
    TRUTH = annotations((1, 10, 10, 20))

    @pytest.mark.parametrize(
        ("detections", "of_object", "of_detections", "errors"),
        [
            ([], "missed", (), 1),
            ([(0, 0.9, 10, 10, 20)], "found", ("right",), 0),
            ([(1, 0.9, 10, 10, 20)], "classification", ("classification",), 1),
            ([(0, 0.9, 20, 10, 20)], "localisation", ("localisation",), 1),
            ([(1, 0.9, 20, 10, 20)], "missed", ("both",), 2),
            ([(0, 0.9, 70, 70, 20)], "missed", ("background",), 2),
            ([(0, 0.9, 10, 10, 20), (0, 0.8, 11, 10, 20)], "found", ("right", "duplicate"), 1),
            ([(0, 0.8, 20, 10, 20), (0, 0.9, 10, 10, 20)], "found", ("duplicate", "right"), 1),
            ([(0, 0.9, 10, 10, 20), (1, 0.8, 10, 10, 20)], "found", ("right", "classification"), 1),
            ([(1, 0.9, 10, 10, 20), (1, 0.8, 10, 10, 20)], "classification", ("classification", "classification"), 2),
        ],
    )
    def test_kind(self, detections, of_object, of_detections, errors):
        judged = judge(self.TRUTH, found(*detections))
        assert (judged.of_objects, judged.of_detections) == ((of_object,), of_detections)
        assert judged.errors == errors

    def test_a_detection_says_which_object_it_is_about_and_how_well_it_lies(self):
        judged = judge(self.TRUTH, found((0, 0.9, 20, 10, 20), (0, 0.3, 70, 70, 20)))
        assert judged.partner.tolist() == [0, -1]
        np.testing.assert_allclose(judged.iou, [1 / 3, 0], atol=1e-6)


def test_a_confused_object_is_taken_by_the_detection_that_lies_on_it_before_one_of_its_class_beside_it():
    truth = annotations((1, 10, 10, 20), (1, 25, 10, 20))
    judged = judge(truth, found((1, 0.9, 10, 10, 20), (0, 0.8, 18, 10, 20)))
    assert judged.of_objects in (("classification", "localisation"), ("classification", "found"))
    assert judged.of_detections[0] == "classification"


def test_what_lies_in_a_crowd_is_neither_right_nor_wrong():
    truth = annotations((1, 70, 70, 20), crowds=[(1, 0, 0, 50)])
    judged = judge(truth, found((0, 0.9, 5, 5, 10), (1, 0.9, 5, 5, 10)))
    assert judged.of_detections == ("crowd", "background")
    assert (judged.of_objects, judged.errors) == (("missed",), 2)


@pytest.mark.parametrize(("columns", "kind"), [(20, "found"), (9, "outline")])
def test_a_found_object_whose_mask_lies_badly_is_badly_outlined(columns, kind):
    truth = annotations((1, 10, 10, 20), masks=True)
    mask = np.zeros((1, 100, 100), bool)
    mask[0, 10:30, 10 : 10 + columns] = True
    judged = judge(truth, found((0, 0.9, 10, 10, 20), masks=mask))
    assert judged.of_objects == (kind,)
    assert judged.errors == (kind == "outline")
    if kind == "outline":
        assert judged.iou[0] == pytest.approx(9 / 20)


boxes = st.tuples(st.integers(0, 70), st.integers(0, 70), st.integers(5, 30))
objects = st.lists(st.tuples(st.integers(1, 2), boxes), max_size=5)
detections = st.lists(st.tuples(st.integers(0, 1), st.integers(1, 99), boxes), max_size=6)


@settings(deadline=None, max_examples=200)
@given(objects, detections)
def test_every_object_and_detection_is_counted_once(true, made):
    truth = annotations(*((category, *box) for category, box in true))
    judged = judge(truth, found(*((class_id, score / 100, *box) for class_id, score, box in made)))
    assert len(judged.of_objects) == len(true)
    assert len(judged.of_detections) == len(made)
    assert set(judged.of_objects) <= {"found", *ERROR_KINDS}
    assert set(judged.of_detections) <= {"right", "crowd", *ERROR_KINDS}
    stands = judged.partner[judged.stands].tolist()
    assert len(set(stands)) == len(stands)  # an object has at most one detection that stands for it
    assert sorted(stands) == [row for row, kind in enumerate(judged.of_objects) if kind != "missed"]
    assert judged.of_detections.count("right") == judged.correct
    assert judged.errors >= max(len(true) - judged.correct, int(judged.wrong.sum()))
