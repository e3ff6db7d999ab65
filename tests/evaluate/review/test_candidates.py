"""Labels are doubted by what finders say of them, and by how far each of them can be believed."""

import copy
from dataclasses import replace

import numpy as np
import pytest

from gsam_edge.coco.annotations import Annotations
from gsam_edge.coco.packed import PackedDetections
from gsam_edge.evaluate.review.beliefs import Beliefs, Finder, doubt_gap
from gsam_edge.evaluate.review.build import make_review
from gsam_edge.evaluate.review.candidates import candidates_of, masks_in_doubt
from gsam_edge.evaluate.review.config import ReviewConfig
from gsam_edge.report.plots.review import plot_review
from support.review import HEIGHT, OVERLAPS, WIDTH, coco, found, predictions

RING, HOOK = 0, 1
OBJECTS = [(image_id, 7, 10, 10, 20) for image_id in range(1, 31)]
OBJECTS += [(image_id, 9, 60, 30, 24) for image_id in range(1, 31)]
SEEN = [(RING, 0.9, 10, 10, 20), (HOOK, 0.8, 60, 30, 24)]
CONFIG = ReviewConfig(count=5, wrong_labels=0.05, least_belief=0.2, looked_at=100, drawn=2, image_width=120)


def annotations(objects=OBJECTS):
    return Annotations.from_coco(coco(objects, images=list(range(1, 31))))


def finder(seen=None, name="student", of=None):
    """A finder that sees all in 30 validation images, unless `seen` says what it sees in one of them."""
    truth = annotations()
    val = {image_id: found(*(seen or {}).get(image_id, SEEN)) for image_id in range(1, 31)}
    return Finder(name, Beliefs.of(truth, predictions(val), OVERLAPS), of or {})


def doubts(of_image, *finders, least=0.0):
    """Candidates of image 1, which has the labels of `of_image`."""
    value = Annotations.from_coco(coco(of_image, images=[1]))
    return candidates_of(value, 1, finders, OVERLAPS, wrong_labels=0.05, least=least)


def sees(*detections, **more):
    return finder(of={1: found(*detections)}, **more)


@pytest.mark.parametrize(
    ("labels", "seen", "kind", "text"),
    [
        (
            [(1, 7, 10, 10, 20)],
            [(HOOK, 0.8, 10, 10, 20)],
            "class",
            "'ring' may be 'hook': the student (score 0.80) says",
        ),
        ([(1, 7, 10, 10, 20)], [], "nothing", "'ring' may be a label of nothing: the student sees no object here"),
        ([(1, 7, 10, 10, 20)], [(RING, 0.9, 20, 10, 20)], "place", "the box of 'ring' may lie badly: the student"),
        ([], [(RING, 0.9, 10, 10, 20)], "missing", "a label 'ring' may be missing: the student (score 0.90) sees one"),
    ],
)
def test_each_kind_of_doubt(labels, seen, kind, text):
    (candidate,) = doubts(labels, sees(*seen), least=0.3)
    assert candidate.kind == kind
    assert candidate.text.startswith(text)
    assert candidate.finders == ("student",)
    assert candidate.object_row == (-1 if kind == "missing" else 0)


def test_a_label_that_somebody_confirms_is_never_called_one_of_nothing():
    """However little belief is asked for: the sentence would say that nobody sees anything there."""
    assert doubts([(1, 7, 10, 10, 20)], sees(SEEN[0])) == []
    blind = [sees(SEEN[0]), sees(name="teacher")]
    assert doubts([(1, 7, 10, 10, 20)], *blind) == []
    weak = {image_id: [] for image_id in range(1, 31)}
    (candidate,) = doubts([(1, 7, 10, 10, 20)], sees(seen=weak))
    assert candidate.kind == "nothing"
    assert candidate.belief < 0.02  # a student that sees nothing anywhere says nothing of a label


def test_a_finder_that_confuses_two_classes_says_little_of_them():
    taken_for_hook = [(HOOK, 0.8, 10, 10, 20), SEEN[1]]
    confused = dict.fromkeys(range(1, 31, 3), taken_for_hook)
    (sure,) = doubts([(1, 7, 10, 10, 20)], sees((HOOK, 0.8, 10, 10, 20)))
    (unsure,) = doubts([(1, 7, 10, 10, 20)], sees((HOOK, 0.8, 10, 10, 20), seen=confused))
    assert unsure.belief < 0.1
    assert sure.belief > 0.5


def test_two_finders_that_say_the_same_are_believed_more_and_one_that_disagrees_less():
    hook = (HOOK, 0.8, 10, 10, 20)
    labels = [(1, 7, 10, 10, 20)]
    (alone,) = doubts(labels, sees(hook))
    (both,) = doubts(labels, sees(hook), sees(hook, name="teacher"))
    (one_of_two,) = doubts(labels, sees(hook), sees(SEEN[0], name="teacher"))
    assert one_of_two.belief < alone.belief < both.belief
    assert both.finders == ("student", "teacher")
    assert "the student (score 0.80) and the teacher (score 0.80) say so" in both.text


def test_a_low_score_is_worth_what_it_was_worth_on_validation_images():
    """Half of the detections of 0.3 were of nothing there."""
    seen = {i: [*SEEN, (RING, 0.3, 70, 60, 10)] for i in range(1, 16)}
    seen |= {i: [(RING, 0.3, 10, 10, 20), SEEN[1]] for i in range(16, 31)}
    beliefs = finder(seen).beliefs
    worth = beliefs(found((RING, 0.3, 0, 0, 10), (RING, 0.9, 0, 0, 10)).unmasked)
    assert worth[0] == pytest.approx(0.5, abs=0.03)
    assert 0.9 < worth[1] < 1
    np.testing.assert_allclose(beliefs.says.sum(axis=1), 1)


