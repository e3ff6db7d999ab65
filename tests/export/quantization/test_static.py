import tempfile

import numpy as np
import onnx
import pytest
from onnx import TensorProto, numpy_helper

from gsam_edge.export.body import convolutional_body
from gsam_edge.export.formats.onnx import read_card
from gsam_edge.export.quantization.static import prepared, quantize_static, with_notes
from gsam_edge.runtime.engines.table import open_engine


def nodes_by_output(model):
    graph = onnx.load_from_string(model).graph
    return graph, {name: node for node in graph.node for name in node.output}


@pytest.mark.parametrize("method", ["minmax", "entropy", "percentile"])
def test_the_answers_stay(method, blob_onnx, canvases, int8_config, capsys):
    quantised = quantize_static(blob_onnx, canvases, int8_config.model_copy(update={"method": method}))
    exact = open_engine(blob_onnx, ".onnx", threads=1)
    rounded = open_engine(quantised, ".onnx", threads=1)
    assert rounded.card == exact.card
    for canvas in canvases:
        expected, found = exact.run(canvas), rounded.run(canvas)
        order, other = (np.lexsort(answer["boxes"][0, :2].T) for answer in (expected, found))
        np.testing.assert_array_equal(found["boxes"][0, other], expected["boxes"][0, order])
        np.testing.assert_allclose(found["scores"][0, other], expected["scores"][0, order], atol=0.05)
        np.testing.assert_array_equal(found["class_ids"][0, other], expected["class_ids"][0, order])
    assert capsys.readouterr().out == ""


def test_convolutions_become_int8_and_nothing_behind_them(edge_onnx, edge_int8):
    graph, makers = nodes_by_output(edge_int8)
    weights = {weight.name: weight.data_type for weight in graph.initializer}
    convolutions = [node for node in graph.node if node.op_type == "Conv"]
    assert len(convolutions) == sum(node.op_type == "Conv" for node in onnx.load_from_string(edge_onnx).graph.node)
    for node in convolutions:
        dequantised = makers[node.input[1]]
        assert dequantised.op_type == "DequantizeLinear"
        assert weights[dequantised.input[0]] == TensorProto.INT8
        scale = next(weight for weight in graph.initializer if weight.name == dequantised.input[1])
        assert numpy_helper.to_array(scale).ndim == 1  # one per channel

    begin = [node for node in graph.node if node.op_type in {"Reshape", "Softmax", "TopK"}]
    # the reshapes of a pixel shuffle are part of the network
    decoded = {name for node in begin if "/shuffle/" not in node.name for name in node.output}
    for node in graph.node:  # in topological order
        if decoded.intersection(node.input):
            assert node.op_type != "QuantizeLinear"
            decoded.update(node.output)
    assert {"boxes", "scores", "class_ids", "masks"} <= decoded


def test_the_file_shrinks(edge_onnx, edge_int8):
    assert len(edge_int8) < 0.4 * len(edge_onnx)


def test_same_input_same_bytes_and_nothing_left_behind(blob_onnx, canvases, int8_config, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    once, twice = (quantize_static(blob_onnx, canvases, int8_config) for _ in range(2))
    assert once == twice
    assert list(tmp_path.iterdir()) == []


def test_no_calibration_images_is_an_error(blob_onnx, int8_config):
    with pytest.raises(ValueError, match="expected at least one calibration image, got none"):
        quantize_static(blob_onnx, [], int8_config)


def test_it_declares_the_operator_sets_that_it_uses_and_no_other(edge_onnx, edge_int8):
    """A runtime refuses a file for a set that it does not know, even where no node is of it."""
    exact, rounded = (onnx.load_from_string(content) for content in (edge_onnx, edge_int8))
    assert [(entry.domain, entry.version) for entry in rounded.opset_import] == [("", 17)]
    assert rounded.ir_version <= exact.ir_version


def test_a_layer_in_float_reads_and_gives_float_and_the_others_stay(edge_onnx, canvases, int8_config):
    with prepared(edge_onnx) as quantizer:
        ranges = quantizer.calibrate(canvases[:1], int8_config)
        name, unit = list(quantizer.units.items())[1]  # reads the first alone
        content = quantizer.quantize(ranges, per_channel=True, reduce_range=False, in_float=[name])
    graph, makers = nodes_by_output(content)
    floats = {weight.name for weight in graph.initializer if weight.data_type == TensorProto.FLOAT}
    convolution = next(node for node in graph.node if node.name == name)
    assert convolution.input[1] in floats
    assert makers[convolution.input[0]].op_type == "Mul"  # read by nothing else, so that nothing rounds it
    assert {weight.name for weight in graph.initializer} <= {name for node in graph.node for name in node.input}
    readers = [node for node in graph.node if convolution.output[0] in node.input]
    assert {node.name for node in readers} == set(unit[1:])  # Sigmoid and Mul, no QuantizeLinear
    others = [node for node in graph.node if node.op_type == "Conv" and node.name != name]
    assert all(makers[node.input[1]].op_type == "DequantizeLinear" for node in others)


def test_the_body_alone_gives_what_the_decoding_reads(edge_onnx, canvases, int8_config):
    with prepared(edge_onnx) as quantizer:
        exact = onnx.load_from_string(quantizer.body())
        ranges = quantizer.calibrate(canvases[:1], int8_config)
        rounded = onnx.load_from_string(
            quantizer.quantize(ranges, per_channel=True, reduce_range=False, body_only=True)
        )
    names = [value.name for value in exact.graph.output]
    assert len(names) == 3 * 3 + 1  # boxes, classes and coefficients of three levels; prototypes
    assert [value.name for value in rounded.graph.output] == names
    assert len(convolutional_body(exact.graph)) == len(exact.graph.node)


def test_notes_are_written_into_the_card_and_nothing_else_changes(blob_onnx):
    noted = with_notes(blob_onnx, ["one", "two"])
    assert read_card(noted).notes == ("one", "two")
    assert read_card(with_notes(noted, [])).notes == ()
    assert onnx.load_from_string(noted).graph == onnx.load_from_string(blob_onnx).graph
