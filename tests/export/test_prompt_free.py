from torch import nn

from gsam_edge.export.prompt_free import check_module_prompt_free, check_prompt_free
from gsam_edge.export.table import FORMATS


def test_both_exports_are_prompt_free(edge_onnx, edge_int8):
    for model in (edge_onnx, edge_int8):
        check = check_prompt_free(FORMATS["onnx"].inputs(model))
        assert check.prompt_free
        assert check.inputs == ("images",)


def test_the_check_can_fail(prompted_onnx):
    check = check_prompt_free(FORMATS["onnx"].inputs(prompted_onnx))
    assert not check.prompt_free
    assert check.fault == "expected exactly one input, 'images', got ['images', 'prompt']"


def test_a_modules_signature_is_checked(edge_student):
    class Prompted(nn.Module):
        def forward(self, images, boxes=None):
            return images, boxes

    class Open(nn.Module):
        def forward(self, *images_and_more):
            return images_and_more

    assert check_module_prompt_free(edge_student.module).prompt_free
    assert check_module_prompt_free(Prompted()).fault == "expected forward(images), got forward(images, boxes)"
    assert not check_module_prompt_free(Open()).prompt_free
