"""What TensorRT asks of a quantised file: ours keeps the rules, and each broken one is named."""

import re

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from gsam_edge.export.format import NotBuilt
from gsam_edge.export.formats import onnx_tensorrt
from gsam_edge.export.formats.onnx import read_card
from gsam_edge.export.formats.onnx_tensorrt import OnnxTensorrt
from gsam_edge.export.quantization.static import CalibrationConfig
from gsam_edge.export.quantization.tensorrt_rules import tensorrt_faults
from gsam_edge.runtime.engines.table import open_engine


@pytest.fixture(scope="module")
def config():
    return CalibrationConfig(calibration_images=3, method="minmax", percentile=99.99)


@pytest.fixture(scope="module")
def content(blob_onnx, data, config):
    return OnnxTensorrt().build(blob_onnx, data, config)


def graph_of(content):
    model = onnx.load_from_string(content)
    makers = {name: node for node in model.graph.node for name in node.output}
    constants = {weight.name: weight for weight in model.graph.initializer}
    return model, makers, constants


def test_our_file_keeps_every_rule_and_quantises_every_convolution(edge_onnx, data, config):
    content = OnnxTensorrt().build(edge_onnx, data, config)
    assert tensorrt_faults(content) == ()
    model, makers, constants = graph_of(content)
    convolutions = [node for node in model.graph.node if node.op_type in {"Conv", "ConvTranspose"}]
    assert len(convolutions) > 60
    for node in convolutions:
        for position in (0, 1):
            assert makers[node.input[position]].op_type == "DequantizeLinear"
        assert constants[node.input[2]].data_type == TensorProto.FLOAT
    pairs = [node for node in model.graph.node if node.op_type == "QuantizeLinear"]
    assert len(pairs) == 2 * len(convolutions)


def test_it_runs_and_says_in_its_card_what_was_checked(blob_onnx, content, canvases):
    exact, rounded = (open_engine(each, ".onnx", threads=1) for each in (blob_onnx, content))
    for canvas in canvases[:2]:
        expected, found = exact.run(canvas), rounded.run(canvas)
        np.testing.assert_allclose(found["scores"], expected["scores"], atol=0.05)
    assert "keeps TensorRT's rules" in read_card(content).notes[0]


def test_a_file_that_breaks_a_rule_is_not_built(blob_onnx, data, config, monkeypatch):
    monkeypatch.setattr(onnx_tensorrt, "tensorrt_faults", lambda content: ("a zero point",))
    assert OnnxTensorrt().build(blob_onnx, data, config) == NotBuilt("TensorRT would not take it: a zero point")


def test_the_file_for_cpus_breaks_rules(edge_int8):
    faults = "; ".join(tensorrt_faults(edge_int8))
    for rule in ("int8 constant, got uint8", "expected one convolution behind it", "bias that is a float constant"):
        assert rule in faults


def broken(content, change):
    """Returns the faults of the file after a change to one convolution and the nodes before it."""
    model, makers, constants = graph_of(content)
    convolution = [node for node in model.graph.node if node.op_type == "Conv"][1]
    activation, weights = (makers[convolution.input[position]] for position in (0, 1))
    change(model, convolution, activation, weights, constants, makers)
    return tensorrt_faults(model.SerializeToString())


def replaced(constants, name, values):
    constants[name].CopyFrom(numpy_helper.from_array(np.asarray(values), name))


def zero_point_not_zero(model, convolution, activation, weights, constants, makers):
    replaced(constants, activation.input[2], np.int8(3))


def unsigned(model, convolution, activation, weights, constants, makers):
    replaced(constants, activation.input[2], np.uint8(0))


def no_zero_point(model, convolution, activation, weights, constants, makers):
    del makers[activation.input[0]].input[2:]


def scale_below_zero(model, convolution, activation, weights, constants, makers):
    replaced(constants, activation.input[1], np.float32(-1))


def computed_scale(model, convolution, activation, weights, constants, makers):
    activation.input[1] = convolution.output[0]


def scale_per_channel_of_the_activation(model, convolution, activation, weights, constants, makers):
    replaced(constants, activation.input[1], np.ones(8, np.float32))


def wrong_axis(model, convolution, activation, weights, constants, makers):
    next(attribute for attribute in weights.attribute if attribute.name == "axis").i = 1


def activation_alone(model, convolution, activation, weights, constants, makers):
    convolution.input[1] = makers[weights.input[0]].input[0]


def weights_alone(model, convolution, activation, weights, constants, makers):
    convolution.input[0] = makers[activation.input[0]].input[0]


def integer_bias(model, convolution, activation, weights, constants, makers):
    replaced(constants, convolution.input[2], np.zeros(2, np.int32))


def shared_pair(model, convolution, activation, weights, constants, makers):
    model.graph.node.append(helper.make_node("Relu", [activation.output[0]], ["second reader"]))


def integers_between(model, convolution, activation, weights, constants, makers):
    scale, zero = activation.input[1:3]
    model.graph.node.append(helper.make_node("QuantizeLinear", [convolution.output[0], scale, zero], ["q"], name="q"))
    model.graph.node.append(helper.make_node("DequantizeLinear", ["q", scale, zero], ["dq"], name="dq"))
    model.graph.node.append(helper.make_node("Sigmoid", ["dq"], ["gate"], name="sigmoid"))


def stored_integers(model, convolution, activation, weights, constants, makers):
    stored = numpy_helper.from_array(np.zeros((2, 8, 1, 1), np.int8), "stored")
    model.graph.initializer.append(stored)
    weights.input[0] = "stored"


def foreign_set(model, convolution, activation, weights, constants, makers):
    model.opset_import.append(helper.make_opsetid("com.microsoft", 1))


def old_set(model, convolution, activation, weights, constants, makers):
    model.opset_import[0].version = 11


def too_many_picked(model, convolution, activation, weights, constants, makers):
    top_k = next(node for node in model.graph.node if node.op_type == "TopK")
    replaced(constants, top_k.input[1], np.array([4000], np.int64))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (zero_point_not_zero, r"zero points of 0 \(symmetric ranges\), got int8 \[3\]"),
        (unsigned, "a zero point that is an int8 constant, got uint8 0"),
        (no_zero_point, "an int8 zero point of 0, got none, which means uint8"),
        (scale_below_zero, "a scale that is a positive float32 constant, got float32 -1"),
        (computed_scale, "a scale that is a positive float32 constant, got no constant"),
        (scale_per_channel_of_the_activation, "expected one scale for its activation, got several"),
        (wrong_axis, "weight scales along axis 0, that of its output channels, got axis 1"),
        (activation_alone, "quantised, or neither, got its activation alone"),
        (weights_alone, "quantised, or neither, got its weights alone"),
        (integer_bias, "a bias that is a float constant, got int32"),
        (shared_pair, r"expected one convolution behind it, got \['Conv', 'Relu'\]"),
        (integers_between, r"dq: expected one convolution behind it, got \['Sigmoid'\]"),
        (stored_integers, "expected a QuantizeLinear before it, got stored"),
        (foreign_set, r"the default operator set alone, got also \['com.microsoft'\]"),
        (old_set, "expected opset 13 or later, .*, got 11"),
        (too_many_picked, r"a constant of at most 3840 to be picked, got int64 \[4000\]"),
    ],
)
def test_each_broken_rule_is_named(content, change, message):
    faults = broken(content, change)
    assert any(re.search(message, fault) for fault in faults), faults
