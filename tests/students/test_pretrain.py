from pathlib import Path

import pytest
import torch
from pydantic import ValidationError

from gsam_edge.students.pretrain import pretrain_student
from gsam_edge.students.pretrain_config import PretrainStudentConfig
from gsam_edge.students.ultralytics.network import new_network
from gsam_edge.students.weights import StudentWeights
from gsam_edge.synthetic.shapes import MARKS, SHAPES
from support.runs import a_run
from support.tiny import SMALL_WORLD

ROOT = Path(__file__).parents[2]


def test_the_start_is_a_small_file_that_a_student_can_begin_with(student_config, training_config):
    training = training_config.model_copy(update={"steps": 1})
    config = PretrainStudentConfig(images=4, held_out=2, student=student_config, training=training)
    logged: list[str] = []
    trained = pretrain_student(
        config,
        SMALL_WORLD,
        run=a_run(log=lambda name, value, step: logged.append(name)),
    )
    content = trained.weights.to_bytes()
    assert len(content) < 7e6
    assert StudentWeights.from_bytes(content).class_names == (*SHAPES, *MARKS)
    assert {t.dtype for t in trained.weights.tensors.values()} == {torch.float16, torch.int64}
    assert "student/val_box_map50" in logged
    assert trained.history[0]["train_seg_loss"] > 0


def test_the_shipped_start_holds_every_layer_of_yolov8_seg():
    """As pretrained weights that users have do: neck and heads, too, all but the layer of the classes fits."""
    shipped = StudentWeights.from_bytes((ROOT / "data/06_models/base/student/student.safetensors").read_bytes())
    network = new_network("yolov8-seg", "n", len(shipped.class_names))
    assert shipped.tensors.keys() == network.state_dict().keys()


def test_another_architecture_is_refused(student_config, training_config):
    student = student_config.model_copy(update={"architecture": "yolov8"})
    with pytest.raises(ValidationError, match="expected architecture auto or yolov8-seg"):
        PretrainStudentConfig(images=4, held_out=2, student=student, training=training_config)
