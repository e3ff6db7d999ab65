"""Nothing is measured on images that may have taught it, nor an export beside a student that it was not made from."""

from dataclasses import replace
from functools import partial

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper

from gsam_edge.coco import Annotations, InvalidDatasetError
from gsam_edge.coco.predictions import Predictions, PredictorInfo
from gsam_edge.coco.provenance import with_split_digest
from gsam_edge.evaluate import artefacts as measurement
from gsam_edge.evaluate.artefacts import evaluate_exported, evaluate_student, evaluate_teacher
from gsam_edge.evaluate.config import EvaluationConfig
from gsam_edge.evaluate.split_images import TrueBoxes
from gsam_edge.export.format import NotBuilt
from gsam_edge.export.table import FORMATS
from gsam_edge.metrics.accuracy import Draws
from gsam_edge.metrics.measured import Measurement
from gsam_edge.pipelines.evaluation.nodes import compare
from gsam_edge.students import EdgeConfig
from gsam_edge.students.weights import StudentWeights
from gsam_edge.teachers.compose import Teacher
from gsam_edge.teachers.config import DetectionConfig

WHOLE = Annotations(
    tuple({"id": n, "file_name": f"{n}.png", "width": 8, "height": 8} for n in range(4)),
    (),
    ({"id": 1, "name": "bag"},),
)
PARTS = with_split_digest({"train": WHOLE.subset([0, 1, 2]), "test": WHOLE.subset([3])})
ANEW = with_split_digest({"train": WHOLE.subset([1, 2, 3]), "test": WHOLE.subset([0])})
EDGE = EdgeConfig(max_detections=1, candidates=1, iou_threshold=0.5, nms_iterations=1, score_floor=0.1)
WEIGHTS = StudentWeights("yolov8", "n", ("bag",), 32, EDGE, {"w": torch.ones(1)}, split=PARTS["train"].split_digest)
ONNX = FORMATS["onnx"]
DETECTION = DetectionConfig(score_threshold=0.5, nms_iou=0.7, candidates=9, max_detections=9, batch_size=1)
CONFIG = EvaluationConfig(
    warmup_calls=0, timed_calls=1, timed_seconds=9, least_timed_calls=1, threads=1,
    timeout_s=60, score_threshold=0.1, timed_score_threshold=0.2,
    match_box_iou=0.5, image_score_threshold=0.3, image_rows=1, image_width=32,
)  # fmt: skip
DRAWS = Draws.of(PARTS["test"])
JUDGED = DRAWS, {"classes": {"bag": {"threshold": 0.5}}}


def exported(weights, **changes):
    """A file that carries the card of these weights, and nothing that could be run."""
    tensors = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in ("images", "boxes")]
    graph = helper.make_graph([helper.make_node("Identity", ["images"], ["boxes"])], "g", tensors[:1], tensors[1:])
    model = helper.make_model(graph)
    onnx.helper.set_model_props(model, replace(weights.card, **changes).to_properties())
    return model.SerializeToString()


def test_a_student_is_not_measured_on_what_may_have_taught_it():
    with pytest.raises(
        InvalidDatasetError, match=r"student_weights: expected one made from the present splits.*distillation$"
    ):
        evaluate_student(WEIGHTS, ANEW["test"], {}, CONFIG, "cpu", *JUDGED)
    renamed = replace(PARTS["test"], categories=({"id": 1, "name": "dog"},))
    with pytest.raises(
        InvalidDatasetError, match=r"student_weights: expected the classes of the data, \['dog'\], got \['bag'\]"
    ):
        evaluate_student(WEIGHTS, renamed, {}, CONFIG, "cpu", *JUDGED)


def test_neither_is_its_export():
    with pytest.raises(
        InvalidDatasetError, match=r"student_onnx: expected one made from the present splits.*optimization"
    ):
        evaluate_exported("student_onnx", ONNX, exported(WEIGHTS), WEIGHTS, ANEW["test"], {}, CONFIG, DRAWS)


def test_an_export_of_other_weights_is_refused():
    retrained = replace(WEIGHTS, tensors={"w": torch.zeros(1)})
    with pytest.raises(
        InvalidDatasetError, match=r"student_onnx: expected an export of the present student_weights .*optimization"
    ):
        evaluate_exported("student_onnx", ONNX, exported(WEIGHTS), retrained, PARTS["test"], {}, CONFIG, DRAWS)


