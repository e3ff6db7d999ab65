"""Finds the convolutional network in a student's graph, without the decoding of its outputs."""

from typing import Any

#: Operators of a convolutional network; each keeps the layout [B, C, h, w].
_SPATIAL = frozenset(
    {
        "Add", "AveragePool", "BatchNormalization", "Clip", "Concat", "Conv", "ConvTranspose", "GlobalAveragePool",
        "HardSigmoid", "HardSwish", "LeakyRelu", "MaxPool", "Mul", "Relu", "Resize", "Sigmoid", "Slice", "Split",
    }
)  # fmt: skip


def convolutional_body(graph: Any) -> list[Any]:
    """Returns the nodes that compute the network's feature maps, up to and including its last convolutions.

    A node belongs to the body if every path from the input to it runs through spatial operators only, and a convolution
    comes after it (or it is one). Decoding starts with a reshape, so a convolution within it is no part of the body:
    YOLOv8 has one that takes the mean of a distribution over distances.

    Args:
        graph: an `onnx.GraphProto`, its nodes in topological order as ONNX demands.

    Returns:
        `onnx.NodeProto`s in the graph's order.
    """
    maps = {value.name for value in graph.input} - {value.name for value in graph.initializer}
    constants = {value.name for value in graph.initializer} | {""}
    spatial = []
    for node in graph.node:
        if all(name in constants for name in node.input):
            constants.update(node.output)
        elif node.op_type in _SPATIAL and all(name in maps or name in constants for name in node.input):
            maps.update(node.output)
            spatial.append(node)

    wanted: set[str] = set()
    body = []
    for node in reversed(spatial):
        if node.op_type in {"Conv", "ConvTranspose"} or wanted.intersection(node.output):
            wanted.update(node.input)
            body.append(node)
    return body[::-1]
