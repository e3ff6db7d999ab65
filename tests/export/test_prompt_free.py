from dataclasses import replace

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from gsam_edge.export.prompt_free import check_module_prompt_free, check_prompt_free
from gsam_edge.export.table import FORMATS
from gsam_edge.runtime import ArtefactError, Card, Detector

ONNX = FORMATS["onnx"]


def checked(model: bytes, card: Card):
    return check_prompt_free(ONNX.inputs(model), card)


def test_both_exports_are_prompt_free(edge_onnx, edge_int8, card):
    for model in (edge_onnx, edge_int8):
        check = checked(model, card)
        assert check.prompt_free
        assert check.inputs == ("images",)


def test_the_check_can_fail(prompted_onnx, card):
    check = checked(prompted_onnx, card)
    assert not check.prompt_free
    assert check.fault == "expected exactly one input, 'images', got ['images', 'prompt']"


def test_a_prompt_with_a_default_is_a_prompt(prompted_onnx, card):
    """An initializer that is an input too may be fed by whoever runs the file."""
    model = onnx.load_from_string(prompted_onnx)
    model.graph.initializer.append(numpy_helper.from_array(np.zeros((1, 3, 64, 64), np.float32), "prompt"))
    onnx.checker.check_model(model)
    content = model.SerializeToString()
    assert checked(content, card).fault == "expected exactly one input, 'images', got ['images', 'prompt']"
    with pytest.raises(ArtefactError, match=r"expected exactly one input, 'images', got \['images', 'prompt'\]"):
        Detector.open(content, ".onnx", score_threshold=0.5, threads=1)


def with_input(blob_onnx, shape, element=TensorProto.FLOAT):
    """The blob student with another input of the same name, of which it uses the first three channels."""
    model = onnx.load_from_string(blob_onnx)
    model.graph.input[0].CopyFrom(helper.make_tensor_value_info("images", element, shape))
    for node in model.graph.node:
        node.input[:] = ["colours" if name == "images" else name for name in node.input]
    model.graph.initializer.extend(
        numpy_helper.from_array(np.array([n], np.int64), name) for name, n in (("from", 0), ("to", 3), ("axis", 1))
    )
    model.graph.node.insert(0, helper.make_node("Slice", ["floats", "from", "to", "axis"], ["colours"]))
    model.graph.node.insert(0, helper.make_node("Cast", ["images"], ["floats"], to=TensorProto.FLOAT))
    return model.SerializeToString()


@pytest.mark.parametrize(
    ("shape", "element", "got"),
    [
        ([1, 6, 64, 64], TensorProto.FLOAT, r"float32 \[1, 6, 64, 64\]"),
        ([1, 3, 64, 64], TensorProto.UINT8, r"uint8 \[1, 3, 64, 64\]"),
        ([1, "channels", 64, 64], TensorProto.FLOAT, r"float32 \[1, any, 64, 64\]"),
        ([1, 3, "height", "width"], TensorProto.FLOAT, r"float32 \[1, 3, any, any\]"),
        ([4, 3, 64, 64], TensorProto.FLOAT, r"float32 \[4, 3, 64, 64\]"),
    ],
    ids=["a prompt in three more channels", "bytes", "free channels", "a free size", "four at once"],
)
def test_images_are_one_rgb_canvas_of_the_cards_size(blob_onnx, card, shape, element, got):
    content = with_input(blob_onnx, shape, element)
    message = rf"input 'images': expected float32 \[1 or any, 3, 64, 64\] by the card, got {got}"
    with pytest.raises(ArtefactError, match=message):
        Detector.open(content, ".onnx", score_threshold=0.5, threads=1)
    assert checked(content, card).fault


def test_the_number_of_images_may_be_left_open(blob_onnx, card):
    assert checked(with_input(blob_onnx, ["batch", 3, 64, 64]), card).prompt_free


def test_the_size_is_the_cards(edge_onnx, card):
    assert "expected float32 [1 or any, 3, 96, 96]" in checked(edge_onnx, replace(card, image_size=96)).fault


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
