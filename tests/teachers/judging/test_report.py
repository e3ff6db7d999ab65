"""The teachers' report says whether tuning was worth it."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from gsam_edge.coco import Annotations
from gsam_edge.teachers import asking
from gsam_edge.teachers.compose import TunedTeacher
from gsam_edge.teachers.config import DetectionConfig, FloorConfig
from gsam_edge.teachers.errors import UselessTeacherError
from gsam_edge.teachers.judging import report as module
from gsam_edge.teachers.judging.report import LabelRule, teacher_report
from gsam_edge.teachers.judging.verdict import BETTER, NO_DIFFERENT, UNKNOWN, USELESS, WORSE, refuse_useless, verdict
from gsam_edge.teachers.predict import boxes_of
from gsam_edge.teachers.table import TeacherChoice
from gsam_edge.vision import Detections

DETECTION = DetectionConfig(score_threshold=0.1, candidates=1000, nms_iou=0.7, max_detections=30, batch_size=1)
LABELLING = LabelRule(score_threshold=0.25, match_iou=0.5)
FLOOR = FloorConfig(map50=0.1, mask_iou=0.2, recall=0.3, score_threshold=0.25, below="error")
COUNT = 8
IMAGES = {f"{number}.png": np.full((20, 30, 3), number, np.uint8) for number in range(COUNT)}
TENSORS = {"layer.lora_A": torch.zeros(2, 3)}
ADAPTER = SimpleNamespace(tensors=TENSORS, is_tuned=True, untuned=None, digest="d1")
CHOICE = TeacherChoice(finder="grounding_dino", outliner="sam")
TEACHERS = dict.fromkeys(CHOICE.names, TunedTeacher(SimpleNamespace(model=nn.Linear(2, 2)), ADAPTER))


def annotations(count: int = COUNT) -> Annotations:
    """An ear in each image, 10 pixels wide from column 2 on."""
    square = [[2, 2, 12, 2, 12, 12, 2, 12]]
    records = tuple(
        {"id": number, "image_id": number, "category_id": 7, "bbox": [2, 2, 10, 10], "segmentation": square}
        for number in range(count)
    )
    images = tuple({"id": n, "file_name": f"{n}.png", "width": 30, "height": 20} for n in range(count))
    return Annotations(images, records, ({"id": 7, "name": "ear"},))


def answer(left: int, score: float = 1.0) -> Detections:
    """The object, or what is to its right."""
    mask = np.zeros((1, 20, 30), bool)
    mask[0, 2:12, left : left + 10] = True
    xyxy = np.array([[left, 2, left + 10, 12]], np.float32)
    return Detections(xyxy, np.full(1, score, np.float32), np.zeros(1, np.int64), mask, np.ones((1, 1), np.float32))


def measured(monkeypatch, base, tuned, *, count: int = COUNT, floor: FloorConfig = FLOOR) -> dict:
    """The report of teachers whose answers on image i lie `base(i)` and `tuned(i)` to the left."""

    def predictor(**parts):
        left = tuned if any(part and part.adapter for part in (parts["finder"], parts["outliner"])) else base
        return lambda images, prompts: [answer(left(int(image[0, 0, 0]))) for image in images]

    monkeypatch.setattr(module, "teacher_predictor", predictor)
    rules = {"detection": DETECTION, "labelling": LABELLING, "floor": floor, "device": "cpu"}
    return teacher_report(annotations(count), IMAGES, TEACHERS, CHOICE, **rules).content


def always(left: int):
    return lambda number: left


def verdicts(found: dict) -> dict:
    return {name: part["verdict"] for name, part in found.items()}


def test_adapters_that_are_worse_than_their_bases_are_named_with_both_figures(monkeypatch, caplog):
    none = FloorConfig(map50=0, mask_iou=0, recall=0, score_threshold=0.25, below="error")
    found = measured(monkeypatch, always(2), always(8), floor=none)
    assert verdicts(found) == dict.fromkeys(("grounding_dino", "sam", "grounded_sam"), WORSE)
    assert found["sam"]["tuned"]["mask_iou"] < found["sam"]["base"]["mask_iou"] == 1
    warnings = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert len(warnings) == 3
    assert "sam is worse than its base after tuning: mask_iou 0.250, base 1.000" in caplog.text
    assert "grounding_dino is worse than its base after tuning: map50 0.000, base 1.000" in caplog.text
    assert all("lower learning rate" in warning for warning in warnings)


@pytest.mark.parametrize(("box_off", "mask_off", "from_masks"), [(3, 0, True), (0, 3, False), (0, 0, False)])
def test_the_better_boxes_are_taken_where_the_datas_own_are_those_of_masks(monkeypatch, box_off, mask_off, from_masks):
    """A weak outliner draws boxes that are worse than the finder's: on the sample by 13 points of mAP50-95."""

    def predictor(**parts):
        mask = np.zeros((1, 20, 30), bool)
        mask[0, 2:12, 2 + mask_off : 12 + mask_off] = True
        xyxy = np.array([[2 + box_off, 2, 12 + box_off, 12]], np.float32)
        found = Detections(xyxy, np.ones(1, np.float32), np.zeros(1, np.int64), mask)
        return lambda images, prompts: [found for _ in images]

    monkeypatch.setattr(module, "teacher_predictor", predictor)
    rules = {"detection": DETECTION, "labelling": LABELLING, "floor": FLOOR, "device": "cpu"}
    report = teacher_report(annotations(), IMAGES, TEACHERS, CHOICE, **rules)
    told = report.content["grounded_sam"]
    assert module.boxes_from_masks(report.content) is from_masks
    assert told["boxes"] == boxes_of(boxes_from_masks=from_masks)
    figures = told["boxes_map50_95"]
    assert (figures["masks"] > figures["finder"]) is from_masks
    left = 2 + (mask_off if from_masks else box_off)
    assert all(packed.unmasked.xyxy[0, 0] == left for packed in report.found.values())


