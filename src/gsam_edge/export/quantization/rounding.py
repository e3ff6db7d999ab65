"""Where a QDQ graph rounds: a QuantizeLinear and a DequantizeLinear behind a tensor, which others read in its place."""

from collections.abc import Set as AbstractSet
from typing import Any


def read_float(graph: Any, operators: AbstractSet[str]) -> None:
    """Lets every node that is not of these operators read a tensor as it was before it was rounded.

    Args:
        graph: an `onnx.GraphProto`, changed in place.
        operators: types of the nodes that go on reading rounded tensors.
    """
    makers = {name: node for node in graph.node for name in node.output}
    exact = {}
    for node in graph.node:
        if node.op_type == "DequantizeLinear" and (rounding := makers.get(node.input[0])) is not None:
            exact[node.output[0]] = rounding.input[0]
    for node in graph.node:
        if node.op_type not in operators:
            node.input[:] = [exact.get(name, name) for name in node.input]


def drop_rounding_before(graph: Any, left_out: AbstractSet[str]) -> None:
    """Removes what rounds a tensor that only nodes in float read, and its scale.

    A convolution's answer stays rounded: the convolution would compute in float, too, without it.

    Args:
        graph: an `onnx.GraphProto`, changed in place.
        left_out: names of the nodes in float.
    """
    outputs = {value.name for value in graph.output}
    makers = {name: node for node in graph.node for name in node.output}
    readers: dict[str, list[Any]] = {}
    for node in graph.node:
        for name in node.input:
            readers.setdefault(name, []).append(node)
    scales: set[str] = set()
    for rounding in [node for node in graph.node if node.op_type == "QuantizeLinear"]:
        tensor = rounding.input[0]
        pairs = readers[rounding.output[0]]
        behind = [node for pair in pairs for node in readers.get(pair.output[0], [])]
        dequantised = {pair.output[0] for pair in pairs}
        maker = makers.get(tensor)
        if maker is None or maker.op_type in {"Conv", "ConvTranspose"} or not behind or dequantised & outputs:
            continue
        if all(node.name in left_out for node in behind):
            for node in behind:
                node.input[:] = [tensor if name in dequantised else name for name in node.input]
            for node in (rounding, *pairs):
                scales.update(node.input[1:])
                graph.node.remove(node)
    scales -= {name for node in graph.node for name in node.input}
    for constant in [constant for constant in graph.initializer if constant.name in scales]:
        graph.initializer.remove(constant)
