"""Which of the weights' classes means which of the data's."""

import logging

import numpy as np
import pytest

from gsam_edge.teachers.errors import ClassMatchError
from gsam_edge.teachers.yolo.classes import Asked, class_scores, match_classes

THEIRS = ("car", "truck", "Gold_Star")


def test_names_are_compared_without_case_and_gaps_and_several_may_mean_one():
    meant = match_classes(THEIRS, ("vehicle", "gold star"), {"car": "vehicle", "truck": "vehicle"})
    assert meant == (("car", "truck"), ("Gold_Star",))
    asked = Asked(class_names=meant, weights_class_names=THEIRS, image_size=64)
    assert asked.columns == [[0, 1], [2]]
    assert Asked.model_validate(asked.model_dump(mode="json")) == asked


def test_the_mapping_goes_before_the_same_name_and_that_before_a_similar_one():
    assert match_classes(["Ear"], ["Ear", "ear"], {}) == (("Ear",), ())
    assert match_classes(["ear", "Ear"], ["Ear", "ear"], {}) == (("Ear",), ("ear",))
    assert match_classes(["Ear"], ["Ear", "ear"], {"Ear": "ear"}) == ((), ("Ear",))
    assert match_classes(["EAR"], ["Ear", "ear"], {"EAR": "ear"}) == ((), ("EAR",))
    with pytest.raises(ClassMatchError, match=r"the weights' class 'EAR' means, got \['Ear', 'ear'\]"):
        match_classes(["EAR"], ["Ear", "ear"], {})


def test_all_of_the_weights_classes_with_one_name_are_asked():
    theirs = ("ear", "moon", "ear")
    meant = match_classes(theirs, ["ear"], {})
    assert Asked(class_names=meant, weights_class_names=theirs, image_size=64).columns == [[0, 2]]


def test_a_class_that_the_weights_do_not_know_is_said_and_has_no_score(caplog):
    with caplog.at_level(logging.WARNING):
        meant = match_classes(THEIRS, ("moon", "truck"), {})
    assert meant == ((), ("truck",))
    assert "know no class called moon" in caplog.text
    scores = np.array([[0.1, 0.7, 0.2]], np.float32)
    np.testing.assert_array_equal(class_scores(scores, [[], [0, 1]]), np.array([[np.nan, 0.7]], np.float32))


def test_nothing_shared_or_an_unknown_name_is_refused_with_both_lists():
    with pytest.raises(ClassMatchError, match=r"\['moon'\], got weights of \['car', 'truck', 'Gold_Star'\]; say"):
        match_classes(THEIRS, ("moon",), {})
    with pytest.raises(ClassMatchError, match=r"the weights do not know \['bus'\], the data does not know \['sun'\]"):
        match_classes(THEIRS, ("moon",), {"bus": "moon", "car": "sun"})
