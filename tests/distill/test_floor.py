"""A student does not learn from teachers or labels that are useless, unless the user says so."""

from types import SimpleNamespace

import pytest

from gsam_edge.coco.errors import InvalidDatasetError
from gsam_edge.coco.needs import not_needed
from gsam_edge.coco.packed import PackedDetections
from gsam_edge.coco.predictions import Predictions, PredictorInfo
from gsam_edge.distill.labels.labelling import Labelled, StoreCounts
from gsam_edge.pipelines.distillation import nodes
from gsam_edge.teachers.compose import TunedTeacher
from gsam_edge.teachers.config import FloorConfig
from gsam_edge.teachers.errors import UselessTeacherError
from gsam_edge.teachers.judging.verdict import SUFFICIENT, USELESS, label_verdict, refuse_useless_teachers
from gsam_edge.vision.detections import Detections

FLOOR = FloorConfig(map50=0.1, mask_iou=0.5, recall=0.3, score_threshold=0.25, below="error")
KEEP = FLOOR.model_copy(update={"below": "keep"})
EMPTY = not_needed("the annotations hold no masks")
TEACHERS = {
    "grounding_dino": TunedTeacher(SimpleNamespace(), SimpleNamespace(digest="d1")),
    "sam": TunedTeacher(EMPTY, EMPTY),
}


def test_labels_with_a_recall_of_six_in_a_hundred_are_useless(caplog):
    judged = label_verdict({"recall": 0.06, "precision": 0.4, "mask_iou": 0.8}, {"recall": 0.01}, FLOOR, never_found={})
    assert judged["verdict"] == USELESS
    assert judged["why"] == (
        "of 100 objects the labels hold about 6 on the validation images from a score of 0.25 on, and of 100 labels "
        "about 40 are right; of 100 objects about 1 pass the gate; too few to teach a student (teacher_floor.recall is "
        "0.3)"
    )
    assert "the labels are useless for a student: of 100 objects" in caplog.text


def test_good_labels_are_said_to_be_what_they_are(caplog):
    judged = label_verdict({"recall": 0.73, "precision": 0.69}, {"recall": 0.4}, FLOOR, never_found={})
    assert judged == {
        "verdict": SUFFICIENT,
        "why": "of 100 objects the labels hold about 73 on the validation images from a score of 0.25 on, and of 100 "
        "labels about 69 are right; of 100 objects about 40 pass the gate",
    }
    assert not caplog.records
    assert label_verdict({}, {}, FLOOR, never_found={})["why"] == "the labels lie in the true boxes"
    assert label_verdict({"mask_iou": 0.4}, {}, FLOOR, never_found={})["verdict"] == USELESS
    assert len(caplog.records) == 1


def test_a_strict_gate_is_warned_of_and_ends_no_run(caplog):
    """What passes is right, and the rest is ignored: that few labels teach is no reason not to teach them."""
    judged = label_verdict({"recall": 0.47, "precision": 0.42}, {"recall": 0.07}, FLOOR, never_found={})
    assert judged["verdict"] == SUFFICIENT
    assert "few labels pass the gate: of 100 objects the labels hold about 47" in caplog.text
    assert "labelling.gate.precision" in caplog.text


@pytest.mark.parametrize("report", [{}, {"grounding_dino": {"adapter": "d0", "verdict": "better than its base"}}])
def test_a_report_of_another_adapter_is_refused(report):
    with pytest.raises(InvalidDatasetError, match=r"report of the present grounding_dino_adapter.* teacher_finetune"):
        refuse_useless_teachers(report, TEACHERS, KEEP)


def test_labelling_does_not_begin_with_a_useless_teacher(monkeypatch):
    report = {"grounding_dino": {"adapter": "d1", "verdict": USELESS, "why": "it finds nothing"}, "sam": EMPTY}
    with pytest.raises(UselessTeacherError, match="grounding_dino: it finds nothing"):
        refuse_useless_teachers(report, TEACHERS, FLOOR)
    refuse_useless_teachers(report, TEACHERS, KEEP)
    monkeypatch.setattr(nodes, "tuned_teachers", lambda *_: TEACHERS)
    for labelling in (nodes.label_with_teachers, nodes.label_test_images):
        arguments = dict.fromkeys(labelling.__annotations__.keys() - {"return", "teachers"})
        arguments |= {"teacher_report": report, "floor": FLOOR}
        with pytest.raises(UselessTeacherError):
            labelling(**arguments)


def test_labels_that_hold_nothing_are_no_labels_to_learn_from(monkeypatch):
    parts = {name: SimpleNamespace(split_digest="s") for name in ("train", "val", "pool")}

    def label_sets(factory, described, sets, images, **options):
        objects = PackedDetections.pack(Detections.empty())
        labels = Predictions({1: objects}, ("ear",), PredictorInfo("t", "t", prompted_with_boxes=False))
        return {name: Labelled(labels, StoreCounts(0, 1)) for name in sets}

    monkeypatch.setattr(nodes, "tuned_teachers", lambda *_: TEACHERS)
    monkeypatch.setattr(
        "gsam_edge.teachers.compose.compose_teacher",
        lambda *_, **options: SimpleNamespace(factory=lambda: None, description=None),
    )
    monkeypatch.setattr("gsam_edge.distill.labels.labelling.label_sets", label_sets)
    arguments = dict.fromkeys(nodes.label_with_teachers.__annotations__.keys() - {"return", "teachers"})
    arguments |= {
        "teacher_report": {name: {"adapter": "d1", "verdict": "fine"} for name in (*TEACHERS, "grounded_sam")}
    }
    arguments |= {"floor": FLOOR}
    detection = SimpleNamespace(batch_size=1)
    arguments |= {
        "labelling": SimpleNamespace(label_detection=None, flips=(), detection=detection, workers=None),
    }
    with pytest.raises(UselessTeacherError, match="found none at all"):
        nodes.label_with_teachers(**arguments | parts)


@pytest.mark.parametrize("train", [nodes.distil, nodes.train_controls])
def test_no_student_is_trained_on_useless_labels(train):
    arguments = dict.fromkeys(train.__annotations__.keys() - {"return", "labels"})
    arguments |= {"label_report": {"verdict": USELESS, "why": "they hold nothing"}, "floor": FLOOR}
    with pytest.raises(UselessTeacherError, match="the labels: they hold nothing"):
        train(**arguments)
