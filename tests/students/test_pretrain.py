import pytest
import torch
from pydantic import ValidationError

from gsam_edge.students.pretrain import pretrain_student
from gsam_edge.students.pretrain_config import PretrainStudentConfig
from gsam_edge.students.weights import StudentWeights
from gsam_edge.synthetic.shapes import MARKS, SHAPES
from support.runs import a_run
from support.tiny import SMALL_WORLD


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


def test_another_architecture_is_refused(student_config, training_config):
    student = student_config.model_copy(update={"architecture": "yolov8"})
    with pytest.raises(ValidationError, match="expected architecture auto or yolov8-seg"):
        PretrainStudentConfig(images=4, held_out=2, student=student, training=training_config)
