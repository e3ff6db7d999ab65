"""Every figure has the value of the library that defines it, and an interval over images that are drawn by groups."""

from dataclasses import replace

import numpy as np
import pytest

from gsam_edge.metrics.accuracy import Draws, accuracy
from gsam_edge.metrics.bootstrap import LEAST_IMAGES, RESAMPLES, drawn_images, enough_images
from gsam_edge.metrics.coco.diagnosis import BACKGROUND, ERRORS, calibration, confusion, curves, errors
from gsam_edge.metrics.detection import by_class, evaluate_predictions
from gsam_edge.metrics.mask_overlap import matched_mask_iou
from gsam_edge.metrics.thresholds import at_threshold, count_shown
from support.detections import packed
from support.random_coco import random_world
from support.repeated import repeated
from support.squares import found as found_squares
from support.squares import split

THRESHOLDS = (0.3, 0.1, 0.5)


def figures_of(truth, predictions, draws=None):
    counted = count_shown(truth, predictions, THRESHOLDS, match_iou=0.5)
    return accuracy(truth, predictions, draws or Draws.of(truth), counted, match_iou=0.5)


@pytest.mark.parametrize("seed", range(4))
def test_values_are_those_of_the_evaluation(seed):
    truth, predictions = random_world(seed, images=9)
    found = packed(predictions)
    figures = figures_of(truth, found)
    expected = {}
    for kind, iou_type in (("box", "bbox"), ("mask", "segm")):
        evaluation = evaluate_predictions(truth, found, iou_type)
        expected |= {f"{kind}_{name}": value for name, value in evaluation.figures.items()}
        for figure in ("map50", "map50_95"):
            values = by_class(truth, getattr(evaluation, f"{figure}_of_category"))
            assert {name: of[f"{kind}_{figure}"].value for name, of in figures.per_class.items()} == pytest.approx(
                values
            )
        for size, of_size in figures.per_size.items():
            assert of_size[f"{kind}_map50_95"].value == pytest.approx(evaluation.figures[f"map_{size}"])
            assert of_size[f"{kind}_mar_100"].value == pytest.approx(evaluation.figures[f"mar_{size}"])
    shown = at_threshold(count_shown(truth, found, THRESHOLDS, match_iou=0.5), THRESHOLDS, truth.class_names)
    expected |= {name: shown[name] for name in ("precision", "recall", "f1")}
    expected["false_alarms_per_100_images"] = shown["per_100_images"]["false_alarms"]
    expected["mask_iou"] = matched_mask_iou(truth, found, 0.5).mean_iou
    expected["ece"] = calibration(truth, found)["ece"]
    assert {name: figure.value for name, figure in figures.figures.items()} == pytest.approx(expected, abs=1e-9)


def test_a_draw_has_the_figures_of_a_split_that_holds_its_images_so_often():
    truth, predictions = random_world(3, images=7)
    rng = np.random.default_rng(0)
    predictions = {  # scores that differ: COCO's figure depends on the order of equal ones
        image_id: replace(found, scores=rng.random(len(found)).astype(np.float32))
        for image_id, found in predictions.items()
    }
    counts = np.array([[1] * 7, [0, 3, 0, 1, 2, 0, 1]], np.int32)
    figures = figures_of(truth, packed(predictions), Draws(counts, np.arange(7)))
    thrice, found = repeated(truth, predictions, counts[1])
    again = figures_of(thrice, packed(found))
    # Of the images' repetitions, whose scores are equal, COCO takes one after the other.
    for name in (
        "box_mar_100",
        "mask_mar_10",
        "precision",
        "recall",
        "f1",
        "ece",
        "mask_iou",
        "box_map50",
        "mask_map75",
    ):
        assert figures.figures[name].values[1] == pytest.approx(again.figures[name].value, abs=1e-9), name


def test_an_interval_holds_the_value_and_is_absent_where_few_images_hold_objects():
    truth, predictions = random_world(3, images=12)
    figures = figures_of(truth, packed(predictions)).figures
    low, high = figures["recall"].ci95
    assert low <= figures["recall"].value <= high
    assert figures["recall"].row() == {"value": figures["recall"].value, "ci95": [low, high]}
    few = truth.subset([10, 11, 12])
    alone = figures_of(few, packed({image_id: predictions[image_id] for image_id in (10, 11, 12)})).figures
    assert alone["recall"].ci95 is None
    assert set(alone["recall"].row()) == {"value"}


def test_near_copies_are_drawn_together_and_are_one_piece_of_evidence():
    truth, _ = random_world(3, images=12)
    related = [[10, 11, 12, 13], [14, 15], [99, 98]]
    draws = Draws.of(truth, related)
    assert len(draws.counts) == 1 + RESAMPLES
    assert (draws.counts[0] == 1).all()
    for rows in ((0, 1, 2, 3), (4, 5)):
        assert (draws.counts[:, rows] == draws.counts[:, rows[:1]]).all()
    assert (draws.counts[:, 0] != draws.counts[:, 4]).any()
    assert draws.counts[1:].mean() == pytest.approx(1, abs=0.02)