def test_a_gap_is_believed_only_where_such_detections_are_hardly_ever_wrong():
    assert doubt_gap([0.5], wrong_labels=0.05) < 0.06
    assert doubt_gap([0.99], wrong_labels=0.05) > 0.8
    assert doubt_gap([0.9, 0.9], wrong_labels=0.05) > doubt_gap([0.9], wrong_labels=0.05)
    assert doubt_gap([0.0], wrong_labels=0.05) == 0


def test_one_thing_that_both_see_is_one_candidate():
    ring = (RING, 0.9, 10, 10, 20)
    found_twice = doubts([], sees(ring, (RING, 0.85, 11, 10, 20)), sees((RING, 0.9, 10, 11, 20), name="teacher"))
    assert [each.finders for each in found_twice] == [("student", "teacher")]


def test_what_lies_in_a_crowd_is_no_gap():
    content = coco([(1, 7, 0, 0, 60)], images=[1])
    content["annotations"][0]["iscrowd"] = 1
    value = Annotations.from_coco(content)
    student = sees((RING, 0.9, 10, 10, 20))
    assert candidates_of(value, 1, [student], OVERLAPS, wrong_labels=0.05, least=0) == []


def planted():
    """Thirty images, of which the first four have a wrong label each."""
    content = coco(OBJECTS, images=list(range(1, 31)))
    records = {(record["image_id"], record["category_id"]): record for record in content["annotations"]}
    records[1, 7]["category_id"] = 9
    records[2, 7]["bbox"] = [20, 10, 20, 20]
    content["annotations"].remove(records[3, 9])
    content["annotations"].append({"id": 99, "image_id": 4, "category_id": 7, "bbox": [5, 50, 20, 20], "area": 400})
    return Annotations.from_coco(content)


def make(test, seen, teacher=None, config=CONFIG):
    parts = {"train": annotations([]).subset([]), "val": annotations(), "test": test}
    student = {"train": predictions({}), "val": predictions({i: found(*SEEN) for i in range(1, 31)})}
    student["test"] = predictions(seen)
    images = {image["file_name"]: np.zeros((HEIGHT, WIDTH, 3), np.uint8) for image in annotations().images}
    return make_review(parts, student, teacher or student, images, config, OVERLAPS)


def test_the_planted_labels_and_no_others_are_handed_out():
    made = make(planted(), {i: found(*SEEN) for i in range(1, 31)})
    names = {f"images/{i:02}.png" for i in (1, 2, 3, 4)}
    assert set(made.review.image_names) == names
    assert {record["attributes"]["doubt"] for record in made.review.candidates["annotations"]} == {
        "class in doubt", "box or mask in doubt", "label missing", "label of nothing",
    }  # fmt: skip
    assert made.report["images"]["test"] == {"looked_at": 30, "of": 30, "doubtful": 4}
    assert made.report["handed_out"] == {"images": 4, "candidates": 4}
    assert set(made.review.drawn) == names
    labels = {record["id"]: record for record in made.review.labels["annotations"]}
    assert labels == {r["id"]: dict(r) for r in planted().objects if r["image_id"] <= 4}
    assert len(made.drawn) == CONFIG.drawn
    figure = plot_review(made.drawn, ("ring", "hook"), image_width=120)
    assert len(figure.axes) == 4
    figure.canvas.draw()


def test_as_many_are_handed_out_as_asked_for_the_most_doubtful_first():
    made = make(planted(), {i: found(*SEEN) for i in range(1, 31)}, config=CONFIG.model_copy(update={"count": 2}))
    scores = [row["score"] for row in made.review.rows]
    assert len(scores) == 2
    assert scores == sorted(scores, reverse=True)
    assert made.report["images"]["test"]["doubtful"] == 4


def test_where_nothing_is_in_doubt_nothing_is_handed_out_and_it_is_said():
    made = make(annotations(), {i: found(*SEEN) for i in range(1, 31)})
    assert made.review.image_names == []
    assert made.report["why"].startswith("no label is doubted")
    assert len(plot_review(made.drawn, ("ring", "hook"), image_width=120).axes) == 0


def test_a_teacher_that_was_given_the_boxes_doubts_masks_alone():
    content = copy.deepcopy(coco([(1, 7, 10, 10, 20), (1, 9, 50, 30, 20)], masks=True, images=[1]))
    truth = Annotations.from_coco(content)
    drawn = found((RING, 1, 10, 10, 20), (HOOK, 1, 50, 30, 20))
    masks = np.zeros((2, HEIGHT, WIDTH), bool)
    masks[0, 10:30, 10:30] = True
    masks[1, 30:50, 50:56] = True
    prompted = PackedDetections.pack(replace(drawn.unmasked, masks=masks))
    (candidate,) = masks_in_doubt(truth, 1, prompted, OVERLAPS)
    assert (candidate.kind, candidate.object_row) == ("place", 1)
    assert candidate.text == "the mask of 'hook' may lie badly: in its box the teacher draws one with an IoU of 0.30"
    moved = copy.deepcopy(content)
    moved["annotations"][1]["bbox"] = [70, 30, 20, 20]  # corrected since: the mask is of another box
    assert masks_in_doubt(Annotations.from_coco(moved), 1, prompted, OVERLAPS) == []
