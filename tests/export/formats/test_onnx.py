import numpy as np
import onnx
import pytest
import torch
from pydantic import ValidationError
from torch import nn

from gsam_edge.export.format import StudentModule
from gsam_edge.export.formats.onnx import OnnxConfig, to_onnx
from gsam_edge.export.parity import torch_outputs
from gsam_edge.runtime.engines.table import open_engine


@pytest.mark.parametrize("name", ["blob_onnx", "edge_onnx"])
def test_the_file_has_the_names_and_the_card(name, card, request):
    model = request.getfixturevalue(name)
    graph = onnx.load_from_string(model).graph
    assert [value.name for value in graph.input] == ["images"]
    assert [value.name for value in graph.output] == ["output0", "boxes", "scores", "class_ids", "masks"]
    assert open_engine(model, ".onnx", threads=1).card == card


def test_the_file_answers_as_pytorch_does(blob_onnx, blob_student, canvases):
    engine = open_engine(blob_onnx, ".onnx", threads=1)
    for canvas in canvases:
        expected = torch_outputs(blob_student, canvas)
        for name, array in engine.run(canvas).items():
            np.testing.assert_allclose(array, expected[name], atol=1e-5)


def test_a_student_without_masks_has_no_mask_output(blob_student, card):
    class Boxes(nn.Module):
        def __init__(self):
            super().__init__()
            self.student = blob_student.module

        def forward(self, images):
            return self.student(images)[:3]

    model = to_onnx(StudentModule(Boxes(), card), OnnxConfig(opset=17))
    outputs = [value.name for value in onnx.load_from_string(model).graph.output]
    assert outputs == ["output0", "boxes", "scores", "class_ids"]


@pytest.mark.parametrize(("answer", "arrived"), [(torch.zeros(1), "Tensor"), ((torch.zeros(1),) * 2, "2 outputs")])
def test_another_answer_is_refused(answer, arrived, card):
    class Other(nn.Module):
        def forward(self, images):
            return answer

    with pytest.raises(ValueError, match=f"expected a module that gives the tuple .* got {arrived}"):
        to_onnx(StudentModule(Other(), card), OnnxConfig(opset=17))


def test_the_operator_set_has_bounds():
    with pytest.raises(ValidationError, match="greater than or equal to 13"):
        OnnxConfig(opset=11)
