"""The report of the arms says what was measured, and claims no more."""

import json
from dataclasses import replace

import pytest

from gsam_edge.coco import Annotations, InvalidDatasetError
from gsam_edge.distill.arms.reports import distillation_report
from gsam_edge.distill.arms.table import left_out
from gsam_edge.distill.arms.verdict import Gain, distillation_verdict
from gsam_edge.metrics.bootstrap import Estimate
from gsam_edge.metrics.detection import coco_metrics
from support.arms import FACTS, found_by_chance, runs_of, world

TRUTH = world()
DATA = {"labelled": 20, "pool": 190, "held_back": 190}
BOTH = {"bag": 0.5, "tag": 0.5}


def report(shares, *, seeds=(0, 1, 2), truth=TRUTH, teacher=None, no_pool=None, listens=False):
    return report_of(runs_of(truth, shares, seeds), truth, teacher, no_pool=no_pool, listens=listens)


def report_of(runs, truth=TRUTH, teacher=None, *, no_pool=None, listens=False):
    return distillation_report(truth, runs, teacher, data=DATA, no_pool=no_pool, control=(), listens=listens)


def test_an_arms_figures_are_cocos_with_an_interval_around_them():
    runs = runs_of(TRUTH, {"distilled": BOTH}, [0])
    told = report_of(runs)
    expected = coco_metrics(TRUTH, runs[0].predictions.objects, "bbox")
    for name in ("map50", "map50_95"):
        figure = told["arms"]["distilled"][f"box_{name}"]
        assert figure["mean"] == pytest.approx(expected[name])
        assert figure["ci95"][0] < figure["mean"] < figure["ci95"][1]
    assert "mask_map50" not in told["arms"]["distilled"]
    assert set(told["per_class"]) == {"bag", "tag"}
    json.dumps(told, allow_nan=False)


def test_a_gain_over_both_controls_is_claimed_and_names_the_class_that_gains_most():
    shares = {"distilled": {"bag": 0.6, "tag": 0.9}, "truth": BOTH, "self_training": {"bag": 0.5, "tag": 0.55}}
    told = report(shares)
    assert told["verdict"].startswith("distillation adds ")
    assert "mAP50-95 over your labels alone and " in told["verdict"]
    assert "over self-training; most for 'tag' (3 seeds)" in told["verdict"]
    gain = told["gains"]["truth"]["box_map50_95"]
    means = {arm: told["arms"][arm]["box_map50_95"]["mean"] for arm in shares}
    assert gain["mean"] == pytest.approx(means["distilled"] - means["truth"])
    assert gain["ci95"][0] > 0
    low, high = (100 * end for end in gain["ci95"])
    assert f"adds {100 * gain['mean']:.1f} ({low:.1f} to {high:.1f}) mAP50-95 over your labels alone" in told["verdict"]


@pytest.mark.parametrize("beaten", ["truth", "self_training"])
def test_no_gain_is_claimed_where_one_control_is_as_good(beaten):
    """More than labels alone is not the teacher's merit where the student's own labels give as much."""
    shares = {"truth": BOTH, "self_training": BOTH, "distilled": {"bag": 0.8, "tag": 0.8}}
    other = {"truth": "self_training", "self_training": "truth"}[beaten]
    shares[other] = shares["distilled"]
    told = report(shares)
    assert told["verdict"].startswith("does not pay here: ")  # the difference is 0 to the last digit
    assert "distillation adds" not in told["verdict"]
    assert told["gains"][beaten]["box_map50_95"]["ci95"][0] > 0


def test_a_loss_is_called_a_loss():
    shares = {"truth": {"bag": 0.9, "tag": 0.9}, "self_training": {"bag": 0.9, "tag": 0.9}, "distilled": BOTH}
    told = report(shares)
    assert told["verdict"].endswith("; it is worse than your labels alone and self-training (3 seeds)")
    assert "does not pay here: -" in told["verdict"]


def test_a_loss_needs_no_further_control():
    told = report({"truth": {"bag": 0.9, "tag": 0.9}, "distilled": BOTH})
    assert told["verdict"].startswith("does not pay here: ")