def test_copies_that_are_drawn_together_do_not_narrow_an_interval():
    truth, predictions = random_world(3, images=12)
    alone = figures_of(truth, packed(predictions)).figures["recall"]
    thrice, found = repeated(truth, predictions, [3] * 12)
    copies = [[3 * row + 1000 + copy for copy in range(3)] for row in range(12)]
    together, apart = (
        figures_of(thrice, packed(found), draws).figures["recall"]
        for draws in (Draws.of(thrice, copies), Draws.of(thrice))
    )
    assert together.value == pytest.approx(apart.value) == pytest.approx(alone.value)
    assert together.ci95 == pytest.approx(alone.ci95)
    assert np.ptp(apart.ci95) < 0.7 * np.ptp(together.ci95)


def test_groups_not_images_must_be_enough():
    objects = np.ones(12, np.int64)
    assert enough_images(objects)
    assert not enough_images(objects, np.arange(12) // 3)
    assert enough_images(objects, np.arange(12) % LEAST_IMAGES)
    assert drawn_images(5, np.zeros(5, np.int64)).tolist() == [[1] * 5] * (1 + RESAMPLES)
    np.testing.assert_array_equal(drawn_images(5), drawn_images(5, np.arange(5)))


def test_given_boxes_say_nothing_and_masks_still_do():
    truth, predictions = random_world(3, images=9)
    figures = accuracy(truth, packed(predictions), Draws.of(truth), None, match_iou=0.5, boxes=False).figures
    assert set(figures) == {name for name in figures if name.startswith("mask_")}
    assert "mask_iou" in figures


class TestDiagnosis:
    def test_confusion_has_a_row_for_each_true_class_and_the_background(self):
        truth, predictions = random_world(3, images=9, crowds=False)
        found = packed(predictions)
        result = confusion(truth, found, THRESHOLDS, match_iou=0.5)
        counts = np.array(result["counts"])
        assert result["names"] == [*truth.class_names, BACKGROUND]
        assert counts.shape == (4, 4)
        assert counts[:-1].sum(axis=1).tolist() == truth.image_class_counts.sum(axis=0).tolist()
        shown_count = sum(
            (each.unmasked.scores >= np.array(THRESHOLDS, np.float32)[each.unmasked.class_ids]).sum()
            for each in found.values()
        )
        assert counts[:, :-1].sum() == shown_count

    def test_a_class_that_is_taken_for_another(self):
        truth = split((0, 5, 0), (0, 9, 40), (1, 5, 0), (2, 9, 40))
        taken = {
            0: found_squares((0.9, 1, 0), (0.8, 1, 40)),
            1: found_squares((0.7, 1, 0)),
            2: found_squares((0.6, 1, 70)),
        }
        result = confusion(truth, packed(taken), 0.5, match_iou=0.5)
        assert result == {
            "names": ["bolt", "nut", BACKGROUND],
            "counts": [[0, 2, 0], [0, 1, 1], [0, 1, 0]],
        }
        rows = errors(truth, packed(taken))
        assert list(rows) == list(ERRORS)
        assert {name: row["count"] for name, row in rows.items()} == {
            "Cls": 2, "Loc": 0, "Both": 0, "Dupe": 0, "Bkg": 1, "Miss": 1,
        }  # fmt: skip
        assert rows["Cls"]["map50"] > rows["Bkg"]["map50"] >= 0

    def test_scores_that_say_what_they_mean_have_no_calibration_error(self):
        truth, _ = random_world(3, images=6, crowds=False)
        perfect = {image["id"]: truth.truth(image["id"]) for image in truth.images}
        result = calibration(truth, packed(perfect))
        assert result["ece"] == pytest.approx(0)
        assert [row["count"] for row in result["bins"]][:9] == [0] * 9
        assert result["bins"][9]["correct"] == 1
        assert "score" not in result["bins"][0]
        unsure = {
            image_id: replace(found, scores=found.scores * np.float32(0.35)) for image_id, found in perfect.items()
        }
        assert calibration(truth, packed(unsure))["ece"] == pytest.approx(0.65)

    def test_hardly_any_score_does_not_count_in_the_calibration(self):
        truth, predictions = random_world(3, images=6)
        low = {
            image_id: replace(found, scores=found.scores * np.float32(0.01)) for image_id, found in predictions.items()
        }
        assert calibration(truth, packed(low)) == {}

    def test_a_curve_falls_and_ends_where_no_more_is_found(self):
        truth, predictions = random_world(3, images=9)
        evaluation = evaluate_predictions(truth, packed(predictions), "bbox")
        for name, curve in curves(truth, evaluation).items():
            recall, precision = np.array(curve).T
            assert recall.tolist() == pytest.approx(np.arange(len(curve)) / 100)
            assert (np.diff(precision) <= 0).all(), name
            assert precision.sum() / 101 == pytest.approx(by_class(truth, evaluation.map50_of_category)[name], abs=1e-4)
