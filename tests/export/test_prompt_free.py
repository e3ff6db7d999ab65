import onnx
import pytest
from onnx import TensorProto, helper
from torch import nn

from gsam_edge.export.parity import Parity
from gsam_edge.export.prompt_free import PromptError, check_module_prompt_free, check_prompt_free
from gsam_edge.export.report import ArtefactEvidence, optimization_report


def with_prompt(content):
    """The same student, but it also asks for a prompt that it adds to the picture."""
    model = onnx.load_from_string(content)
    shape = [1, 3, 64, 64]
    model.graph.input.append(helper.make_tensor_value_info("prompt", TensorProto.FLOAT, shape))
    for node in model.graph.node:
        node.input[:] = ["prompted" if name == "images" else name for name in node.input]
    model.graph.node.insert(0, helper.make_node("Add", ["images", "prompt"], ["prompted"]))
    onnx.checker.check_model(model)
    return model.SerializeToString()


def test_both_exports_are_prompt_free(edge_onnx, edge_int8):
    for model in (edge_onnx, edge_int8):
        check = check_prompt_free(model)
        assert check.prompt_free
        assert check.inputs == ("images",)
        check.require("student_onnx")


def test_the_check_can_fail(blob_onnx):
    check = check_prompt_free(with_prompt(blob_onnx))
    assert not check.prompt_free
    with pytest.raises(PromptError, match=r"student_onnx is not prompt-free: .*'images', got \['images', 'prompt'\]"):
        check.require("student_onnx")


def test_an_output_under_another_name_fails(blob_onnx):
    model = onnx.load_from_string(blob_onnx)
    model.graph.output[1].name = "confidences"
    assert "expected the outputs" in check_prompt_free(model.SerializeToString()).fault


def test_a_modules_signature_is_checked(edge_student):
    class Prompted(nn.Module):
        def forward(self, images, boxes=None):
            return images, boxes

    class Open(nn.Module):
        def forward(self, *images_and_more):
            return images_and_more

    assert check_module_prompt_free(edge_student).prompt_free
    assert check_module_prompt_free(Prompted()).fault == "expected forward(images), got forward(images, boxes)"
    assert not check_module_prompt_free(Open()).prompt_free


@pytest.mark.parametrize(
    ("matched", "close", "exact", "verdict"),
    [
        (9, True, True, "accepted"),
        (9, False, True, "rejected: does not answer like PyTorch"),
        (9, False, False, "to be measured"),
        (0, True, True, "unproven"),
    ],
)
def test_the_report_has_the_keys_that_others_rely_on(matched, close, exact, verdict, blob_onnx):
    found = Parity(4, matched, 0, 1.0, 0.01, 0.001, None, within_tolerance=close)
    check = check_prompt_free(blob_onnx)
    evidence = ArtefactEvidence("student_onnx", len(blob_onnx), check, found, exact=exact)
    (row,) = optimization_report([evidence])
    assert set(row) == {"artefact", "size_mb", "prompt_free", "parity", "verdict"}
    assert row["size_mb"] == pytest.approx(len(blob_onnx) / 1e6)
    assert row["prompt_free"] is True
    assert row["verdict"].startswith(verdict)
    assert "mask_difference" not in row["parity"]


def test_the_report_rejects_what_needs_a_prompt(blob_onnx):
    check = check_prompt_free(with_prompt(blob_onnx))
    found = Parity(4, 9, 0, 1.0, 0.01, 0.001, None, within_tolerance=True)
    (row,) = optimization_report([ArtefactEvidence("student_onnx", 1, check, found, exact=True)])
    assert row["prompt_free"] is False
    assert row["verdict"].startswith("rejected: expected exactly one input")
