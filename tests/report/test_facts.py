"""Every figure of the report is taken from the run's reports once, and what is not proven is said."""

from copy import deepcopy

import numpy as np
import pytest

from gsam_edge.report.facts.checks import sentence
from gsam_edge.report.facts.estimate import Estimate, share
from support.run_reports import run_facts, run_reports


def test_the_answer_says_what_is_found_missed_and_invented_at_the_recommended_score():
    answer = run_facts().answer
    assert answer.sentence == "Finds 94 of 100 objects, with 6 false alarms per 100 images."
    assert answer.at_score == "score 0.42"
    assert (answer.images, answer.objects, answer.few) == (50, 100, False)
    assert (answer.latency_ms, answer.size_mb, answer.memory_mb) == (8.3, 3.8, 96.0)
    assert answer.map50 == Estimate(0.912, (0.881, 0.936))


def test_scores_that_differ_by_class_are_given_as_a_range():
    reports = run_reports()
    reports["student_thresholds"]["classes"]["seam"]["threshold"] = 0.2
    assert run_facts(reports).answer.at_score == "scores 0.20 to 0.42, by class"


@pytest.mark.parametrize(("objects", "few"), [(9, True), (10, False)])
def test_an_answer_over_few_objects_is_marked(objects, few):
    reports = run_reports()
    for row in reports["comparison"]:
        row["objects"] = objects
    assert run_facts(reports).answer.few is few


def test_without_a_recommendation_the_student_is_described():
    reports = run_reports()
    del reports["recommendation"]
    assert run_facts(reports).described == "student"


def test_where_nothing_was_counted_at_a_score_the_answer_is_the_accuracy():
    reports = run_reports()
    for row in reports["comparison"]:
        del row["at_threshold"]
    del reports["evaluation_report"]
    assert run_facts(reports).answer.sentence == "Reaches an accuracy of 0.91 of 1 (mAP50) on unseen images."


def test_without_any_measurement_there_is_no_answer():
    assert run_facts({}).answer is None
    assert run_facts({}).checks == ()


def test_the_interval_of_a_share_is_wilsons():
    """Values of Newcombe (1998), table I, method 3."""
    for part, whole, low, high in (
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ):
        interval = share(part, whole)
        assert interval.value == part / whole
        np.testing.assert_allclose(interval.ci95, (low, high), atol=6e-5)


@pytest.mark.parametrize(
    ("figure", "expected"),
    [
        (0.5, Estimate(0.5)),
        ({"value": 0.5, "ci95": [0.4, 0.6]}, Estimate(0.5, (0.4, 0.6))),
        ({"mean": 0.5}, Estimate(0.5)),
        ({"difference": -0.5}, Estimate(-0.5)),
        ({"value": None}, None),
        (None, None),
        ("0.5", None),
        (True, None),
    ],
)
def test_a_figure_is_read_in_each_of_its_forms(figure, expected):
    assert Estimate.of(figure) == expected


def test_all_checks_hold_where_all_is_well():
    checks = run_facts().checks
    assert {check.state for check in checks} == {"good"}
    assert [check.name for check in checks] == [
        "The file",
        "Unseen images",
        "Teachers",
        "Teachers' labels",
        "Worth of the teachers",
        "Score limits",
        "Number of objects",
    ]


def no_gate(reports):
    reports["optimization_report"][0]["verdict"] = "refused: it is too slow"


def wide_drop(reports):
    reports["optimization_report"][0]["accuracy"]["box_drop_ci95"] = [-0.2, 0.6]


def leak(reports):
    reports["validation_report"]["findings"].append(
        {"code": "split_leak", "severity": "error", "policy": "keep", "count": 4, "meaning": "parted", "examples": []}
    )


def not_compared(reports):
    reports["validation_report"]["images_compared"] = 0


def weak_teacher(reports):
    reports["teacher_report"]["grounding_dino"]["verdict"] = "useless"