def test_loose_boxes_of_the_data_are_those_of_the_finder(monkeypatch):
    predictor = lambda **parts: lambda images, prompts: [answer(2) for _ in images]  # noqa: E731
    monkeypatch.setattr(module, "teacher_predictor", predictor)
    monkeypatch.setattr(module, "takes_boxes_from_masks", lambda *_: False)
    rules = {"detection": DETECTION, "labelling": LABELLING, "floor": FLOOR, "device": "cpu"}
    told = teacher_report(annotations(), IMAGES, TEACHERS, CHOICE, **rules).content
    assert not module.boxes_from_masks(told)
    assert "boxes_map50_95" not in told["grounded_sam"]


def test_adapters_that_help_raise_no_warning(monkeypatch, caplog):
    found = measured(monkeypatch, always(8), always(2))
    assert set(verdicts(found).values()) == {BETTER}
    assert not caplog.records
    ear = {"objects": COUNT, "base": 0.0, "tuned": 1.0}
    assert found["grounding_dino"]["per_class"] == found["grounded_sam"]["per_class"] == {"ear": ear}
    assert found["grounding_dino"]["interval"] == {"difference": 1.0, "low": 1.0, "high": 1.0, "images": COUNT}
    assert found["grounding_dino"]["labels"] == {"recall": 1.0, "precision": 1.0}
    assert "labels" not in found["sam"]
    assert "of 100 objects it would find about 100 from a score of 0.25 on" in found["grounded_sam"]["why"]
    assert "on the validation images, which also chose its weights (difference +0.750" in found["sam"]["why"]


def test_what_a_better_choice_of_images_would_undo_is_no_improvement(monkeypatch):
    """Tuning finds the object of one image more than its base does, of eight."""
    found = measured(monkeypatch, lambda i: 2 if i % 2 else 12, lambda i: 2 if i % 2 or i == 0 else 12)
    assert found["grounding_dino"]["tuned"]["map50"] > found["grounding_dino"]["base"]["map50"]
    assert set(verdicts(found).values()) == {NO_DIFFERENT}