def test_a_gain_that_might_be_luck_is_not_called_a_loss():
    told = report({"truth": BOTH, "self_training": BOTH, "distilled": BOTH})
    assert told["verdict"] == (
        "does not pay here: 0.0 (0.0 to 0.0) mAP50-95 over your labels alone and 0.0 (0.0 to 0.0) over self-training; "
        "over your labels alone and self-training none is shown, since 0 lies in the interval (3 seeds)"
    )


def test_a_gain_whose_interval_holds_zero_is_not_proven_and_nobody_says_that_it_does_not_pay():
    doubtful, sure = Estimate(0.015, -0.001, 0.032), Estimate(0.034, 0.016, 0.054)
    known = {"learnt": True, "seeds": 1, "enough": True, "no_pool": None, "taught": True, "listens": False}
    gains = {"truth": Gain(sure, {}), "self_training": Gain(doubtful, {})}
    assert distillation_verdict(gains, **known) == (
        "no gain is proven: 3.4 (1.6 to 5.4) mAP50-95 over your labels alone and 1.5 (-0.1 to 3.2) over self-training; "
        "over self-training none is shown, since 0 lies in the interval (one seed: another may say otherwise)"
    )
    gains["self_training"] = Gain(Estimate(-0.001, -0.02, 0.018), {})
    assert distillation_verdict(gains, **known).startswith("does not pay here: ")


def test_a_class_in_a_handful_of_images_has_no_interval_and_gains_nothing_surely():
    """One object, which only the distilled student finds: every draw that holds it says the same."""
    rare = [record for record in TRUTH.objects if record["category_id"] == 1 or record["id"] == 2]
    truth = Annotations(TRUTH.images, tuple(rare), TRUTH.categories)
    control = {"bag": 0.5, "tag": 0.0}
    shares = {"truth": control, "self_training": control, "distilled": {"bag": 0.8, "tag": 1.5}}
    told = report(shares, truth=truth, seeds=[0])
    gains = {name: told["per_class"][name]["gains"]["truth"] for name in ("bag", "tag")}
    assert gains["tag"]["mean"] > 0.9 > gains["bag"]["mean"]
    assert "ci95" in gains["bag"]
    assert "ci95" not in gains["tag"]
    assert "tag" not in told["verdict"]


@pytest.mark.parametrize(
    ("shares", "words"),
    [
        ({"distilled": BOTH}, "not known: no control was trained (distillation.control: [truth, self_training])"),
        ({"distilled": {"bag": 0.9, "tag": 0.9}, "truth": BOTH}, "is not known without self-training"),
    ],
)
def test_without_its_controls_the_teachers_merit_is_not_known(shares, words):
    told = report(shares)
    assert told["verdict"].startswith("not known")
    assert words in told["verdict"]


def test_one_seed_is_said_to_be_one():
    shares = {"truth": BOTH, "self_training": BOTH, "distilled": {"bag": 0.95, "tag": 0.95}}
    assert "(one seed: another may say otherwise)" in report(shares, seeds=[0])["verdict"]


def test_a_handful_of_images_gives_no_interval_and_no_claim():
    shares = {"truth": BOTH, "self_training": BOTH, "distilled": {"bag": 1.0, "tag": 1.0}}
    told = report(shares, truth=world(5))
    assert told["verdict"].startswith("not known: too few images")
    assert set(told["arms"]["truth"]["box_map50"]) == {"mean"}
    json.dumps(told, allow_nan=False)


def test_a_test_split_without_objects_has_no_figures():
    truth = world(8)
    empty = truth.taking_objects(truth.columns.is_crowd.nonzero()[0])
    told = report({"truth": BOTH, "self_training": BOTH, "distilled": BOTH}, truth=empty)
    assert told["verdict"].startswith("not known: too few images")
    assert told["arms"]["distilled"] == {}
    assert told["per_class"] == {}


