"""Half precision, for GPUs and NPUs: weights and activations take half the memory, inputs and outputs stay float32.

A CPU computes it in single precision between casts, so it is slower there than what it is made from.
"""

from pydantic import BaseModel, ConfigDict

from gsam_edge.export.format import BuildData, Precision
from gsam_edge.export.formats.onnx import graph_inputs, leave_number_open, read_card
from gsam_edge.runtime.card import Card
from gsam_edge.runtime.tensors import InputTensor


class HalfConfig(BaseModel):
    """Half precision has no settings."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class OnnxFp16:
    """The student in half precision; see `Format`."""

    name = "onnx_fp16"
    suffix = "_fp16.onnx"
    source = "onnx"
    engine = "onnxruntime"
    precision: Precision = "half"
    must_be_faster = False
    # 1.15.1 and 1.20.1 gave today's answers on a CPU; 1.17.3 gave wrong ones, or failed, for two images at a time
    oldest_runtime: str | None = None
    config = HalfConfig
    install = "pip install onnx onnxruntime"

    def build(self, source: bytes, data: BuildData, config: HalfConfig) -> bytes:
        """See `to_half`."""
        return to_half(source)

    def read_card(self, content: bytes) -> Card:
        """See `onnx.read_card`."""
        return read_card(content)

    def inputs(self, content: bytes) -> tuple[InputTensor, ...]:
        """See `onnx.graph_inputs`."""
        return graph_inputs(content)


def to_half(model: bytes) -> bytes:
    """Converts an exported student to half precision, suppression included.

    Args:
        model: the FP32 ONNX file's content.

    Returns:
        The content of a file with the same tensors, of the same dtypes, and the same metadata.

    Raises:
        onnx.checker.ValidationError: if the converted graph is not valid ONNX.
    """
    import onnx
    from onnxruntime.transformers.float16 import convert_float_to_float16
    from onnxruntime.transformers.onnx_model import OnnxModel

    # None of our operators lacks a half-precision form; the library's own list keeps some in float32 for old runtimes.
    half = convert_float_to_float16(onnx.load_from_string(model), keep_io_types=True, op_block_list=[])
    OnnxModel(half).topological_sort(is_deterministic=True)  # the casts were appended at the end
    leave_number_open(half.graph)
    onnx.checker.check_model(half, full_check=True)
    content: bytes = half.SerializeToString()
    return content
