"""INT8 as TensorRT reads it: int8 values around 0 before convolutions and nowhere else.

TensorRT decides itself what lies between convolutions and fuses it; values quantised there would keep it from that.
Weights stay float behind a QuantizeLinear of their own, which the engine's builder computes once; a bias stays float.
"""

from gsam_edge.export.calibration import CalibrationCanvases
from gsam_edge.export.format import BuildData, NotBuilt, Precision
from gsam_edge.export.formats.onnx import graph_inputs, read_card
from gsam_edge.export.quantization.static import CalibrationConfig, Layout, prepared, with_notes
from gsam_edge.export.quantization.tensorrt_rules import tensorrt_faults
from gsam_edge.runtime.card import Card
from gsam_edge.runtime.tensors import InputTensor

_CONVOLUTIONS = ("Conv", "ConvTranspose")

_CONVOLUTION_INPUTS = Layout(
    operators=frozenset(_CONVOLUTIONS),
    signed=True,
    options={
        "ActivationSymmetric": True,
        "WeightSymmetric": True,
        "AddQDQPairToWeight": True,
        "DedicatedQDQPair": True,
        "QuantizeBias": False,
        "OpTypesToExcludeOutputQuantization": list(_CONVOLUTIONS),
    },
)


class OnnxTensorrt:
    """The student with ranges that TensorRT takes over; see `Format`."""

    name = "onnx_tensorrt"
    suffix = "_tensorrt.onnx"
    source = "onnx"
    engine = "onnxruntime"
    precision: Precision = "integer"
    must_be_faster = False
    oldest_runtime: str | None = "onnxruntime 1.15.1"
    config = CalibrationConfig
    install = "pip install onnx onnxruntime"

    def build(self, source: bytes, data: BuildData, config: CalibrationConfig) -> bytes | NotBuilt:
        """Quantises for TensorRT; not built where the file would break one of `tensorrt_faults`' rules."""
        card = read_card(source)
        canvases = CalibrationCanvases.of_training(
            card, data, what=f"student_{self.source}", count=config.calibration_images
        )
        with prepared(source) as quantizer:
            ranges = quantizer.calibrate(canvases, config)
            content = quantizer.quantize(ranges, per_channel=True, reduce_range=False, layout=_CONVOLUTION_INPUTS)
        if faults := tensorrt_faults(content):
            return NotBuilt(f"TensorRT would not take it: {'; '.join(faults)}")
        return with_notes(
            content,
            [
                f"ranges by {config.method} over {len(canvases)} training images; keeps TensorRT's rules of explicit "
                "quantisation (checked in the file); in ONNX Runtime on a CPU its convolutions compute in float"
            ],
        )

    def read_card(self, content: bytes) -> Card:
        """See `onnx.read_card`."""
        return read_card(content)

    def inputs(self, content: bytes) -> tuple[InputTensor, ...]:
        """See `onnx.graph_inputs`."""
        return graph_inputs(content)
