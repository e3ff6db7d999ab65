"""Images that tell the student most come first, and of those that tell the same the ones that differ."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gsam_edge.evaluate.review.beliefs import Beliefs
from gsam_edge.evaluate.review.config import NextToLabelConfig
from gsam_edge.evaluate.review.next_to_label import Told, choose, next_to_label, told_by
from gsam_edge.report.plots.review import ProposedImage, plot_next_to_label
from support.review import found

RING, HOOK = 0, 1
#: A score is worth what it says.
PLAIN = Beliefs([(np.array([0.0, 1.0]), np.array([0.0, 1.0]))] * 2, np.full((2, 4), 0.25), 0.1)
BOTH = {"student": PLAIN, "teacher": PLAIN}
CONFIG = NextToLabelConfig(count=3, looked_at=10, disagreement=1, shortlist=4, drawn=3, image_width=100)


def told(student, teacher=None):
    return told_by(found(*student), None if teacher is None else found(*teacher), BOTH, ("ring", "hook"))


def unit(*rows):
    values = np.array(rows, np.float32)
    return values / np.linalg.norm(values, axis=1, keepdims=True)


def test_an_object_of_even_odds_counts_as_one_and_what_is_sure_or_hardly_believed_as_none():
    assert told([(RING, 0.5, 10, 10, 20)]).uncertain == pytest.approx(1)
    assert told([(RING, 1.0, 10, 10, 20)]).uncertain == pytest.approx(0)
    assert told([(RING, 0.05, 10, 10, 20)] * 50).uncertain == 0
    assert told([(RING, 0.5, 10, 10, 20), (HOOK, 0.9, 50, 50, 20)]).doubted == ("ring", "hook")


def test_student_and_teacher_disagree_on_what_one_of_them_sees_alone():
    ring, hook = (RING, 0.9, 10, 10, 20), (HOOK, 0.8, 60, 10, 20)
    assert told([ring], [ring]).disagreement == pytest.approx(2 * 0.9 * 0.1)
    assert told([ring], []).disagreement == pytest.approx(0.9)
    assert told([], [hook]).disagreement == pytest.approx(0.8)
    assert told([ring], [(HOOK, 0.8, 10, 10, 20)]).disagreement == pytest.approx(1.7)
    assert told([ring]).disagreement == 0  # there is no teacher


def test_what_tells_most_comes_first_and_a_copy_of_it_last():
    worth = [Told(1.0, 0, ()), Told(5.0, 0, ()), Told(4.9, 0, ()), Told(3.0, 0, ())]
    features = unit([1, 0, 0], [0, 1, 0], [0, 1, 0.001], [0, 0, 1])
    chosen, distances = choose(worth, features, unit([1, 1, 1]), CONFIG)
    assert chosen == [1, 3, 0]
    assert distances[0] == pytest.approx(1 - 1 / np.sqrt(3), abs=1e-6)


def test_an_image_like_the_labelled_ones_waits():
    worth = [Told(2.0, 0, ()), Told(2.0, 0, ())]
    features = unit([1, 0], [0, 1])
    assert choose(worth, features, unit([1, 0.01]), CONFIG)[0] == [1, 0]


def test_of_many_only_those_that_tell_most_are_looked_at():
    worth = [Told(float(row), 0, ()) for row in range(100)]
    features = unit(*np.random.default_rng(0).normal(size=(100, 8)))
    chosen, _ = choose(worth, features, unit([1] * 8), CONFIG)
    assert min(chosen) >= 100 - CONFIG.shortlist * CONFIG.count


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 12), st.integers(0, 4), st.integers(0, 2**16))
def test_each_image_is_proposed_once(images, labelled, seed):
    rng = np.random.default_rng(seed)
    features = unit(*rng.normal(size=(images, 4))) if images else np.zeros((0, 4), np.float32)
    near = unit(*rng.normal(size=(labelled, 4))) if labelled else np.zeros((0, 0), np.float32)
    worth = [Told(float(value), 0, ()) for value in rng.integers(0, 2, images)]
    chosen, distances = choose(worth, features, near, CONFIG)
    assert len(set(chosen)) == len(chosen) == len(distances) == min(3, images)


def test_the_report_says_why_and_where_the_image_is():
    worth = [Told(3.2, 1.4, ("ring",)), Told(0.1, 0.0, ())]
    features = unit([1, 0], [0, 1])
    report = next_to_label(
        ["a.png", "mark:b.png"],
        worth,
        features,
        unit([1, 0.5]),
        CONFIG,
        of=7,
        shown_name=lambda name: (name.replace("mark:", "unlabelled/"), "unlabelled" if ":" in name else "held back"),
    )
    assert json.loads(json.dumps(report)) == report
    first, second = report["images"]
    assert (first["file_name"], first["from"], first["score"]) == ("a.png", "held back", 4.6)
    assert first["why"].startswith(
        "the student is unsure of about 3 objects; student and teacher disagree on about 1 object"
    )
    assert second["file_name"] == "unlabelled/b.png"
    assert second["why"] == "it looks unlike the labelled images"
    assert (report["looked_at"], report["of"]) == (2, 7)


@pytest.mark.parametrize("count", [0, 1, 6])
def test_the_plot_shows_each_image(count):
    image = np.zeros((40, 50, 3), np.uint8)
    rows = [ProposedImage(image, f"{n}.png", found((RING, 0.5, 5, 5, 9)).unpack(), "it says so") for n in range(count)]
    figure = plot_next_to_label(rows, ("ring", "hook"), of=9, image_width=100)
    assert len(figure.axes) == count
    figure.canvas.draw()