def useless_labels(reports):
    reports["label_report"]["verdict"] = "useless"


def worse_than_the_labels_alone(reports):
    reports["distillation_report"] |= {
        "verdict": "does not pay here: -3.0 (-4.9 to -0.8) mAP50-95 over your labels alone; it is worse",
        "gains": {"truth": {"box_map50_95": {"mean": -0.0301, "ci95": [-0.0488, -0.0083]}}},
    }


def no_gain(reports):
    reports["distillation_report"] |= {
        "verdict": "does not pay here: 0.3 (-0.8 to 1.1) mAP50-95 over your labels alone; no gain is shown",
        "gains": {"truth": {"box_map50_95": {"mean": 0.003, "ci95": [-0.008, 0.011]}}},
    }


def unproven_gain(reports):
    reports["distillation_report"] |= {
        "verdict": "no gain is proven: 1.5 (-0.1 to 3.2) mAP50-95 over your labels alone; none is shown",
        "gains": {"truth": {"box_map50_95": {"mean": 0.015, "ci95": [-0.001, 0.032]}}},
    }


def learnt_nothing(reports):
    reports["distillation_report"]["verdict"] = "the student learnt nothing: it finds no object"


def over_budget(reports):
    reports["recommendation"] |= {"ship": None, "why": "no artefact is under 1 ms"}


@pytest.mark.parametrize(
    ("break_it", "name", "words"),
    [
        (no_gate, "The file", "did not pass the gate: refused: it is too slow."),
        (wide_drop, "The file", "loses at most 0.6 points"),
        (leak, "Unseen images", "belong together in 4 cases"),
        (not_compared, "Unseen images", "was not checked"),
        (weak_teacher, "Teachers", "grounding_dino is useless"),
        (useless_labels, "Teachers' labels", "Not good enough"),
        (
            worse_than_the_labels_alone,
            "Worth of the teachers",
            "worse than one that learnt from your labels alone, by 0.8 to 4.9 points of mAP50-95",
        ),
        (no_gain, "Worth of the teachers", "Does not pay here: 0.3 (-0.8 to 1.1)"),
        (unproven_gain, "Worth of the teachers", "No gain is proven: 1.5 (-0.1 to 3.2)"),
        (learnt_nothing, "Worth of the teachers", "The student learnt nothing"),
        (over_budget, "Recommendation", "no artefact is under 1 ms"),
    ],
)
def test_what_is_not_proven_comes_first_with_a_remedy(break_it, name, words):
    reports = deepcopy(run_reports())
    break_it(reports)
    first = run_facts(reports).checks[0]
    assert (first.name, first.state) == (name, "bad")
    assert words in first.text
    assert first.remedy


def test_a_class_with_few_objects_is_grey():
    reports = run_reports()
    reports["comparison"][1]["at_threshold"]["per_class"]["seam"] |= {"objects": 4, "found": 3, "false_alarms": 0}
    facts = run_facts(reports)
    seam = facts.classes[1]
    assert seam.few
    assert seam.found == share(3, 4)
    assert facts.checks[0].state == "few"
    assert "'seam' (4)" in facts.checks[0].text


def test_the_figures_of_a_class():
    bag = run_facts().classes[0]
    assert (bag.name, bag.objects, bag.trained_on, bag.threshold) == ("bag", 60, 60, 0.42)
    assert bag.found == Estimate(58 / 60, (0.9, 0.99))  # the interval of the report, drawn over images
    assert bag.right == share(58, 60)
    assert bag.map50 == Estimate(0.95)
    assert bag.curve == ((0.0, 1.0), (0.9, 0.95), (1.0, 0.5))


def test_a_sentence_begins_large_and_ends_but_names_stay_as_they_are():
    assert sentence("it is slow") == "It is slow."
    assert sentence("map50 0.3; good!") == "map50 0.3; good!"
    assert sentence("") == "."
