"""Checks of an ONNX file's bytes before a backend loads them.

ONNX Runtime reads weights from files beside the model, and runs loops as long as they like, without a word. The device
has no `onnx` package, so the few fields that matter are read from the protocol buffer itself (onnx.proto3).
"""

from collections.abc import Iterator

from gsam_edge.runtime.card import ArtefactError

_NUMBER, _BYTES = 0, 2
_FIXED_SIZES = {1: 8, 5: 4}
# field numbers of onnx.proto3
_MODEL_GRAPH, _MODEL_FUNCTIONS = 7, 25
_GRAPH_NODE, _GRAPH_WEIGHTS, _GRAPH_SPARSE_WEIGHTS = 1, 5, 15
_NODE_OPERATOR, _NODE_ATTRIBUTE, _NODE_DOMAIN = 4, 5, 7
_ATTRIBUTE_TENSORS, _ATTRIBUTE_GRAPHS, _ATTRIBUTE_SPARSE_TENSORS = (5, 10), (6, 11), (22, 23)
_SPARSE_PARTS = (1, 2)
_TENSOR_NAME, _TENSOR_EXTERNAL, _TENSOR_LOCATION = 8, 13, 14
_SHOWN = 5  # names in a message


def require_plain(content: bytes) -> None:
    """Checks that a file holds all its weights, and computes with ONNX's own operators without loops and branches.

    Raises:
        ArtefactError: if it does not, or is no ONNX file.
    """
    outside: set[str] = set()
    operators: set[str] = set()
    for number, graph in _fields(memoryview(content)):
        if number == _MODEL_FUNCTIONS:
            operators.add("a function of the file")
        if number != _MODEL_GRAPH or not isinstance(graph, memoryview):
            continue
        for kind, part in _fields(graph):
            if not isinstance(part, memoryview):
                continue
            if kind == _GRAPH_NODE:
                operators |= _strange_operators(part)
                outside |= _outside(_node_tensors(part))
            elif kind == _GRAPH_WEIGHTS:
                outside |= _outside([part])
            elif kind == _GRAPH_SPARSE_WEIGHTS:
                outside |= _outside(_nested(part, *_SPARSE_PARTS))
    if outside:
        raise ArtefactError(
            f"weights: expected all of them inside the ONNX file, got {len(outside)} in files beside it: "
            f"{sorted(outside)[:_SHOWN]}; export the student again"
        )
    if operators:
        raise ArtefactError(
            "operators: expected those of ONNX itself, without loops and branches, which every backend runs, got "
            f"{sorted(operators)[:_SHOWN]}; export the student again"
        )


def _strange_operators(node: memoryview) -> set[str]:
    """Returns a node's operator if it is not ONNX's own or holds a graph (a loop, a branch, a scan)."""
    domain = "".join(_texts(node, _NODE_DOMAIN))
    name = "".join(_texts(node, _NODE_OPERATOR))
    graphs = [graph for attribute in _nested(node, _NODE_ATTRIBUTE) for graph in _nested(attribute, *_ATTRIBUTE_GRAPHS)]
    if domain not in {"", "ai.onnx"}:
        return {f"{domain}.{name}"}
    return {name} if graphs else set()


def _node_tensors(node: memoryview) -> Iterator[memoryview]:
    """Yields the tensors in a node's attributes, such as a constant's value."""
    for attribute in _nested(node, _NODE_ATTRIBUTE):
        yield from _nested(attribute, *_ATTRIBUTE_TENSORS)
        for sparse in _nested(attribute, *_ATTRIBUTE_SPARSE_TENSORS):
            yield from _nested(sparse, *_SPARSE_PARTS)


def _outside(tensors: Iterator[memoryview] | list[memoryview]) -> set[str]:
    """Returns the names of those tensors whose values lie in another file."""
    return {
        "".join(_texts(tensor, _TENSOR_NAME)) or "a tensor without a name"
        for tensor in tensors
        if any(
            number == _TENSOR_EXTERNAL or (number == _TENSOR_LOCATION and value) for number, value in _fields(tensor)
        )
    }


def _nested(message: memoryview, *numbers: int) -> Iterator[memoryview]:
    return (value for number, value in _fields(message) if number in numbers and isinstance(value, memoryview))


def _texts(message: memoryview, number: int) -> Iterator[str]:
    return (bytes(text).decode("utf-8", "replace") for text in _nested(message, number))


def _fields(message: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Yields the number and the value of a message's fields; values of a fixed size, which are weights, are left out.

    See "Encoding" in the documentation of protocol buffers.
    """
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        number, kind = tag >> 3, tag & 7
        # protobuf's own parser drops what a tag has beyond 32 bits, so that such a field would be another one there
        if number == 0 or tag >= 2**32 or not (kind in {_NUMBER, _BYTES} or kind in _FIXED_SIZES):
            raise _unreadable()
        if kind == _NUMBER:
            value, at = _varint(message, at)
            yield number, value
            continue
        size, at = _varint(message, at) if kind == _BYTES else (_FIXED_SIZES[kind], at)
        if at + size > len(message):
            raise _unreadable()
        if kind == _BYTES:
            yield number, message[at : at + size]
        at += size


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    """Returns the number at a place, seven bits a byte, the lowest first, and the place behind it."""
    value = 0
    for shift, byte in zip(range(0, 70, 7), message[at : at + 10], strict=False):
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at + shift // 7 + 1
    raise _unreadable()


def _unreadable() -> ArtefactError:
    return ArtefactError("expected an ONNX model that ONNX Runtime can load, got bytes that are no protocol buffer")