def test_weights_remember_their_split_in_a_file():
    assert StudentWeights.from_bytes(WEIGHTS.to_bytes()).split == WEIGHTS.split
    assert StudentWeights.from_bytes(replace(WEIGHTS, split=None).to_bytes()).split is None


def test_what_was_not_built_is_no_row_of_the_comparison():
    absent = NotBuilt("no such package")
    row, predictions = evaluate_exported("student_x", ONNX, absent, WEIGHTS, PARTS["test"], {}, CONFIG, DRAWS)
    assert row == {"artefact": "student_x", "status": "not built", "why": "no such package"}
    assert not predictions.objects
    measured = {"artefact": "student", "runtime": "torch", "device": "cpu", "box_map50": 0.5, "size_mb": 1.0}
    times = {"student": {"latency_ms_median": 10.0, "latency_ms_p95": 11.0}}
    rows, frame, _ = compare(times, {"differences": {}}, student=measured, student_onnx=row)
    assert rows == [measured | times["student"] | {"fps": 100.0}]
    assert frame["artefact"].tolist() == ["student"]


def labelled(*, masks=False):
    """The test split with one bag on its image, by a mask alone where `masks`."""
    square = [[1.0, 1.0, 5.0, 1.0, 5.0, 5.0, 1.0, 5.0]]
    box = {"bbox": [1, 1, 4, 4]} | ({"bbox_source": "segmentation", "segmentation": square} if masks else {})
    return replace(PARTS["test"], objects=({"id": 1, "image_id": 3, "category_id": 1, "area": 16} | box,))


def found_by(teacher):
    """All that is on the test split, found by a teacher."""
    objects = {3: labelled(masks=True).packed_truth(3)}
    return Predictions(objects, ("bag",), teacher.description, PARTS["test"].split_digest)


def test_accuracy_and_clock_see_the_teacher_down_to_scores_of_their_own(monkeypatch):
    seen = []

    def answer(predictions, factory, images, **options):
        factory()
        return Measurement(predictions, 1.0, 2.0, 3.0, 1, 1)

    monkeypatch.setattr(measurement, "measure", answer)
    built = partial(lambda class_names, detection: seen.append(detection.score_threshold), ("bag",))
    finder = Teacher(built, PredictorInfo("Grounding DINO", "", prompted_with_boxes=False), 1, DETECTION)
    row, _ = evaluate_teacher(finder, found_by(finder), labelled(), {}, CONFIG, "cpu", DRAWS)
    assert seen == [CONFIG.timed_score_threshold]
    assert row["score_threshold"] == DETECTION.score_threshold


def test_what_another_teacher_found_is_not_taken_for_its_own():
    finder = Teacher(partial(print), PredictorInfo("Grounding DINO", "d1", prompted_with_boxes=False), 1, DETECTION)
    found = found_by(finder)
    other = replace(found, predictor=replace(found.predictor, digest="d2"))
    expected = r"expected what the present teachers find \(d1...\), got what others.*\(d2...\); run the pipeline dist"
    with pytest.raises(InvalidDatasetError, match=expected):
        evaluate_teacher(finder, other, labelled(), {}, CONFIG, "cpu", DRAWS)
    with pytest.raises(InvalidDatasetError, match="teacher_labels_test: expected one made from the present splits"):
        evaluate_teacher(finder, replace(found, split="s"), labelled(), {}, CONFIG, "cpu", DRAWS)


@pytest.fixture
def perfect(monkeypatch):
    """Whatever is measured answers as the truth says, without a process of its own."""

    def answer(predictions, factory, images, *, prompts=None, calls, threads, timeout_s):
        return Measurement(predictions, 1.0, 2.0, 3.0, calls.most, threads)

    monkeypatch.setattr(measurement, "measure", answer)
    monkeypatch.setattr(measurement, "predict_all", lambda *_, **options: [labelled(masks=True).packed_truth(3)])


