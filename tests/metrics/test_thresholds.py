"""A threshold is chosen on one split by its F1, and its counts are those that anybody would count by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gsam_edge.metrics.score_curve import ScoreCurve
from gsam_edge.metrics.thresholds import (
    FALSE_ALARMS,
    FOUND,
    OBJECTS,
    at_threshold,
    best_threshold,
    count_shown,
    recommend_thresholds,
    shown,
    thresholds_of,
)
from support.detections import packed
from support.random_coco import random_world
from support.squares import found, split

OPTIONS = {"match_iou": 0.5, "least_objects": 2, "otherwise": 0.25}


class TestBestThreshold:
    def test_it_lies_between_the_last_label_that_helps_and_the_next(self):
        curve = ScoreCurve.of([0.9, 0.61, 0.34, 0.2], [True, True, False, False], 2)
        assert best_threshold(curve) == 0.48

    def test_a_narrow_gap_takes_as_many_digits_as_it_needs(self):
        curve = ScoreCurve.of([0.5004, 0.5002], [True, False], 1)
        assert best_threshold(curve) == pytest.approx(0.5003)

    def test_below_the_last_label_it_is_half_its_score(self):
        assert best_threshold(ScoreCurve.of([0.9, 0.8], [True, True], 2)) == 0.4

    def test_scores_near_zero_keep_a_digit(self):
        assert best_threshold(ScoreCurve.of([0.0004, 0.0002], [True, False], 1)) == 0.0003

    @pytest.mark.parametrize("curve", [ScoreCurve.of([], [], 3), ScoreCurve.of([0.9], [False], 3)])
    def test_where_nothing_is_right_there_is_none(self, curve):
        assert best_threshold(curve) is None

    @given(st.lists(st.tuples(st.floats(0.0009765625, 1, width=16), st.booleans()), min_size=1), st.integers(0, 9))
    def test_no_other_score_has_a_higher_f1(self, labels, missed):
        scores, correct = zip(*labels, strict=True)
        curve = ScoreCurve.of(scores, correct, sum(correct) + missed)
        best = best_threshold(curve)
        if best is None:
            assert not any(correct)
            return

        def f1(threshold):
            taken = np.array(scores, np.float32) >= np.float32(threshold)
            return 2 * (taken & correct).sum() / (taken.sum() + curve.objects)

        assert f1(best) == pytest.approx(max(map(f1, scores)))


class TestRecommended:
    truth = split((0, 5, 0), (1, 5, 0), (1, 9, 40), (2, 9, 40), (3, 9, 40))

    def test_each_class_has_its_own(self):
        predictions = {
            0: found((0.9, 0, 0), (0.3, 1, 70)),
            1: found((0.8, 0, 0), (0.25, 1, 40)),
            2: found((0.6, 0, 50), (0.2, 1, 40)),
            3: found((0.21, 1, 40)),
        }
        result = recommend_thresholds(self.truth, packed(predictions), **OPTIONS)
        assert result["images"] == 4
        bolt, nut = result["classes"]["bolt"], result["classes"]["nut"]
        assert bolt == {"threshold": 0.7, "precision": 1, "recall": 1, "f1": 1, "objects": 2, "from": "class"}
        assert (nut["threshold"], nut["recall"], nut["precision"], nut["from"]) == (0.1, 1, 0.75, "class")
        assert result["all"]["threshold"] == 0.1
        assert result["all"]["objects"] == 5
        assert thresholds_of(self.truth.class_names, result) == (0.7, 0.1)

    def test_a_class_with_too_few_objects_takes_that_of_all_and_says_so(self):
        predictions = {0: found((0.9, 0, 0)), 1: found((0.8, 0, 0), (0.5, 1, 40)), 2: found((0.45, 1, 40))}
        result = recommend_thresholds(self.truth, packed(predictions), **OPTIONS | {"least_objects": 3})
        bolt = result["classes"]["bolt"]
        assert bolt["threshold"] == result["all"]["threshold"]
        assert (bolt["from"], bolt["recall"], bolt["objects"]) == ("all", 1, 2)
        assert bolt["why"] == "fewer than 3 objects: that of all classes together"

    def test_a_class_of_which_nothing_is_found_takes_that_of_all_and_says_so(self):
        predictions = {0: found((0.9, 0, 0)), 1: found((0.8, 0, 0))}
        nut = recommend_thresholds(self.truth, packed(predictions), **OPTIONS)["classes"]["nut"]
        assert (nut["threshold"], nut["recall"], nut["f1"]) == (0.4, 0, 0)
        assert nut["why"].startswith("none of its objects is found")
        assert "precision" not in nut

    @pytest.mark.parametrize("predictions", [{}, {0: found((0.9, 0, 60))}])
    def test_a_model_that_finds_nothing_takes_the_usual_one(self, predictions):
        result = recommend_thresholds(self.truth, packed(predictions), **OPTIONS)
        assert {row["threshold"] for row in (*result["classes"].values(), result["all"])} == {0.25}
        assert "no object is found at any score" in result["all"]["why"]

    def test_a_split_without_images(self):
        result = recommend_thresholds(split(images=0), {}, **OPTIONS)
        assert (result["images"], result["all"]["threshold"]) == (0, 0.25)


class TestAtThreshold:
    truth = split((0, 5, 0), (0, 9, 40), (1, 5, 0), (2, 9, 40, "crowd"))
    predictions = packed(
        {
            0: found((0.9, 0, 0), (0.8, 0, 1), (0.3, 1, 40)),  # right, a double, too low
            1: found((0.6, 1, 0)),  # another class
            2: found((0.7, 1, 42)),  # in a crowd region
        }
    )

    def test_what_is_found_missed_and_invented(self):
        counted = count_shown(self.truth, self.predictions, (0.5, 0.4), match_iou=0.5)
        assert counted.counts[..., OBJECTS].tolist() == [[1, 1], [1, 0], [0, 0], [0, 0]]
        assert counted.counts[..., FOUND].tolist() == [[1, 0], [0, 0], [0, 0], [0, 0]]
        assert counted.counts[..., FALSE_ALARMS].tolist() == [[1, 0], [0, 1], [0, 0], [0, 0]]
        row = at_threshold(counted, (0.5, 0.4), self.truth.class_names)
        assert {key: row[key] for key in ("threshold", "objects", "found", "missed", "false_alarms")} == {
            "threshold": "recommended", "objects": 3, "found": 1, "missed": 2, "false_alarms": 2,
        }  # fmt: skip
        assert row["per_100_images"] == {"found": 25, "missed": 50, "false_alarms": 50}
        assert [row[name] for name in ("precision", "recall", "f1")] == pytest.approx([1 / 3, 1 / 3, 1 / 3])
        assert row["per_class"]["nut"] == {
            "threshold": 0.4, "objects": 1, "found": 0, "missed": 1, "false_alarms": 1,
            "precision": 0, "recall": 0, "f1": 0,
        }  # fmt: skip

    def test_one_threshold_for_all_is_named(self):
        counted = count_shown(self.truth, self.predictions, 0.2, match_iou=0.5)
        row = at_threshold(counted, 0.2, self.truth.class_names)
        assert (row["threshold"], row["found"]) == (0.2, 2)
        assert row["per_class"]["bolt"]["threshold"] == 0.2

    def test_shares_without_a_denominator_are_absent(self):
        counted = count_shown(self.truth, {}, 0.5, match_iou=0.5)
        row = at_threshold(counted, 0.5, self.truth.class_names)
        assert "precision" not in row
        assert row["recall"] == 0

    def test_the_masks_are_not_looked_at(self, monkeypatch):
        truth, predictions = random_world(4)
        monkeypatch.setattr("gsam_edge.metrics.coco.shapes.rle_areas", lambda _: pytest.fail("a mask was looked at"))
        counted = count_shown(truth, packed(predictions), 0.2, match_iou=0.5)
        assert counted.counts[..., OBJECTS].sum() == (~truth.columns.is_crowd).sum()
        assert sum(of[:, OBJECTS].sum() for of in counted.of_area.values()) >= counted.counts[..., OBJECTS].sum()


def test_what_scores_just_the_threshold_is_shown():
    detections = packed({0: found((0.3, 0, 0), (0.2, 1, 0), (0.7, 1, 0))})[0]
    assert shown(detections, 0.3).unmasked.scores.tolist() == pytest.approx([0.3, 0.7])
    assert shown(detections, (0.4, 0.2)).unmasked.scores.tolist() == pytest.approx([0.2, 0.7])
