"""Dynamic INT8: weights are integers, and the range of each activation is taken anew from every image.

It needs no calibration images, and pays for that: each convolution first looks for the least and the greatest value of
its input.
"""

from pydantic import BaseModel, ConfigDict, Field

from gsam_edge.export.format import BuildData, Precision
from gsam_edge.export.formats.onnx import graph_inputs, read_card
from gsam_edge.export.quantization.static import prepared
from gsam_edge.runtime.card import Card
from gsam_edge.runtime.tensors import InputTensor


class DynamicConfig(BaseModel):
    """Settings of dynamic INT8."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    reduce_range: bool = Field(description="7-bit weights, for x86 processors without VNNI, whose sums would saturate")


class OnnxDynamic:
    """The student with its convolutions in INT8, ranges taken while it runs; see `Format`."""

    name = "onnx_dynamic"
    suffix = "_dynamic.onnx"
    source = "onnx"
    engine = "onnxruntime"
    precision: Precision = "integer"
    must_be_faster = True
    oldest_runtime: str | None = "onnxruntime 1.15.1"
    config = DynamicConfig
    install = "pip install onnx onnxruntime"

    def build(self, source: bytes, data: BuildData, config: DynamicConfig) -> bytes:
        """See `Quantizer.quantize_dynamic`."""
        with prepared(source) as quantizer:
            return quantizer.quantize_dynamic(reduce_range=config.reduce_range)

    def read_card(self, content: bytes) -> Card:
        """See `onnx.read_card`."""
        return read_card(content)

    def inputs(self, content: bytes) -> tuple[InputTensor, ...]:
        """See `onnx.graph_inputs`."""
        return graph_inputs(content)
