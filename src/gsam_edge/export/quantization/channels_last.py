"""Pixel shuffles in the order of values in which ONNX Runtime's integer convolutions compute."""

from collections.abc import Iterator
from typing import Any


def shuffle_channels_last(graph: Any) -> None:
    """Writes each pixel shuffle behind a convolution so that it moves all channels of a pixel at once.

    ONNX Runtime's convolutions in INT8 compute with the channels last. For a DepthToSpace it puts them first and back,
    and moves every value by itself. Said with the channels last, those two moves cancel out, and one copy of whole
    pixels is left. For this the convolution gives its channels in another order; the answer is the same.

    Args:
        graph: an `onnx.GraphProto` with inferred shapes, changed in place. Shuffles of which the width is not known, or
            whose convolution is not theirs alone, stay.
    """
    nodes = list(graph.node)
    makers = {name: node for node in nodes for name in node.output}
    weights = {weight.name: weight for weight in graph.initializer}
    readers: dict[str, int] = {}
    for name in [*(name for node in nodes for name in node.input), *(value.name for value in graph.output)]:
        readers[name] = readers.get(name, 0) + 1
    shapes = {value.name: value.type.tensor_type.shape.dim for value in graph.value_info}

    del graph.node[:]
    for node in nodes:
        conv = makers.get(node.input[0]) if node.op_type == "DepthToSpace" else None
        width = shapes[node.input[0]][3].dim_value if conv is not None and node.input[0] in shapes else 0
        if conv is None or not width or not _is_own(conv, node, weights, readers):
            graph.node.append(node)
            continue
        side = _attributes(node)["blocksize"]
        for name in conv.input[1:]:
            _order_by_place(weights[name], side**2)
        channels = weights[conv.input[1]].dims[0] // side**2
        graph.node.extend(_shuffle(graph, node, side, channels, width))


def _is_own(conv: Any, shuffle: Any, weights: dict[str, Any], readers: dict[str, int]) -> bool:
    """Tells whether a convolution's channels may be put in another order for the shuffle behind it."""
    return (
        conv.op_type == "Conv"
        and _attributes(conv).get("group", 1) == 1
        and _attributes(shuffle).get("mode") == b"CRD"
        and readers[conv.output[0]] == 1
        and all(name in weights and readers[name] == 1 for name in conv.input[1:])
    )


def _order_by_place(weight: Any, places: int) -> None:
    """Reorders the first axis of an `onnx.TensorProto`, from (channel, place in the square) to (place, channel)."""
    from onnx import numpy_helper

    values = numpy_helper.to_array(weight)
    ordered = values.reshape(-1, places, *values.shape[1:]).swapaxes(0, 1).reshape(values.shape)
    weight.CopyFrom(numpy_helper.from_array(ordered.copy(), weight.name))


def _shuffle(graph: Any, node: Any, side: int, channels: int, width: int) -> Iterator[Any]:
    """Yields the nodes in the place of a shuffle, and adds their shapes to the graph."""
    import numpy as np
    from onnx import helper, numpy_helper

    # [B, h, w, side, side C] before the copy, [B, side h, side w, C] behind it; 0 keeps a dimension
    steps: list[tuple[str, list[int]]] = [
        ("Transpose", [0, 2, 3, 1]),
        ("Reshape", [0, 0, 0, side, side * channels]),
        ("Transpose", [0, 1, 3, 2, 4]),
        ("Reshape", [0, -1, side * width, channels]),
        ("Transpose", [0, 3, 1, 2]),
    ]
    given = node.input[0]
    for number, (kind, numbers) in enumerate(steps, start=1):
        name = f"{node.name}_{number}"
        answer = node.output[0] if number == len(steps) else f"{node.output[0]}_{number}"
        if kind == "Reshape":
            graph.initializer.append(numpy_helper.from_array(np.array(numbers, np.int64), f"{name}_shape"))
            yield helper.make_node(kind, [given, f"{name}_shape"], [answer], name=name)
        else:
            yield helper.make_node(kind, [given], [answer], name=name, perm=numbers)
        given = answer


def _attributes(node: Any) -> dict[str, Any]:
    """Returns a node's attributes by name."""
    from onnx import helper

    return {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}
