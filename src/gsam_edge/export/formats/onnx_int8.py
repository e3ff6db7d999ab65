"""Static INT8 quantisation of an exported student, in the QDQ form that every ONNX backend reads.

Activations become uint8 with one scale per tensor, convolution weights int8 with one scale per output channel (Nagel et
al., "A White Paper on Neural Network Quantization", 2021). How the scales are chosen, and which layers stay in float,
is decided on validation images.
"""

from gsam_edge.export.format import BuildData, Precision
from gsam_edge.export.formats.onnx import graph_inputs, read_card
from gsam_edge.export.quantization.search import SearchConfig, quantize_by_validation
from gsam_edge.export.quantization.static import with_notes
from gsam_edge.runtime.card import Card
from gsam_edge.runtime.tensors import InputTensor


class OnnxInt8:
    """The student with its convolutions in INT8; see `Format`."""

    name = "onnx_int8"
    suffix = "_int8.onnx"
    source = "onnx"
    engine = "onnxruntime"
    precision: Precision = "integer"
    must_be_faster = True
    oldest_runtime: str | None = "onnxruntime 1.15.1"
    config = SearchConfig
    install = "pip install onnx onnxruntime"

    def build(self, source: bytes, data: BuildData, config: SearchConfig) -> bytes:
        """See `quantize_by_validation`; the ranges are taken from training images."""
        card = read_card(source)
        content, notes = quantize_by_validation(source, card, f"student_{self.source}", data, config)
        return with_notes(content, notes)

    def read_card(self, content: bytes) -> Card:
        """See `onnx.read_card`."""
        return read_card(content)

    def inputs(self, content: bytes) -> tuple[InputTensor, ...]:
        """See `onnx.graph_inputs`."""
        return graph_inputs(content)
