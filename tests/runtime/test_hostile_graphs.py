"""Graphs that nobody exported: each ends in one message, and none computes for ever."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from gsam_edge.runtime import ArtefactError, Detector
from gsam_edge.runtime.engines import onnxruntime as engine
from support.constant_student import CARD

SIZE = CARD.image_size
IMAGE = np.zeros((20, 30, 3), np.uint8)
ANSWERS = {
    "boxes": np.array([[[8, 8, 24, 24]]], np.float32),
    "scores": np.array([[0.9]], np.float32),
    "class_ids": np.array([[1]], np.int64),
}


def graph(nodes=(), constants=(), **answers):
    """A student whose outputs are constants, but for those that the nodes give."""
    given = {name: value for name, value in (ANSWERS | answers).items() if value is not None}
    kept = [helper.make_node("Identity", [f"{name}_value"], [name]) for name in given]
    values = [numpy_helper.from_array(value, f"{name}_value") for name, value in given.items()]
    outputs = [
        helper.make_tensor_value_info(
            name, helper.np_dtype_to_tensor_dtype(given[name].dtype) if name in given else TensorProto.FLOAT, None
        )
        for name in ANSWERS
    ]
    model = helper.make_model(
        helper.make_graph(
            [*nodes, *kept],
            "student",
            [helper.make_tensor_value_info("images", TensorProto.FLOAT, [1, 3, SIZE, SIZE])],
            outputs,
            [*values, *(numpy_helper.from_array(value, name) for name, value in constants)],
        ),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=8,
    )
    helper.set_model_props(model, CARD.to_properties())
    return model


def look(model: onnx.ModelProto):
    return Detector.open(model.SerializeToString(), ".onnx", score_threshold=0.1, threads=1)(IMAGE)


#: Scores computed from the image, by some nodes, whose first is fed with it.
def computed(*nodes):
    return graph(list(nodes), [("two", np.array([2], np.int64))], scores=None)


STRANGE = {
    "texts": graph(scores=np.array([["a"]], object)),
    "truths": graph(scores=np.array([[True]])),
    "no dimension": graph(scores=np.array(0.9, np.float32)),
    "other lengths": graph(boxes=np.zeros((1, 3, 4), np.float32)),
    "no numbers": graph(boxes=np.full((1, 1, 4), np.nan, np.float32)),
    "boxes of five": graph(boxes=np.zeros((1, 1, 5), np.float32)),
    "a class that nobody has": graph(class_ids=np.array([[7]], np.int64)),
    "no such shape": computed(helper.make_node("Reshape", ["images", "two"], ["scores"])),
    "a list": computed(helper.make_node("SequenceConstruct", ["images"], ["scores"])),
}


def test_the_sound_one_is_read():
    assert look(graph()).class_ids.tolist() == [1]


@pytest.mark.parametrize("fault", STRANGE)
def test_strange_outputs_are_one_message(fault):
    with pytest.raises(ArtefactError, match="expected"):
        look(STRANGE[fault])


def test_a_name_that_is_no_text_and_that_onnx_runtime_would_quote_is_one_message(capfd):
    model = computed(helper.make_node("Nowhere", ["images"], ["scores"], name="xyz"))
    content = model.SerializeToString().replace(b"Nowhere", b"Now\x80ere")
    with pytest.raises(ArtefactError, match="expected an ONNX model that ONNX Runtime can load"):
        Detector.open(content, ".onnx", score_threshold=0.1, threads=1)
    assert capfd.readouterr().out == ""


def heavy(steps, side=700):
    """Multiplies a matrix again and again: seconds, of which each step takes milliseconds."""
    nodes = [
        helper.make_node(
            "ConstantOfShape", ["side"], ["matrix"], value=numpy_helper.from_array(np.array([1e-3], np.float32))
        ),
        helper.make_node("ReduceMean", ["images"], ["mean"], keepdims=0),
        helper.make_node("Add", ["matrix", "mean"], ["m0"]),
        *(helper.make_node("MatMul", [f"m{row}", "matrix"], [f"m{row + 1}"]) for row in range(steps)),
        helper.make_node("ReduceMax", [f"m{steps}"], ["scores"], axes=[1]),
    ]
    return graph(nodes, [("side", np.array([side, side], np.int64))], scores=None)


def test_a_graph_that_does_not_come_to_an_end_is_stopped(monkeypatch):
    """Where it is stopped, at loading or at the first call, is a matter of the machine's pace."""
    monkeypatch.setattr(engine, "FIRST_ANSWER_S", 0.2)
    with pytest.raises(ArtefactError, match=r"at most 0.2 s to (load|answer its first call), got one that was stopped"):
        look(heavy(20_000))


def test_later_calls_have_no_clock(monkeypatch):
    detector = Detector.open(graph().SerializeToString(), ".onnx", score_threshold=0.1, threads=1)
    detector(IMAGE)
    monkeypatch.setattr(engine, "Timer", None)
    assert len(detector(IMAGE)) == 1
