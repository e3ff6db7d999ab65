"""The report of the arms says what was measured, and claims no more."""

import json

import pytest

from gsam_edge.distill.arms import left_out
from gsam_edge.distill.reports import distillation_report
from gsam_edge.metrics.detection import coco_metrics
from support.arms import found_by_chance, runs_of, world

TRUTH = world()
DATA = {"labelled": 20, "pool": 190, "held_back": 190}
NO_POOL = {"labelled": 210, "pool": 0, "held_back": 0}
BOTH = {"bag": 0.5, "tag": 0.5}


def report(shares, *, seeds=(0, 1, 2), truth=TRUTH, teacher=None, data=DATA, no_pool=None, listens=False):
    runs = runs_of(truth, shares, seeds)
    return distillation_report(truth, runs, teacher, data=data, no_pool=no_pool, control=(), listens=listens)


def test_an_arms_figures_are_cocos_with_an_interval_around_them():
    runs = runs_of(TRUTH, {"distilled": BOTH}, [0])
    told = distillation_report(TRUTH, runs, None, data=DATA, no_pool=None, control=(), listens=False)
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


@pytest.mark.parametrize("beaten", ["truth", "self_training"])
def test_no_gain_is_claimed_where_one_control_is_as_good(beaten):
    """More than labels alone is not the teacher's merit where the student's own labels give as much."""
    shares = {"truth": BOTH, "self_training": BOTH, "distilled": {"bag": 0.8, "tag": 0.8}}
    other = {"truth": "self_training", "self_training": "truth"}[beaten]
    shares[other] = shares["distilled"]
    told = report(shares)
    assert told["verdict"].startswith("does not pay here: ")
    assert "distillation adds" not in told["verdict"]
    assert told["gains"][beaten]["box_map50_95"]["ci95"][0] > 0


def test_a_loss_is_called_a_loss():
    shares = {"truth": {"bag": 0.9, "tag": 0.9}, "self_training": {"bag": 0.9, "tag": 0.9}, "distilled": BOTH}
    told = report(shares)
    assert "; it is worse than your labels alone and self-training (3 seeds)" in told["verdict"]


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
    """The pool's own reason is told: where teachers cannot label, images may well lack labels."""
    told = report({"distilled": BOTH}, data=NO_POOL, no_pool="the teachers must be given the true boxes")
    assert told["verdict"].startswith("nothing for the teacher to teach: the teachers must be given the true boxes; ")


def test_without_a_pool_a_teachers_loss_is_judged_by_labels_alone():
    shares = {"truth": BOTH, "distilled": {"bag": 0.9, "tag": 0.9}}
    told = report(shares, data=NO_POOL, no_pool="no labels are held back", listens=True)
    assert told["verdict"].startswith("distillation adds ")
    assert "self-training" not in told["verdict"]


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
