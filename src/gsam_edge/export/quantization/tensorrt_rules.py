"""What TensorRT asks of an ONNX file whose convolutions it shall compute in INT8, checked without TensorRT.

Sources: "Explicit Quantization" in NVIDIA's guide
(https://docs.nvidia.com/deeplearning/tensorrt/latest/inference-library/quantized-types-explicit-quantization.html) and
the limits of QuantizeLinear, DequantizeLinear and TopK in `docs/operators.md` of onnx/onnx-tensorrt.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: Axis of a convolution's weights that counts its output channels.
_CHANNEL_AXIS = {"Conv": 0, "ConvTranspose": 1}
_QUANTIZE, _DEQUANTIZE = "QuantizeLinear", "DequantizeLinear"
_LEAST_OPSET = 13  # the first with a scale per channel
_MOST_TOP_K = 3840


@dataclass(frozen=True)
class _Graph:
    """A graph's nodes by what they make and read, and its constants."""

    nodes: tuple[Any, ...]
    makers: Mapping[str, Any]
    readers: Mapping[str, tuple[Any, ...]]
    constants: Mapping[str, NDArray[Any]]


def tensorrt_faults(content: bytes) -> tuple[str, ...]:
    """Returns which of TensorRT's rules an ONNX file breaks, in sentences; none if it keeps them all.

    1. Operators are of the default set, of opset 13 or later.
    2. Integers are int8, and 0 is 0: no zero point but zeros.
    3. A scale is a positive float32 constant: one for activations, one or one per output channel for weights.
    4. QuantizeLinear and DequantizeLinear come in pairs, each before one input of one convolution and nowhere else:
       what lies between convolutions TensorRT fuses itself.
    5. A convolution has both its inputs quantised or none; its bias is float.
    6. TopK asks for at most 3840.

    Raises:
        google.protobuf.message.DecodeError: if the content is no ONNX file.
    """
    import onnx

    model = onnx.load_from_string(content)
    nodes = tuple(model.graph.node)
    readers: dict[str, tuple[Any, ...]] = {}
    for node in nodes:
        for name in node.input:
            readers[name] = (*readers.get(name, ()), node)
    graph = _Graph(
        nodes,
        {name: node for node in nodes for name in node.output},
        readers,
        {weight.name: onnx.numpy_helper.to_array(weight) for weight in model.graph.initializer},
    )
    sets = {entry.domain: entry.version for entry in model.opset_import}
    return (
        *_operator_set_faults(sets, graph),
        *(fault for node in nodes if node.op_type in {_QUANTIZE, _DEQUANTIZE} for fault in _node_faults(node, graph)),
        *(fault for node in nodes if node.op_type in _CHANNEL_AXIS for fault in _convolution_faults(node, graph)),
        *(fault for node in nodes if node.op_type == "TopK" for fault in _top_k_faults(node, graph)),
    )


def _operator_set_faults(sets: Mapping[str, int], graph: _Graph) -> Iterator[str]:
    if foreign := sorted({*sets, *(node.domain for node in graph.nodes)} - {"", "ai.onnx"}):
        yield f"expected the default operator set alone, got also {foreign}"
    version = sets.get("", sets.get("ai.onnx", 0))
    if version < _LEAST_OPSET:
        yield f"expected opset {_LEAST_OPSET} or later, the first with a scale per channel, got {version}"


def _node_faults(node: Any, graph: _Graph) -> Iterator[str]:
    """Checks a QuantizeLinear or DequantizeLinear: its numbers, and where it stands."""
    scale = graph.constants.get(node.input[1])
    if scale is None or scale.dtype != np.float32 or not (np.isfinite(scale) & (scale > 0)).all():
        yield f"{node.name}: expected a scale that is a positive float32 constant, got {_shown(scale)}"
    zero_point = graph.constants.get(node.input[2]) if len(node.input) > 2 and node.input[2] else None
    given = len(node.input) > 2 and bool(node.input[2])
    if given and (zero_point is None or zero_point.dtype != np.int8):
        yield f"{node.name}: expected a zero point that is an int8 constant, got {_shown(zero_point)}"
    elif zero_point is not None and zero_point.any():
        yield f"{node.name}: expected zero points of 0 (symmetric ranges), got {_shown(zero_point[zero_point != 0])}"
    elif not given and node.op_type == _QUANTIZE:
        yield f"{node.name}: expected an int8 zero point of 0, got none, which means uint8"

    if node.op_type == _QUANTIZE:
        readers = graph.readers.get(node.output[0], ())
        if [reader.op_type for reader in readers] != [_DEQUANTIZE]:
            yield f"{node.name}: expected one DequantizeLinear behind it, got {[reader.op_type for reader in readers]}"
        return
    maker = graph.makers.get(node.input[0])
    if maker is None or maker.op_type != _QUANTIZE:
        yield f"{node.name}: expected a QuantizeLinear before it, got {maker.op_type if maker else node.input[0]}"
    readers = graph.readers.get(node.output[0], ())
    if len(readers) != 1 or readers[0].op_type not in _CHANNEL_AXIS:
        yield f"{node.name}: expected one convolution behind it, got {[reader.op_type for reader in readers]}"


def _convolution_faults(node: Any, graph: _Graph) -> Iterator[str]:
    """Checks a convolution's activation, weights and bias."""
    activation, weights = (_dequantizer(node, position, graph) for position in (0, 1))
    if (activation is None) != (weights is None):
        which = "weights" if activation is None else "activation"
        yield f"{node.name}: expected its activation and its weights quantised, or neither, got its {which} alone"
    if (
        len(node.input) > 2
        and node.input[2]
        and graph.constants.get(node.input[2], np.empty(0, bool)).dtype.kind != "f"
    ):
        yield f"{node.name}: expected a bias that is a float constant, got {_shown(graph.constants.get(node.input[2]))}"
    if activation is not None and graph.constants.get(activation.input[1], np.empty(1)).size != 1:
        yield f"{node.name}: expected one scale for its activation, got several"
    if weights is None:
        return
    scales = graph.constants.get(weights.input[1], np.empty(1))
    axis = next((attribute.i for attribute in weights.attribute if attribute.name == "axis"), 1)
    if scales.size > 1 and axis != _CHANNEL_AXIS[node.op_type]:
        yield (
            f"{node.name}: expected weight scales along axis {_CHANNEL_AXIS[node.op_type]}, that of its output "
            f"channels, got axis {axis}"
        )


def _top_k_faults(node: Any, graph: _Graph) -> Iterator[str]:
    count = graph.constants.get(node.input[1])
    if count is None or count.max() > _MOST_TOP_K:
        yield f"{node.name}: expected a constant of at most {_MOST_TOP_K} to be picked, got {_shown(count)}"


def _dequantizer(node: Any, position: int, graph: _Graph) -> Any:
    """Returns the DequantizeLinear before an input of a node; None if there is none."""
    maker = graph.makers.get(node.input[position])
    return maker if maker is not None and maker.op_type == _DEQUANTIZE else None


def _shown(values: NDArray[Any] | None) -> str:
    """Returns a constant for a message."""
    if values is None:
        return "no constant"
    return f"{values.dtype} {np.array2string(values, threshold=4, edgeitems=2, precision=3).strip()}"