def test_a_handful_of_images_decides_nothing(monkeypatch, caplog):
    found = measured(monkeypatch, always(8), always(2), count=3)
    assert set(verdicts(found).values()) == {UNKNOWN}
    assert "interval" not in found["sam"]
    assert "whether tuning helped sam is not known: too few validation images: mask_iou 1.000, base" in caplog.text
    assert "lower learning rate" not in caplog.text


def test_a_useless_teacher_is_not_praised_for_being_better_than_a_worse_base(monkeypatch, caplog):
    """It finds one object of eight, its base none; its masks cover a tenth of the objects, its base's nothing."""
    found = measured(monkeypatch, always(12), lambda i: 2 if i == 0 else 12)
    assert found["grounding_dino"]["tuned"]["map50"] > found["grounding_dino"]["base"]["map50"] == 0
    assert set(verdicts(found).values()) == {USELESS}
    assert found["grounding_dino"]["why"].startswith(
        "of 100 objects it would find about 12 from a score of 0.25 on, and of 100 labels about 12 would be right; "
    )
    assert "too few to teach a student (teacher_floor.recall is 0.3)" in found["grounding_dino"]["why"]
    assert found["sam"]["why"] == "mask_iou 0.125 is below teacher_floor.mask_iou (0.2)"
    assert "grounding_dino is useless as a teacher: of 100 objects" in caplog.text
    with pytest.raises(UselessTeacherError, match=r"(?s)grounding_dino: of 100 objects .* teacher_floor\.below=keep"):
        refuse_useless(found, FLOOR)
    refuse_useless(found, FLOOR.model_copy(update={"below": "keep"}))


def test_a_useless_teacher_that_is_used_as_it_is_is_useless_too():
    figures, rest = {"map50": 0.0007}, {"interval": None, "labels": {"recall": 0.06}, "score_threshold": 0.25}
    judged = verdict("yolo", figures, None, floor=FLOOR, **rest)
    assert judged["verdict"] == USELESS
    assert "map50 0.001 is below teacher_floor.map50 (0.1)" in judged["why"]
    assert "of 100 objects it would find about 6" in judged["why"]
    assert verdict("yolo", {"map50": 0.5}, None, floor=FLOOR, **rest | {"labels": {"recall": 0.6}}) == {}


@pytest.mark.parametrize(("base", "tuned"), [({}, {}), ({"mask_iou": 0.5}, {})])
def test_without_figures_there_is_no_verdict(base, tuned, caplog):
    assert verdict("sam", base, tuned, interval=None, labels={}, score_threshold=0.25, floor=FLOOR) == {}
    assert not caplog.records


def measure_all():
    rules = {"detection": DETECTION, "labelling": LABELLING, "floor": FLOOR, "device": "cpu"}
    return teacher_report(annotations(), IMAGES, TEACHERS, CHOICE, **rules)


def test_the_bar_goes_when_a_teacher_fails(monkeypatch):
    """Not with the traceback, which is shown first."""
    bars, shown = [], []

    def bar(items, description):
        shown.append(description)
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
        measure_all()
    assert failure.traceback
    assert bars == ["gone"]
    assert shown == ["grounding_dino, base"]


def test_sam_is_prompted_with_boxes_alone(monkeypatch):
    prompts = []

    def predictor(**parts):
        return lambda images, given: prompts.extend(given or ()) or [answer(2) for _ in images]

    monkeypatch.setattr(module, "teacher_predictor", predictor)
    measure_all()
    assert len(prompts) == 2 * COUNT
    assert all(prompt.masks is None for prompt in prompts)
    np.testing.assert_array_equal(prompts[0].xyxy, [[2, 2, 12, 12]])
