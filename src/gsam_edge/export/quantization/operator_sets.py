"""The operator sets that an ONNX file declares: a runtime refuses the file for one that it does not know."""

from collections.abc import Iterator
from typing import Any

_DEFAULT_DOMAIN = ("", "ai.onnx")  # two names of one set


def drop_unused_operator_sets(model: Any) -> None:
    """Removes the declarations of operator sets that no node of the model uses.

    ONNX Runtime's tools declare all sets of their own version, some of them newer than older runtimes accept
    (https://github.com/microsoft/onnxruntime/issues/16584).

    Args:
        model: an `onnx.ModelProto`, changed in place.
    """
    used = {node.domain for graph in (model.graph, *model.functions) for node in _nodes(graph)}
    used.update(_DEFAULT_DOMAIN)
    kept = [entry for entry in model.opset_import if entry.domain in used]
    del model.opset_import[:]
    model.opset_import.extend(kept)


def _nodes(graph: Any) -> Iterator[Any]:
    """Yields the nodes of a graph (or function) and of the graphs within its nodes."""
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            for inner in (*([attribute.g] if attribute.HasField("g") else []), *attribute.graphs):
                yield from _nodes(inner)
