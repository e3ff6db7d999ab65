import numpy as np
import onnx

from gsam_edge.export.formats.onnx_dynamic import DynamicConfig, OnnxDynamic
from gsam_edge.runtime.engines.table import open_engine


def build(content):
    return OnnxDynamic().build(content, None, DynamicConfig(reduce_range=False))


def test_ranges_are_taken_while_it_runs_and_the_answers_stay(blob_onnx, canvases):
    content = build(blob_onnx)
    graph = onnx.load_from_string(content).graph
    kinds = [node.op_type for node in graph.node]
    assert kinds.count("ConvInteger") == kinds.count("DynamicQuantizeLinear") == 2
    assert "Conv" not in kinds
    exact, rounded = (open_engine(each, ".onnx", threads=1) for each in (blob_onnx, content))
    assert rounded.card == exact.card
    for canvas in canvases[:2]:
        expected, found = exact.run(canvas), rounded.run(canvas)
        np.testing.assert_allclose(np.sort(found["scores"]), np.sort(expected["scores"]), atol=0.05)


def test_it_declares_the_default_operator_set_alone(blob_onnx):
    assert [entry.domain for entry in onnx.load_from_string(build(blob_onnx)).opset_import] == [""]
