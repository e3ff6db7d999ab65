from pathlib import Path

import pytest
import torch
from pydantic import ValidationError

from gsam_edge.students.pretrain import first_layers, pretrain_student
from gsam_edge.students.pretrain_config import PretrainStudentConfig
from gsam_edge.students.weights import StudentWeights
from gsam_edge.synthetic.shapes import MARKS, SHAPES
from support.runs import a_run
from support.tiny import SMALL_WORLD

ROOT = Path(__file__).parents[2]


def test_the_start_is_a_small_file_that_a_student_can_begin_with(student_config, training_config):
    training = training_config.model_copy(update={"steps": 1})
    config = PretrainStudentConfig(images=4, held_out=2, student=student_config, training=training, keep_layers=10)
    logged: list[str] = []
    trained = pretrain_student(
        config,
        SMALL_WORLD,
        run=a_run(log=lambda name, value, step: logged.append(name)),
    )
    content = trained.weights.to_bytes()
    assert len(content) < 3e6
    assert StudentWeights.from_bytes(content).class_names == (*SHAPES, *MARKS)
    assert {t.dtype for t in trained.weights.tensors.values()} == {torch.float16, torch.int64}
    assert "student/val_box_map50" in logged
    assert trained.history[0]["train_seg_loss"] > 0


def test_a_start_holds_its_first_layers_alone_as_they_were_trained(student_config):
    """Neck and heads would bring along what the pretraining's world showed; layer 10 is not taken for layer 1."""
    tensors = {f"model.{layer}.conv.weight": torch.full((2,), float(layer)) for layer in range(23)}
    whole = StudentWeights("yolov8-seg", "n", ("ring",), 64, student_config.edge, tensors)
    start = first_layers(whole, 2)
    assert list(start.tensors) == ["model.0.conv.weight", "model.1.conv.weight"]
    assert start.tensors["model.1.conv.weight"].tolist() == [1.0, 1.0]
    assert StudentWeights.from_bytes(start.to_bytes()).tensors.keys() == start.tensors.keys()


def test_the_shipped_start_is_the_backbone_of_yolov8():
    shipped = StudentWeights.from_bytes((ROOT / "data/06_models/base/student/student.safetensors").read_bytes())
    assert {int(name.split(".")[1]) for name in shipped.tensors} == set(range(10))


def test_another_architecture_is_refused(student_config, training_config):
    student = student_config.model_copy(update={"architecture": "yolov8"})
    with pytest.raises(ValidationError, match="expected architecture auto or yolov8-seg"):
        PretrainStudentConfig(images=4, held_out=2, student=student, training=training_config, keep_layers=10)
