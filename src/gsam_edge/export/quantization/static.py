"""Static INT8 quantisation of an exported student, in the QDQ form that every ONNX backend reads.

What follows the last convolutions (decoding of the boxes, suppression, assembly of the masks) stays in float: it is
cheap, and one scale over pixels and probabilities together would leave the probabilities no steps.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field, replace
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from gsam_edge.export.body import body_outputs, convolution_units, convolutional_body
from gsam_edge.export.calibration import Canvases, CanvasReader
from gsam_edge.export.formats.onnx import leave_number_open
from gsam_edge.export.quantization.channels_last import shuffle_channels_last
from gsam_edge.export.quantization.operator_sets import drop_unused_operator_sets
from gsam_edge.export.quantization.rounding import drop_rounding_before, read_float
from gsam_edge.runtime.card import Card
from gsam_edge.runtime.tasks.table import INPUT_NAME

Method = Literal["minmax", "entropy", "percentile"]


class CalibrationConfig(BaseModel):
    """How the activations' ranges are taken."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    calibration_images: int = Field(ge=1, description="training images that set the activations' ranges")
    method: Method = Field(description="how a range is chosen from what was seen")
    percentile: float = Field(
        gt=50, le=100, description="share of values inside the range, in %; only for `percentile`"
    )


class QuantizationConfig(CalibrationConfig):
    """Settings of one INT8 quantisation."""

    per_channel: bool = Field(description="one weight scale per output channel instead of one per tensor")
    reduce_range: bool = Field(description="7-bit weights, for x86 processors without VNNI, whose sums would saturate")


@dataclass(frozen=True)
class Layout:
    """Which tensors become integers, and which integers.

    Attributes:
        operators: types of the body's nodes that are quantised, and that alone read integers; None for all.
        signed: activations become int8 instead of uint8.
        options: of ONNX Runtime's quantiser, its `extra_options`.
    """

    operators: frozenset[str] | None = None
    signed: bool = False
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Ranges:
    """Ranges of activations in a file, and the method that they were taken by."""

    path: Path
    method: Method


#: Every node of the body: ONNX Runtime fuses a node with integers around it into one that computes in integers.
EVERYWHERE = Layout()


