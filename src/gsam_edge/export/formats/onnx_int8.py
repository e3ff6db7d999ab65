"""Static INT8 quantisation of an exported student, in the QDQ form that every ONNX backend reads.

Activations become uint8 with one scale per tensor, convolution weights int8 with one scale per output channel (Nagel et
al., "A White Paper on Neural Network Quantization", 2021). What follows the last convolutions (decoding of the boxes,
suppression, assembly of the masks) stays in float: it is cheap, and one scale over pixels and probabilities together
would leave the probabilities no steps.
"""

from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from gsam_edge.export.body import convolutional_body
from gsam_edge.export.calibration import CalibrationCanvases, Canvases, CanvasReader
from gsam_edge.export.format import BuildData, Precision
from gsam_edge.export.formats.onnx import graph_inputs, read_card
from gsam_edge.runtime.card import Card
from gsam_edge.runtime.tensors import InputTensor


class QuantizationConfig(BaseModel):
    """Settings of the INT8 quantisation."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    calibration_images: int = Field(ge=1, description="training images that set the activations' ranges")
    method: Literal["minmax", "entropy", "percentile"] = Field(description="how a range is chosen from what was seen")
    percentile: float = Field(
        gt=50, le=100, description="share of values inside the range, in %; only for `percentile`"
    )
    per_channel: bool = Field(description="one weight scale per output channel instead of one per tensor")
    reduce_range: bool = Field(description="7-bit weights, for x86 processors without VNNI, whose sums would saturate")


class OnnxInt8:
    """The student with its convolutions in INT8; see `Format`."""

    name = "onnx_int8"
    suffix = "_int8.onnx"
    source = "onnx"
    engine = "onnxruntime"
    precision: Precision = "integer"
    must_be_faster = True
    oldest_runtime: str | None = None
    config = QuantizationConfig
    install = "pip install onnx onnxruntime"

    def build(self, source: bytes, data: BuildData, config: QuantizationConfig) -> bytes:
        """See `quantize_static`; the ranges are taken from training images."""
        name, count = f"student_{self.source}", config.calibration_images
        canvases = CalibrationCanvases.of_training(read_card(source), data, what=name, count=count)
        return quantize_static(source, canvases, config)

    def read_card(self, content: bytes) -> Card:
        """See `onnx.read_card`."""
        return read_card(content)

    def inputs(self, content: bytes) -> tuple[InputTensor, ...]:
        """See `onnx.graph_inputs`."""
        return graph_inputs(content)


def quantize_static(model: bytes, calibration: Canvases, config: QuantizationConfig) -> bytes:
    """Quantises the convolutional body of an exported student to INT8.

    Args:
        model: the FP32 ONNX file's content.
        calibration: inputs as the task prepares them, from training images; read one at a time.
        config: calibration and weight options.

    Returns:
        The INT8 file's content, with the same tensors and metadata.

    Raises:
        ValueError: if there is no calibration image, or the model has no convolution to quantise.
    """
    import onnx
    from onnxruntime.quantization import CalibrationMethod, QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    if len(calibration) == 0:
        raise ValueError("quantize_static: expected at least one calibration image, got none")
    method = {
        "minmax": CalibrationMethod.MinMax,
        "entropy": CalibrationMethod.Entropy,
        "percentile": CalibrationMethod.Percentile,
    }[config.method]
    with TemporaryDirectory(prefix="gsam_edge_int8_") as folder:
        source_path, prepared_path, quantised_path = (
            Path(folder, f"{step}.onnx") for step in ("fp32", "prepared", "int8")
        )
        source_path.write_bytes(model)
        quant_pre_process(source_path, prepared_path, skip_symbolic_shape=True)
        prepared = onnx.load(prepared_path)
        body = convolutional_body(prepared.graph)
        if not body:
            raise ValueError("quantize_static: expected a model with convolutions on its input, found none")
        with redirect_stdout(StringIO()):  # the histogram methods print
            quantize_static(
                prepared_path,
                quantised_path,
                CanvasReader(calibration),
                quant_format=QuantFormat.QDQ,
                op_types_to_quantize=sorted({node.op_type for node in body}),
                nodes_to_quantize=[node.name for node in body],
                per_channel=config.per_channel,
                reduce_range=config.reduce_range,
                activation_type=QuantType.QUInt8,
                weight_type=QuantType.QInt8,
                calibrate_method=method,
                extra_options={
                    "CalibStridedMinMax": 1,
                    "CalibTensorRangeSymmetric": False,
                    "CalibPercentile": config.percentile,
                },
            )
        quantised = onnx.load(quantised_path)
    onnx.helper.set_model_props(quantised, {p.key: p.value for p in onnx.load_from_string(model).metadata_props})
    onnx.checker.check_model(quantised, full_check=True)
    return quantised.SerializeToString()
