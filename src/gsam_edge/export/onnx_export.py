"""A trained student as an ONNX file."""

import warnings
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from gsam_edge.runtime.artefact import INPUT_NAME, MASKS_NAME, OUTPUT_NAMES, ArtefactError, StudentCard

if TYPE_CHECKING:
    from torch import nn


class OnnxConfig(BaseModel):
    """How a student is written as ONNX."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    opset: int = Field(
        ge=13, le=20, description="ONNX operator set; 13 is the first with weights quantised per channel"
    )


def to_onnx(module: "nn.Module", card: StudentCard, config: OnnxConfig) -> bytes:
    """Traces a student for one image at a time, simplifies the graph and writes the card into it.

    The module is left in evaluation mode on the CPU, where it is traced.

    Args:
        module: `forward(images [1, 3, S, S] float32, RGB 0..1)` gives the tuple boxes [1, N, 4], scores [1, N],
            class_ids [1, N] int64 and, from a student with masks, masks [1, N, h, w].
        card: what the file says about itself; its `image_size` is S.
        config: the operator set.

    Returns:
        The file's content: input `images`; outputs `boxes`, `scores`, `class_ids` and, with masks, `masks`.

    Raises:
        ValueError: if the module's answer is not a tuple of three or four tensors.
        onnx.checker.ValidationError: if the graph is not valid ONNX.
    """
    import onnx
    import onnxslim
    import torch
    from torch.jit._trace import TracerWarning

    module = module.eval().cpu()
    example = torch.zeros(1, 3, card.image_size, card.image_size)
    with torch.no_grad():
        answer = module(example)
    names = [*OUTPUT_NAMES, MASKS_NAME]
    if not isinstance(answer, tuple) or len(answer) not in (len(names) - 1, len(names)):
        what = f"{len(answer)} outputs" if isinstance(answer, tuple) else type(answer).__name__
        raise ValueError(f"to_onnx: expected a module that gives the tuple {names[:-1]} or {names}, got {what}")

    with TemporaryDirectory(prefix="gsam_edge_onnx_") as folder, warnings.catch_warnings():
        # The other exporter needs onnxscript; and what the tracer warns of (a shape that became a constant) is meant.
        warnings.simplefilter("ignore", DeprecationWarning)
        warnings.simplefilter("ignore", TracerWarning)
        path = Path(folder, "student.onnx")
        torch.onnx.export(
            module,
            (example,),
            path,
            input_names=[INPUT_NAME],
            output_names=names[: len(answer)],
            opset_version=config.opset,
            dynamo=False,
        )
        model = onnxslim.slim(onnx.load(path))
    onnx.helper.set_model_props(model, card.to_properties())
    onnx.checker.check_model(model, full_check=True)
    return model.SerializeToString()


def read_card(model: bytes) -> StudentCard:
    """What an exported student says about itself.

    Raises:
        ArtefactError: if the bytes are no ONNX file, or one that holds no card.
    """
    import onnx
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

    try:
        properties = onnx.load_from_string(model).metadata_props
    except DecodeError as error:
        raise ArtefactError(f"expected an ONNX file, got {len(model)} bytes: {error}") from error
    return StudentCard.from_properties({entry.key: entry.value for entry in properties})
