"""A student written by hand, whose answers are known."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from gsam_edge.runtime import Card

CARD = Card("detect", ("dot", "dash"), 32, "yolov8-seg", "0.1.0")


def constant_student(inputs=("images",), card=CARD):
    """A graph that finds a "dash" at canvas pixels (8, 8, 24, 24), as sure as the image's mean red is high."""
    values = {
        "boxes": np.array([[[8, 8, 24, 24], [0, 0, 0, 0]]], np.float32),
        "half": np.array([[1, 0]], np.float32),
        "class_ids": np.array([[1, 0]], np.int64),
        "masks": np.ones((1, 2, 8, 8), np.float32),
    }
    nodes = [
        helper.make_node("Slice", ["images", "zero", "one", "axis"], ["red"]),
        helper.make_node("ReduceMean", ["red"], ["mean"], axes=[1, 2, 3], keepdims=0),
        helper.make_node("Mul", ["mean", "half"], ["scores"]),
        *(helper.make_node("Identity", [f"{name}_value"], [name]) for name in ("boxes", "class_ids", "masks")),
    ]
    weights = [
        numpy_helper.from_array(value, name if name == "half" else f"{name}_value") for name, value in values.items()
    ]
    weights += [
        numpy_helper.from_array(np.array([n], np.int64), name) for name, n in (("zero", 0), ("one", 1), ("axis", 1))
    ]
    graph = helper.make_graph(
        nodes,
        "student",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 3, 32, 32]) for name in inputs],
        [
            helper.make_tensor_value_info("boxes", TensorProto.FLOAT, [1, 2, 4]),
            helper.make_tensor_value_info("scores", TensorProto.FLOAT, [1, 2]),
            helper.make_tensor_value_info("class_ids", TensorProto.INT64, [1, 2]),
            helper.make_tensor_value_info("masks", TensorProto.FLOAT, [1, 2, 8, 8]),
        ],
        weights,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    if card is not None:
        helper.set_model_props(model, card.to_properties())
    onnx.checker.check_model(model, full_check=True)
    return model.SerializeToString()