class Quantizer:
    """An exported student that is prepared once and quantised in several ways; made by `prepared`.

    Attributes:
        units: names of the body's convolutions to the names of the nodes that make one layer, see `convolution_units`.
    """

    def __init__(self, model: bytes, folder: Path) -> None:
        """Folds constants, infers shapes and finds the body.

        Args:
            model: the FP32 ONNX file's content.
            folder: an empty folder for files in between, which outlives this object.

        Raises:
            ValueError: if the model has no convolution on its input.
        """
        import onnx
        from onnxruntime.quantization.shape_inference import quant_pre_process

        source = folder / "fp32.onnx"
        source.write_bytes(model)
        self._folder = folder
        self._whole, self._body = folder / "prepared.onnx", folder / "body.onnx"
        quant_pre_process(source, self._whole, skip_symbolic_shape=True)
        whole = onnx.load(self._whole)
        shuffle_channels_last(whole.graph)
        onnx.save(whole, self._whole)
        self._properties = {entry.key: entry.value for entry in onnx.load_from_string(model).metadata_props}
        self._nodes = convolutional_body(whole.graph)
        if not self._nodes:
            raise ValueError("quantisation: expected a model with convolutions on its input, found none")
        self.units = convolution_units(self._nodes)
        ends = body_outputs(whole.graph, self._nodes)
        body = onnx.utils.Extractor(whole).extract_model([INPUT_NAME], ends)
        body.metadata_props.extend(whole.metadata_props)  # they say that it is prepared
        onnx.save(body, self._body)

    def body(self) -> bytes:
        """Returns the body alone in FP32, an ONNX file from `images` to the tensors that the decoding reads."""
        return self._body.read_bytes()

    def calibrate(self, canvases: Canvases, config: CalibrationConfig) -> Ranges:
        """Takes the ranges of the body's activations.

        Args:
            canvases: inputs as the task prepares them, from training images; read one at a time.
            config: method and percentile.

        Raises:
            ValueError: if there is no canvas.
        """
        from onnxruntime.quantization import create_calibrator
        from onnxruntime.quantization.calibrate import save_tensors_data

        if len(canvases) == 0:
            raise ValueError("calibration: expected at least one calibration image, got none")
        path = self._folder / f"ranges_{len(list(self._folder.iterdir()))}.json"
        reader = CanvasReader(canvases)
        with redirect_stdout(StringIO()):  # the histogram methods print
            calibrator = create_calibrator(
                self._body,
                sorted({node.op_type for node in self._nodes}),
                augmented_model_path=str(self._folder / "augmented.onnx"),
                calibrate_method=_library_method(config.method),
                extra_options={"symmetric": False, "percentile": config.percentile},
            )
            for index in range(len(canvases)):  # it keeps what it was given until this call ends
                reader.set_range(index, index + 1)
                calibrator.collect_data(reader)
            save_tensors_data(calibrator.compute_data(), path)
        return Ranges(path, config.method)

    def quantize(
        self,
        ranges: Ranges,
        *,
        per_channel: bool,
        reduce_range: bool,
        layout: Layout = EVERYWHERE,
        in_float: Sequence[str] = (),
        body_only: bool = False,
    ) -> bytes:
        """Quantises the body.

        Args:
            ranges: of `calibrate`.
            per_channel: one weight scale per output channel instead of one per tensor.
            reduce_range: 7-bit weights.
            layout: which tensors become integers.
            in_float: names of convolutions, keys of `units`, that are left in float with their activations, and that
                read float where nothing else reads the tensor.
            body_only: gives the INT8 form of `body`, instead of that of the whole student.

        Returns:
            The INT8 file's content, with the tensors and the metadata of the FP32 file.
        """
        import onnx
        from onnxruntime.quantization import QuantFormat, QuantType, quantize_static

        left_out = {node for convolution in in_float for node in self.units[convolution]}
        wanted = [node for node in self._nodes if layout.operators is None or node.op_type in layout.operators]
        target = self._folder / "quantised.onnx"
        quantize_static(
            self._body if body_only else self._whole,
            target,
            calibration_data_reader=None,
            calibration_cache_path=ranges.path,
            calibrate_method=_library_method(ranges.method),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=sorted({node.op_type for node in wanted}),
            nodes_to_quantize=[node.name for node in wanted if node.name not in left_out],
            per_channel=per_channel,
            reduce_range=reduce_range,
            activation_type=QuantType.QInt8 if layout.signed else QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            extra_options=dict(layout.options),
        )
        quantised = onnx.load(target)
        if layout.operators is not None:
            read_float(quantised.graph, layout.operators)
        drop_rounding_before(quantised.graph, left_out)
        return self._finished(quantised)

    def quantize_dynamic(self, *, reduce_range: bool) -> bytes:
        """Quantises the weights of the body's convolutions; the ranges of activations are taken while it runs.

        Weights are uint8 with one scale per tensor: ONNX Runtime's kernel for CPUs takes no others.

        Args:
            reduce_range: 7-bit weights.

        Returns:
            As `quantize`.
        """
        import onnx
        from onnxruntime.quantization import QuantType, quantize_dynamic

        target = self._folder / "quantised.onnx"
        quantize_dynamic(
            self._whole,
            target,
            op_types_to_quantize=["Conv"],
            nodes_to_quantize=[node.name for node in self._nodes if node.op_type == "Conv"],
            per_channel=False,
            reduce_range=reduce_range,
            weight_type=QuantType.QUInt8,
        )
        return self._finished(onnx.load(target))

    def _finished(self, quantised: Any) -> bytes:
        """Returns the file of a quantised `onnx.ModelProto`, with the metadata of the FP32 file, and checks it."""
        import onnx

        drop_unused_operator_sets(quantised)
        leave_number_open(quantised.graph)
        onnx.helper.set_model_props(quantised, self._properties)
        onnx.checker.check_model(quantised, full_check=True)
        return quantised.SerializeToString()


@contextmanager
def prepared(model: bytes) -> Iterator[Quantizer]:
    """Yields a `Quantizer` of an exported student, whose files are gone after the block.

    Args:
        model: the FP32 ONNX file's content.

    Raises:
        ValueError: if the model has no convolution on its input.
    """
    with TemporaryDirectory(prefix="gsam_edge_int8_") as folder:
        yield Quantizer(model, Path(folder))


def quantize_static(model: bytes, calibration: Canvases, config: QuantizationConfig) -> bytes:
    """Quantises the convolutional body of an exported student to INT8 in one given way.

    Args:
        model: the FP32 ONNX file's content.
        calibration: inputs as the task prepares them, from training images; read one at a time.
        config: calibration and weight options.

    Returns:
        The INT8 file's content, with the same tensors and metadata.

    Raises:
        ValueError: if there is no calibration image, or the model has no convolution to quantise.
    """
    with prepared(model) as quantizer:
        ranges = quantizer.calibrate(calibration, config)
        return quantizer.quantize(ranges, per_channel=config.per_channel, reduce_range=config.reduce_range)


def _library_method(method: Method) -> Any:
    """Returns ONNX Runtime's name of a method."""
    from onnxruntime.quantization import CalibrationMethod

    return {
        "minmax": CalibrationMethod.MinMax,
        "entropy": CalibrationMethod.Entropy,
        "percentile": CalibrationMethod.Percentile,
    }[method]


def with_notes(content: bytes, notes: Sequence[str]) -> bytes:
    """Returns an exported ONNX file with other notes in its card.

    Args:
        content: the file's content.
        notes: sentences, see `Card.notes`.

    Raises:
        ArtefactError: if the file holds no card.
    """
    import onnx

    model = onnx.load_from_string(content)
    properties = {entry.key: entry.value for entry in model.metadata_props}
    card = replace(Card.from_properties(properties), notes=tuple(notes))
    properties.pop("notes", None)  # a card without notes does not name them
    onnx.helper.set_model_props(model, properties | card.to_properties())
    return model.SerializeToString()
