"""The teachers' report says whether tuning was worth it."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from gsam_edge.coco import Annotations
from gsam_edge.teachers import asking
from gsam_edge.teachers import report as module
from gsam_edge.teachers.compose import TunedTeacher
from gsam_edge.teachers.config import DetectionConfig
from gsam_edge.teachers.report import teacher_report
from gsam_edge.teachers.table import TeacherChoice
from gsam_edge.teachers.verdict import verdict
from gsam_edge.vision import Detections

DETECTION = DetectionConfig(score_threshold=0.1, candidates=1000, nms_iou=0.7, max_detections=30, batch_size=1)
IMAGES = {"1.png": np.zeros((20, 30, 3), np.uint8)}
ADAPTER = SimpleNamespace(tensors={"layer.lora_A": torch.zeros(2, 3)}, is_tuned=True, untuned=None)
CHOICE = TeacherChoice(finder="grounding_dino", outliner="sam")
TEACHERS = dict.fromkeys(CHOICE.names, TunedTeacher(SimpleNamespace(model=nn.Linear(2, 2)), ADAPTER))


def annotations() -> Annotations:
    square = [[2, 2, 12, 2, 12, 12, 2, 12]]
    record = {"id": 1, "image_id": 1, "category_id": 7, "bbox": [2, 2, 10, 10], "segmentation": square}
    image = {"id": 1, "file_name": "1.png", "width": 30, "height": 20}
    return Annotations((image,), (record,), ({"id": 7, "name": "ear"},))


def answer(left: int) -> Detections:
    """The object, or what is to its right."""
    mask = np.zeros((1, 20, 30), bool)
    mask[0, 2:12, left : left + 10] = True
    xyxy = np.array([[left, 2, left + 10, 12]], np.float32)
    return Detections(xyxy, np.ones(1, np.float32), np.zeros(1, np.int64), mask, np.ones((1, 1), np.float32))


def report(monkeypatch, *, base: int, tuned: int) -> dict:
    """The report of teachers whose answers lie so far to the left."""

    def predictor(**parts):
        left = tuned if any(part and part.adapter for part in (parts["finder"], parts["outliner"])) else base
        return lambda images, prompts: [answer(left) for _ in images]

    monkeypatch.setattr(module, "teacher_predictor", predictor)
    return teacher_report(annotations(), IMAGES, TEACHERS, CHOICE, detection=DETECTION, device="cpu")


def test_adapters_that_are_worse_than_their_bases_are_named_with_both_figures(monkeypatch, caplog):
    found = report(monkeypatch, base=2, tuned=8)
    assert {name: part["verdict"] for name, part in found.items()} == dict.fromkeys(
        ("grounding_dino", "sam", "grounded_sam"), "worse than its base"
    )
    assert found["sam"]["tuned"]["mask_iou"] < found["sam"]["base"]["mask_iou"] == 1
    warnings = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert len(warnings) == 3
    assert "sam: after tuning worse than its base (mask_iou 0.250, base 1.000" in caplog.text
    assert "grounding_dino: after tuning worse than its base (map50 0.000, base 1.000" in caplog.text
    assert all("lower learning rate" in warning for warning in warnings)


def test_adapters_that_help_raise_no_warning(monkeypatch, caplog):
    found = report(monkeypatch, base=8, tuned=2)
    assert all(part["verdict"] == "better than its base" for part in found.values())
    assert not caplog.records


def test_an_adapter_that_changed_nothing_for_the_better_is_named(caplog):
    assert verdict("sam", {"mask_iou": 0.5}, {"mask_iou": 0.5}) == {"verdict": "no better than its base"}
    assert "no better than its base (mask_iou 0.500, base 0.500" in caplog.text


@pytest.mark.parametrize(("base", "tuned"), [({}, {}), ({"mask_iou": 0.5}, {})])
def test_without_figures_there_is_no_verdict(base, tuned, caplog):
    assert verdict("sam", base, tuned) == {}
    assert not caplog.records


def test_the_bar_goes_when_a_teacher_fails(monkeypatch):
    """Not with the traceback, which is shown first."""
    bars = []

    def bar(items, **options):
        try:
            yield from items
        finally:
            bars.append("gone")

    def predictor(**parts):
        def fail(images, prompts):
            raise KeyboardInterrupt

        return fail

    monkeypatch.setattr(asking, "track", bar)
    monkeypatch.setattr(module, "teacher_predictor", predictor)
    with pytest.raises(KeyboardInterrupt) as failure:
        teacher_report(annotations(), IMAGES, TEACHERS, CHOICE, detection=DETECTION, device="cpu")
    assert failure.traceback
    assert bars == ["gone"]


def test_sam_is_prompted_with_boxes_alone(monkeypatch):
    prompts = []

    def predictor(**parts):
        return lambda images, given: prompts.extend(given or ()) or [answer(2) for _ in images]

    monkeypatch.setattr(module, "teacher_predictor", predictor)
    teacher_report(annotations(), IMAGES, TEACHERS, CHOICE, detection=DETECTION, device="cpu")
    assert len(prompts) == 2
    assert all(prompt.masks is None for prompt in prompts)
    np.testing.assert_array_equal(prompts[0].xyxy, [[2, 2, 12, 12]])