def test_a_split_without_objects_ends_before_anything_is_measured():
    """The images are absent: nobody came to ask for them."""
    for measured in (
        lambda: evaluate_student(WEIGHTS, PARTS["test"], {}, CONFIG, "cpu", *JUDGED),
        lambda: evaluate_exported("student_onnx", ONNX, exported(WEIGHTS), WEIGHTS, PARTS["test"], {}, CONFIG, DRAWS),
    ):
        with pytest.raises(InvalidDatasetError, match="test split: expected at least one object in 1 images, got none"):
            measured()


def test_rows_say_on_what_and_from_which_score_they_were_measured(perfect):
    student, _ = evaluate_student(WEIGHTS, labelled(), {}, CONFIG, "cpu", *JUDGED)
    exact, _ = evaluate_exported("student_onnx", ONNX, exported(WEIGHTS), WEIGHTS, labelled(), {}, CONFIG, DRAWS)
    finder = Teacher(partial(print), PredictorInfo("Grounding DINO", "d1", prompted_with_boxes=False), 1, DETECTION)
    teacher, _ = evaluate_teacher(finder, found_by(finder), labelled(), {}, CONFIG, "cpu", DRAWS)
    assert teacher["digest"] == "d1"  # of bases, adapters and settings: measured again, it is known again
    assert [row["score_threshold"] for row in (student, exact, teacher)] == [0.1, 0.1, 0.5]
    for row in (student, exact, teacher):
        assert (row["device"], row["images"], row["objects"]) == ("cpu", 1, 1)
        assert (row["at_threshold"]["found"], row["at_threshold"]["false_alarms"]) == (1, 0)
        assert row["intervals"] == {}  # of one image
    assert [row["at_threshold"]["threshold"] for row in (student, exact, teacher)] == ["recommended", 0.2, 0.2]


def test_an_export_is_judged_at_the_thresholds_of_its_card(perfect):
    strict = exported(WEIGHTS, recommended_thresholds=(1.0,))
    row, _ = evaluate_exported("student_onnx", ONNX, strict, WEIGHTS, labelled(), {}, CONFIG, DRAWS)
    assert row["at_threshold"]["threshold"] == "recommended"


def test_stages_and_energy_stand_in_the_row_where_they_are_known(monkeypatch):
    stages = {"decode": 1.0, "inference": 2.0}

    def answer(predictions, factory, images, **options):
        return Measurement(predictions, 1.0, 2.0, 3.0, 1, 1, stages_ms=stages, energy_mj=energy)

    monkeypatch.setattr(measurement, "measure", answer)
    monkeypatch.setattr(measurement, "predict_all", lambda *_, **options: [labelled().packed_truth(3)])
    for energy in (None, 12.5):
        row, _ = evaluate_student(WEIGHTS, labelled(), {}, CONFIG, "cpu", *JUDGED)
        assert row["stages_ms"] == stages
        assert row.get("energy_mj") == energy


def test_a_teacher_that_is_given_the_boxes_has_no_cut_off(perfect):
    painter = Teacher(partial(print), PredictorInfo("SAM", "", prompted_with_boxes=True), 1, DETECTION)
    row, _ = evaluate_teacher(painter, found_by(painter), labelled(masks=True), {}, CONFIG, "cpu", DRAWS)
    assert "score_threshold" not in row
    assert "at_threshold" not in row
    assert row["runtime"].endswith(", true boxes given")
    assert (row["mask_iou_compared"], row["mask_iou_objects"]) == (1, 1)


def test_true_boxes_are_given_without_masks_and_read_when_asked_for(monkeypatch, decoded):
    square = {"iscrowd": 0, "bbox": [1, 2, 4, 3], "segmentation": [[1, 2, 5, 2, 5, 5, 1, 5]]}
    objects = tuple({"id": n + 1, "image_id": n, "category_id": 1, "area": 12, **square} for n in (0, 2))
    split = replace(WHOLE, objects=objects)
    read = []
    truth = Annotations.truth
    monkeypatch.setattr(
        Annotations, "truth", lambda self, number, **how: read.append(number) or truth(self, number, **how)
    )
    prompts = TrueBoxes(split)
    assert (len(prompts), read) == (4, [])
    third = prompts[2]
    assert read == [2]
    assert third.masks is None
    assert decoded == []
    np.testing.assert_array_equal(third.xyxy, [[1, 2, 5, 5]])
    assert [len(prompt) for prompt in prompts] == [1, 0, 1, 0]
    assert len(prompts[1:3]) == 2
