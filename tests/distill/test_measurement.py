"""Nothing is measured on images that may have taught it, nor an export beside a student that it was not made from."""

from dataclasses import replace

import onnx
import pytest
import torch
from onnx import TensorProto, helper

from gsam_edge.coco import Annotations, DatasetError
from gsam_edge.coco.provenance import with_split_digest
from gsam_edge.distill.measurement import measure_onnx, measure_student
from gsam_edge.evaluate.config import EvaluationConfig
from gsam_edge.students import EdgeConfig
from gsam_edge.students.weights import StudentWeights

WHOLE = Annotations(
    tuple({"id": n, "file_name": f"{n}.png", "width": 8, "height": 8} for n in range(4)),
    (),
    ({"id": 1, "name": "bag"},),
)
PARTS = with_split_digest({"train": WHOLE.subset([0, 1, 2]), "test": WHOLE.subset([3])})
ANEW = with_split_digest({"train": WHOLE.subset([1, 2, 3]), "test": WHOLE.subset([0])})
EDGE = EdgeConfig(max_detections=1, candidates=1, iou_threshold=0.5, nms_iterations=1, score_floor=0.1)
WEIGHTS = StudentWeights("yolov8", "n", ("bag",), 32, EDGE, {"w": torch.ones(1)}, split=PARTS["train"].split_digest)
CONFIG = EvaluationConfig(
    warmup_calls=0, min_timed_calls=1, threads=1, score_threshold=0.1, match_box_iou=0.5, picture_score_threshold=0.3,
    picture_rows=1, picture_width=32,
)  # fmt: skip


def exported(weights):
    """A file that carries the card of these weights, and nothing that could be run."""
    tensors = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in ("images", "boxes")]
    graph = helper.make_graph([helper.make_node("Identity", ["images"], ["boxes"])], "g", tensors[:1], tensors[1:])
    model = helper.make_model(graph)
    onnx.helper.set_model_props(model, weights.card.to_properties())
    return model.SerializeToString()


def test_a_student_is_not_measured_on_what_may_have_taught_it():
    with pytest.raises(
        DatasetError, match=r"student_weights: expected one made from the present splits.*distillation$"
    ):
        measure_student(WEIGHTS, ANEW["test"], {}, CONFIG, "cpu")
    renamed = replace(PARTS["test"], categories=({"id": 1, "name": "dog"},))
    with pytest.raises(
        DatasetError, match=r"student_weights: expected the classes of the data, \['dog'\], got \['bag'\]"
    ):
        measure_student(WEIGHTS, renamed, {}, CONFIG, "cpu")


def test_neither_is_its_export():
    with pytest.raises(DatasetError, match=r"student_onnx: expected one made from the present splits.*optimization"):
        measure_onnx("student_onnx", exported(WEIGHTS), WEIGHTS, ANEW["test"], {}, CONFIG)


def test_an_export_of_other_weights_is_refused():
    retrained = replace(WEIGHTS, tensors={"w": torch.zeros(1)})
    with pytest.raises(
        DatasetError, match=r"student_onnx: expected an export of the present student_weights .*optimization"
    ):
        measure_onnx("student_onnx", exported(WEIGHTS), retrained, PARTS["test"], {}, CONFIG)


def test_weights_remember_their_split_in_a_file():
    assert StudentWeights.from_bytes(WEIGHTS.to_bytes()).split == WEIGHTS.split
    assert StudentWeights.from_bytes(replace(WEIGHTS, split=None).to_bytes()).split is None
