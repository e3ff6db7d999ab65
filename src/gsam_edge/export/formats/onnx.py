"""Exports a trained student to ONNX."""

import warnings
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from gsam_edge.export.end_to_end import DETECT, metadata
from gsam_edge.export.format import BuildData, Precision, StudentModule
from gsam_edge.runtime.card import ArtefactError, Card
from gsam_edge.runtime.tasks.table import INPUT_NAME, ROWS_NAME, output_names
from gsam_edge.runtime.tensors import InputTensor


class OnnxConfig(BaseModel):
    """Settings of the ONNX export."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    opset: int = Field(
        ge=13, le=20, description="ONNX operator set; 13 is the first with weights quantised per channel"
    )


class Onnx:
    """The ONNX format, whose outputs equal PyTorch's; see `Format`."""

    name = "onnx"
    suffix = ".onnx"
    source = "module"
    engine = "onnxruntime"
    precision: Precision = "single"
    must_be_faster = False
    oldest_runtime: str | None = "onnxruntime 1.15.1"
    config = OnnxConfig
    install = "pip install onnx onnxslim"

    def build(self, source: StudentModule, data: BuildData, config: OnnxConfig) -> bytes:
        """See `to_onnx`."""
        return to_onnx(source, config)

    def read_card(self, content: bytes) -> Card:
        """See `read_card`."""
        return read_card(content)

    def inputs(self, content: bytes) -> tuple[InputTensor, ...]:
        """See `graph_inputs`."""
        return graph_inputs(content)


def to_onnx(student: StudentModule, config: OnnxConfig) -> bytes:
    """Traces a student for any number of images, simplifies the graph and writes the card into it.

    Beside the task's outputs the file has `output0`, the same answers as Ultralytics reads them (`export.end_to_end`),
    and keeps the names of the student's stages for tensors within the graph (`export.stages`). The module is left in
    evaluation mode on the CPU, where it is traced.

    Args:
        student: the module and the card of the file; the card's `image_size` is S.
        config: the operator set.

    Returns:
        The file's content: input `images` [any, 3, S, S]; `output0`, then the outputs as the card's task names them.

    Raises:
        ValueError: if the module's output is not a tuple of its task's outputs.
        onnx.checker.ValidationError: if the graph is not valid ONNX.
    """
    import onnx
    import onnxslim
    import torch
    from torch.jit._trace import TracerWarning

    from gsam_edge.export.traced import TracedStudent, example_outputs

    module, card = student.module.eval().cpu(), student.card
    example = torch.zeros(2, 3, card.image_size, card.image_size)  # of one image, tracing would fix the number
    answers, stages = example_outputs(module, example)
    outputs = [ROWS_NAME, *output_names(card, len(answers))]
    names = [INPUT_NAME, *outputs, *stages]
    with TemporaryDirectory(prefix="gsam_edge_onnx_") as folder, warnings.catch_warnings():
        # The other exporter needs onnxscript. The tracer warns of shapes that become constants, which is intended.
        warnings.simplefilter("ignore", DeprecationWarning)
        warnings.simplefilter("ignore", TracerWarning)
        path = Path(folder, "student.onnx")
        torch.onnx.export(
            TracedStudent(module).eval(),
            (example,),
            path,
            input_names=names[:1],
            output_names=names[1:],
            dynamic_axes={name: {0: "batch"} for name in names},
            opset_version=config.opset,
            dynamo=False,
        )
        model = onnxslim.slim(onnx.load(path))
    kept = [value for value in model.graph.output if value.name in outputs]
    del model.graph.output[:]
    model.graph.output.extend(kept)
    return finished(model, card)


def finished(model: Any, card: Card, *, task: str = DETECT) -> bytes:
    """Writes the card into a graph, and for Ultralytics its own metadata; returns the file's content.

    Args:
        model: the student's `onnx.ModelProto`, which is changed.
        card: of the file.
        task: what Ultralytics finds in the file, `end_to_end.DETECT` or `SEGMENT`.

    Raises:
        onnx.checker.ValidationError: if the graph is not valid ONNX.
    """
    import onnx

    leave_number_open(model.graph)
    onnx.helper.set_model_props(model, card.to_properties() | metadata(card, task))
    onnx.checker.check_model(model, full_check=True)
    content: bytes = model.SerializeToString()
    return content


def leave_number_open(graph: Any) -> None:
    """Takes the name away that tracing, or the inference of shapes, gave the number of images of inputs and outputs.

    To Ultralytics a name there means images of any size, and it would not read their size from the metadata.
    """
    for value in (*graph.input, *graph.output):
        images = value.type.tensor_type.shape.dim[0]
        if images.HasField("dim_param"):
            images.ClearField("dim_param")
    del graph.value_info[:]  # which repeat the name


def with_outputs(content: bytes, names: Sequence[str]) -> bytes:
    """Returns an ONNX file that gives tensors within its graph as outputs, too; names that it lacks are left out.

    Raises:
        ArtefactError: if the bytes are no ONNX file.
    """
    model = parsed(content)
    present = {name for node in model.graph.node for name in node.output}
    for name in names:
        if name in present:
            model.graph.output.add(name=name)
    opened: bytes = model.SerializeToString()
    return opened


def read_card(content: bytes) -> Card:
    """Reads the card of an exported student.

    Raises:
        ArtefactError: if the bytes are no ONNX file, or one that holds no card.
    """
    return Card.from_properties({entry.key: entry.value for entry in parsed(content).metadata_props})


def graph_inputs(content: bytes) -> tuple[InputTensor, ...]:
    """Returns everything that can be fed to an ONNX file, read from the graph itself.

    An input with an initializer counts: whoever runs the graph may feed it, so it is a prompt with a default.

    Raises:
        ArtefactError: if the bytes are no ONNX file.
    """
    return tuple(_input_tensor(value) for value in parsed(content).graph.input)


def _input_tensor(value: Any) -> InputTensor:
    """Reads an `onnx.ValueInfoProto`; what is no tensor (a sequence, a map) has its kind for its dtype and no shape."""
    import onnx

    kind = value.type.WhichOneof("value") or "no type"
    if kind != "tensor_type":
        return InputTensor(value.name, (), kind)
    tensor = value.type.tensor_type
    try:
        dtype = onnx.helper.tensor_dtype_to_np_dtype(tensor.elem_type).name
    except (KeyError, ValueError):  # a number that this version of ONNX gives no meaning
        dtype = f"element type {tensor.elem_type}"
    sides = tuple(side.dim_value if side.HasField("dim_value") else None for side in tensor.shape.dim)
    return InputTensor(value.name, sides, dtype)


def parsed(content: bytes) -> Any:
    """Parses the file to an `onnx.ModelProto`.

    Raises:
        ArtefactError: if the bytes are no ONNX file.
    """
    import onnx
    from google.protobuf.message import DecodeError

    try:
        return onnx.load_from_string(content)
    except DecodeError as error:
        raise ArtefactError(f"expected an ONNX file, got {len(content)} bytes: {error}") from error