def test_without_a_pool_there_is_nothing_to_teach():
    """Whatever the reason: not always has every image its label."""
    told = report({"distilled": BOTH}, no_pool="the teachers must be given the true boxes")
    assert told["verdict"] == (
        "nothing for the teacher to teach: the teachers must be given the true boxes, and no loss of the teacher's has "
        "a weight"
    )


def test_a_student_that_learnt_from_no_label_of_the_pool_was_not_helped():
    shares = {"truth": BOTH, "self_training": BOTH, "distilled": BOTH}
    stages = [{"labels": "teacher", "images": 0}, {"labels": "teacher", "images": 0}]
    runs = [replace(run, facts={**FACTS, "stages": stages}) for run in runs_of(TRUTH, shares, [0])]
    assert report_of(runs)["verdict"] == (
        "does not pay here: none of the pool's labels could be trusted (label_report.json), so none was learnt from"
    )


def test_without_a_pool_a_teachers_loss_is_judged_by_labels_alone():
    shares = {"truth": BOTH, "distilled": {"bag": 0.9, "tag": 0.9}}
    told = report(shares, no_pool="no labels are held back", listens=True)
    assert told["verdict"].startswith("distillation adds ")
    assert "self-training" not in told["verdict"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            {"facts": {**FACTS, "common": "d"}},
            "expected equal images, start, steps, precision and augmentation, got",
        ),
        ({"seed": 7}, "expected equal seeds"),
        ({"predictions": replace(found_by_chance(TRUTH, BOTH, 0), split="before")}, "from the present splits"),
    ],
)
def test_arms_of_two_runs_that_were_not_trained_alike_are_not_compared(change, words):
    first, second = runs_of(TRUTH, {"distilled": BOTH, "truth": BOTH}, [0])
    with pytest.raises(InvalidDatasetError, match=f"{words}.*run again from the node distillation.distil_student"):
        report_of([first, replace(second, **change)])


def test_the_recovered_gap_is_the_share_of_the_way_to_all_labels():
    shares = {"truth": {"bag": 0.3, "tag": 0.3}, "distilled": BOTH, "oracle": {"bag": 0.9, "tag": 0.9}}
    told = report(shares)
    means = {arm: told["arms"][arm]["box_map50_95"]["mean"] for arm in shares}
    share = (means["distilled"] - means["truth"]) / (means["oracle"] - means["truth"])
    gap = told["recovered_gap"]["box_map50_95"]
    assert gap["mean"] == pytest.approx(share)
    assert 0 < gap["ci95"][0] < share < gap["ci95"][1] < 1
    assert report({**shares, "oracle": shares["truth"]})["recovered_gap"] == {}


def test_the_teacher_stands_before_the_oracle():
    shares = {"truth": BOTH, "distilled": BOTH, "oracle": BOTH}
    told = report(shares, teacher=found_by_chance(TRUTH, BOTH, 7))
    assert list(told["titles"]) == ["truth", "distilled", "teacher", "oracle"]
    assert 0 < told["teacher"]["box_map50"]["mean"] < 1


def test_controls_that_would_say_nothing_are_left_out_with_the_reason():
    every = ("truth", "self_training", "hard_labels", "oracle")
    assert left_out(every, pool_images=9, held_back_images=5, listens=False) == {}
    assert set(left_out(every, pool_images=9, held_back_images=0, listens=False)) == {"oracle"}
    assert set(left_out(every, pool_images=0, held_back_images=0, listens=False)) == set(every)
    assert set(left_out(every, pool_images=0, held_back_images=0, listens=True)) == set(every) - {"truth"}


def test_a_student_that_finds_nothing_is_said_to_have_learnt_nothing():
    nothing = {"distilled": {"bag": -1, "tag": -1}, "truth": BOTH}
    assert report(nothing)["verdict"].startswith("the student learnt nothing: it finds no object")
    runs = [replace(run, facts={**run.facts, "val": {"box_map50": 0.1}}) for run in runs_of(TRUTH, nothing, [0])]
    assert not report_of(runs)["verdict"].startswith("the student learnt nothing")
