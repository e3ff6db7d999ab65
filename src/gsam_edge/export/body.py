"""Finds the convolutional network in a student's graph, without the decoding of its outputs."""

from collections.abc import Mapping
from typing import Any

_CONVOLUTIONS = frozenset({"Conv", "ConvTranspose"})

#: Operators of a convolutional network, those that only move values (a pixel shuffle is one, or three) included.
_SPATIAL = _CONVOLUTIONS | frozenset(
    {
        "Add", "AveragePool", "BatchNormalization", "Clip", "Concat", "DepthToSpace", "GlobalAveragePool",
        "HardSigmoid", "HardSwish", "LeakyRelu", "MaxPool", "Mul", "Relu", "Reshape", "Resize", "Sigmoid", "Slice",
        "SpaceToDepth", "Split", "Squeeze", "Transpose", "Unsqueeze",
    }
)  # fmt: skip

#: Operators that shape a convolution's answer value by value.
_ACTIVATIONS = frozenset(
    {"BatchNormalization", "Clip", "HardSigmoid", "HardSwish", "LeakyRelu", "Mul", "Relu", "Sigmoid"}
)


def convolutional_body(graph: Any) -> list[Any]:
    """Returns the nodes that compute the network's feature maps, up to and including its last convolutions.

    A node belongs to the body if every path from the input to it runs through spatial operators only, and a convolution
    comes after it (or it is one). So a reshape that begins the decoding is no part of it, nor is a convolution within
    the decoding: YOLOv8 has one that takes the mean of a distribution over distances, behind a softmax.

    Args:
        graph: an `onnx.GraphProto`, its nodes in topological order as ONNX demands.

    Returns:
        `onnx.NodeProto`s in the graph's order.
    """
    maps = {value.name for value in graph.input} - {value.name for value in graph.initializer}
    constants = {value.name for value in graph.initializer} | {""}
    spatial = []
    for node in graph.node:
        # a shape is no map: what is computed from it only says how maps are laid out
        if node.op_type == "Shape" or all(name in constants for name in node.input):
            constants.update(node.output)
        elif node.op_type in _SPATIAL and all(name in maps or name in constants for name in node.input):
            maps.update(node.output)
            spatial.append(node)

    wanted: set[str] = set()
    body = []
    for node in reversed(spatial):
        if node.op_type in _CONVOLUTIONS or wanted.intersection(node.output):
            wanted.update(node.input)
            body.append(node)
    return body[::-1]


def body_outputs(graph: Any, body: list[Any]) -> list[str]:
    """Returns the names of the body's tensors that the rest of the graph reads, in the order of their nodes."""
    inside = {id(node) for node in body}
    read = {name for node in graph.node if id(node) not in inside for name in node.input}
    read.update(value.name for value in graph.output)
    return [name for node in body for name in node.output if name in read]


def convolution_units(body: list[Any]) -> Mapping[str, tuple[str, ...]]:
    """Returns each convolution of a body with the activation behind it.

    Args:
        body: as `convolutional_body` gives it; its nodes have names.

    Returns:
        Names of convolutions to the names of their nodes: the convolution, then those that read it alone.
    """
    units: dict[str, list[str]] = {}
    owner: dict[str, str] = {}  # of a tensor: the convolution whose unit computes it
    makers = {name for node in body for name in node.output}
    for node in body:
        if node.op_type in _CONVOLUTIONS:
            units[node.name] = [node.name]
            owner.update(dict.fromkeys(node.output, node.name))
        elif node.op_type in _ACTIVATIONS:
            owners = {owner.get(name) for name in node.input if name in makers}
            if len(owners) == 1 and (only := owners.pop()) is not None:
                units[only].append(node.name)
                owner.update(dict.fromkeys(node.output, only))
    return {name: tuple(nodes) for name, nodes in units.items()}
