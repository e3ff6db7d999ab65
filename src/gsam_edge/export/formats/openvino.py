"""Exports a student to OpenVINO: its graph and its weights in one archive."""

import re
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from gsam_edge.export.format import BuildData, Precision
from gsam_edge.runtime.archive import pack
from gsam_edge.runtime.card import Card
from gsam_edge.runtime.engines.openvino import (
    CARD_SECTION,
    FILES,
    GRAPH_FILE,
    PRECISION_KEY,
    import_openvino,
    model_card,
    model_inputs,
    read_model,
)
from gsam_edge.runtime.tensors import InputTensor

#: How OpenVINO calls a node that the ONNX file does not name: by its type, and by its number in this process so far.
#: What becomes of a node, such as the constant that its answer is, takes its name over.
_NUMBERED = re.compile(r"[A-Za-z0-9]+_\d+")


class OpenVinoConfig(BaseModel):
    """Settings of the conversion to OpenVINO."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    weights: Literal["float32", "float16"] = Field(description="element type of the weights in the file")
    inference_precision: Literal["f32", "bf16"] = Field(
        description="element type that is computed in; bf16 where the processor has it, else f32"
    )


class OpenVino:
    """The graph of an ONNX file for OpenVINO; see `Format`."""

    engine = "openvino"
    must_be_faster = True
    oldest_runtime: str | None = None
    config = OpenVinoConfig
    install = 'pip install "gsam_edge[openvino]"'

    def __init__(self, name: str, source: str, precision: Precision) -> None:
        """Makes the format of one precision.

        Args:
            name: the format's name.
            source: the format whose ONNX file it is made from.
            precision: see `Format`.
        """
        self.name, self.source, self.precision = name, source, precision
        self.suffix = f"{name.removeprefix('openvino')}.openvino.zip"

    def build(self, source: bytes, data: BuildData, config: OpenVinoConfig) -> bytes:
        """See `to_openvino`."""
        return to_openvino(source, config)

    def read_card(self, content: bytes) -> Card:
        """See `read_card`."""
        return read_card(content)

    def inputs(self, content: bytes) -> tuple[InputTensor, ...]:
        """See `graph_inputs`."""
        return graph_inputs(content)


def to_openvino(onnx_file: bytes, config: OpenVinoConfig) -> bytes:
    """Converts an ONNX file with a card, in FP32 or INT8 (QDQ); its tensors and metadata stay.

    A batch of any size becomes one of one image: OpenVINO is quicker with fixed shapes, and NPUs take no others.

    Returns:
        The archive that `OpenVinoEngine` opens; the same file gives the same bytes.
    """
    openvino = import_openvino()
    model = openvino.Core().read_model(onnx_file)
    model.reshape({tensor.name: [side or 1 for side in tensor.shape] for tensor in model_inputs(model)})
    for place, node in enumerate(model.get_ordered_ops()):
        if _NUMBERED.fullmatch(node.get_friendly_name()):
            node.set_friendly_name(f"{node.get_type_name()}_at_{place}")
    model.set_rt_info(config.inference_precision, [CARD_SECTION, PRECISION_KEY])
    with TemporaryDirectory(prefix="gsam_edge_openvino_") as folder:
        openvino.save_model(model, Path(folder, GRAPH_FILE), compress_to_fp16=config.weights == "float16")
        return pack({name: Path(folder, name).read_bytes() for name in FILES})


def read_card(content: bytes) -> Card:
    """Reads the card of an exported student.

    Raises:
        ArtefactError: if it is no such archive, or one that holds no card.
    """
    return model_card(_read(content))


def graph_inputs(content: bytes) -> tuple[InputTensor, ...]:
    """Returns everything that can be fed to the graph.

    Raises:
        ArtefactError: if it is no such archive.
    """
    return model_inputs(_read(content))


def _read(content: bytes) -> Any:
    return read_model(import_openvino().Core(), content)
