"""Exports a student to LiteRT (TFLite), for phones and small boards: one graph with its decoding."""

import json
import logging
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from gsam_edge.export.calibration import CalibrationCanvases, Canvases
from gsam_edge.export.format import MODULE, BuildData, NotBuilt, Precision, StudentModule
from gsam_edge.export.litert import program
from gsam_edge.export.litert.converter import MAKE, ConverterError, run_converter
from gsam_edge.runtime.archive import CARD_FILE, pack, pack_properties, unpack, unpack_properties
from gsam_edge.runtime.card import Card
from gsam_edge.runtime.engines.litert import FILES, GRAPH_FILE, read_inputs
from gsam_edge.runtime.tasks.table import INPUT_NAME, output_names
from gsam_edge.runtime.tensors import InputTensor

logger = logging.getLogger(__name__)

_INSTALL = f'pip install "gsam_edge[litert]" && {MAKE}'


class LiteRtConfig(BaseModel):
    """Settings of the conversion to LiteRT."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    converter: Path = Field(description="Python of the environment that `make litert-converter` makes")
    timeout_s: int = Field(gt=0, description="a conversion that takes longer is stopped, seconds")


class LiteRtInt8Config(LiteRtConfig):
    """Settings of the quantisation for LiteRT."""

    calibration_images: int = Field(ge=1, description="training images that set the activations' ranges")


class _LiteRtFile:
    """What both artefacts have in common."""

    engine = "ai-edge-litert"
    must_be_faster = False  # it is made for other processors
    oldest_runtime: str | None = None
    install = _INSTALL

    def read_card(self, content: bytes) -> Card:
        """See `Format`."""
        return read_card(content)

    def inputs(self, content: bytes) -> tuple[InputTensor, ...]:
        """See `Format`; the graph is loaded for this."""
        return read_inputs(content)


class LiteRt(_LiteRtFile):
    """The student as a TFLite graph, single precision; see `Format`."""

    name = "litert"
    suffix = ".litert.zip"
    source: str = MODULE
    precision: Precision = "single"
    config = LiteRtConfig

    def build(self, source: StudentModule, data: BuildData, config: LiteRtConfig) -> bytes | NotBuilt:
        """Converts the student for one image at a time, decoding included."""
        import ai_edge_litert  # noqa: F401 - what is built must be run, too, to be compared

        try:
            return to_litert(source, config)
        except ConverterError as error:
            return NotBuilt(str(error))


class LiteRtInt8(_LiteRtFile):
    """The student as a TFLite graph whose convolutional network is in INT8; see `Format`."""

    name = "litert_int8"
    suffix = "_int8.litert.zip"
    source: str = "litert"
    precision: Precision = "integer"
    config = LiteRtInt8Config

    def build(self, source: bytes, data: BuildData, config: LiteRtInt8Config) -> bytes | NotBuilt:
        """Quantises the graph; the ranges are taken from training images."""
        import ai_edge_litert  # noqa: F401 - see `LiteRt.build`

        card = read_card(source)
        canvases = CalibrationCanvases.of_training(
            card, data, what=f"student_{self.source}", count=config.calibration_images
        )
        try:
            return quantize(source, canvases, config, threads=data.threads)
        except ConverterError as error:
            return NotBuilt(str(error))


def to_litert(student: StudentModule, config: LiteRtConfig) -> bytes:
    """Converts a student in the converter's environment; this takes minutes.

    Raises:
        ConverterError: see `run_converter`.
    """
    import torch

    size = student.card.image_size
    shape = [1, 3, size, size]
    module = student.module.eval().cpu()
    with TemporaryDirectory(prefix="gsam_edge_litert_") as name, torch.no_grad():
        folder, example = Path(name), torch.zeros(shape)
        outputs = output_names(student.card, len(module(example)))
        torch.export.save(torch.export.export(module, (example,)), folder / program.PROGRAM)
        logger.info("LiteRT's converter begins; it takes some minutes and says nothing until then")
        written_by = torch.__version__.partition("+")[0]
        job = {"torch": written_by, "input": INPUT_NAME, "shape": shape, "outputs": list(outputs)}
        graph, said = run_converter(
            config.converter, "convert", folder, job, program.FLOAT_FILE, timeout_s=config.timeout_s
        )
    return _packed(graph, student.card.to_properties(), [f"converted by {said['converter']}"])


def quantize(source: bytes, canvases: Canvases, config: LiteRtConfig, *, threads: int) -> bytes:
    """Quantises an artefact in single precision in the converter's environment.

    Args:
        source: the artefact.
        canvases: inputs that set the activations' ranges.
        config: where the converter is, and how long it may take.
        threads: CPU threads that it may use.

    Raises:
        ConverterError: see `run_converter`.
    """
    files = unpack(source, FILES)
    with TemporaryDirectory(prefix="gsam_edge_litert_") as name:
        folder = Path(name)
        (folder / program.FLOAT_FILE).write_bytes(files[GRAPH_FILE])
        _write_canvases(folder / program.CANVASES, canvases)
        job = {"input": INPUT_NAME, "threads": max(1, threads)}
        graph, said = run_converter(
            config.converter, "quantize", folder, job, program.INTEGER_FILE, timeout_s=config.timeout_s
        )
    note = (
        f"INT8 by {said['converter']}, {said.get('operators')} operators of the convolutional network, weights per "
        f"channel; ranges by minmax over {len(canvases)} images"
    )
    return _packed(graph, unpack_properties(files[CARD_FILE]), [note])


def read_card(content: bytes) -> Card:
    """Reads the card of an exported student.

    Raises:
        ArtefactError: if it is no such archive, or one that holds no card.
    """
    return Card.from_properties(unpack_properties(unpack(content, FILES)[CARD_FILE]))


def _packed(graph: bytes, properties: dict[str, str], notes: Sequence[str]) -> bytes:
    """Packs a graph with a card that says what was done, too."""
    earlier: list[Any] = json.loads(properties.get("notes", "[]"))
    properties = properties | {"notes": json.dumps([*earlier, *notes], ensure_ascii=False)}
    return pack({GRAPH_FILE: graph, CARD_FILE: pack_properties(properties)})


def _write_canvases(path: Path, canvases: Canvases) -> None:
    """Writes canvases as one array, one in memory at a time."""
    side = canvases[0].shape[-1]
    shape = (len(canvases), 3, side, side)
    written: Any = np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=shape)
    for index in range(len(canvases)):
        written[index] = canvases[index][0]
    written.flush()
