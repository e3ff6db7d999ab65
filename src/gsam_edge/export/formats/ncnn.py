"""Exports a student's network to ncnn; its outputs are decoded by the engine, since ncnn cannot."""

import re
import subprocess
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field

from gsam_edge.export.format import MODULE, BuildData, NotBuilt, Precision, StudentModule
from gsam_edge.export.raw import TwoPart
from gsam_edge.runtime.archive import CARD_FILE, pack, pack_properties, unpack, unpack_properties
from gsam_edge.runtime.card import ArtefactError, Card
from gsam_edge.runtime.engines.ncnn import FILES, PARAM_FILE, WEIGHTS_FILE, NcnnEngine, read_inputs
from gsam_edge.runtime.tasks.table import INPUT_NAME
from gsam_edge.runtime.tensors import InputTensor

if TYPE_CHECKING:
    from torch import nn


class NcnnConfig(BaseModel):
    """Settings of the conversion to ncnn."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    timeout_s: int = Field(gt=0, description="a conversion that takes longer is stopped, seconds")


class Ncnn:
    """The student's network in ncnn, single precision; see `Format`."""

    name = "ncnn"
    suffix = ".ncnn.zip"
    source: str = MODULE
    engine = "ncnn"
    precision: Precision = "single"
    must_be_faster = False  # it is made for other processors
    oldest_runtime: str | None = None
    config = NcnnConfig
    install = 'pip install "gsam_edge[ncnn]"'

    def build(self, source: StudentModule, data: BuildData, config: NcnnConfig) -> bytes | NotBuilt:
        """Converts the network with pnnx, and loads the result once, since pnnx writes layers that ncnn lacks, too."""
        import ncnn  # noqa: F401 - the engine below needs it

        if not isinstance(source.module, TwoPart):
            return NotBuilt("ncnn cannot choose rows by their score, and this student does not tell its decoding")
        decoding = source.module.decoding
        try:
            param, weights = convert(source.module.network, source.card.image_size, decoding.raw_outputs, config)
            properties = source.card.to_properties() | decoding.to_properties()
            content = pack({PARAM_FILE: param, WEIGHTS_FILE: weights, CARD_FILE: pack_properties(properties)})
            NcnnEngine.open(content, threads=data.threads, providers=()).close()
        except ArtefactError as error:
            return NotBuilt(str(error))
        return content

    def read_card(self, content: bytes) -> Card:
        """See `Format`."""
        return Card.from_properties(unpack_properties(unpack(content, FILES)[CARD_FILE]))

    def inputs(self, content: bytes) -> tuple[InputTensor, ...]:
        """See `Format`."""
        return read_inputs(unpack(content, FILES)[PARAM_FILE])


def convert(network: "nn.Module", image_size: int, outputs: Sequence[str], config: NcnnConfig) -> tuple[bytes, bytes]:
    """Converts a network to ncnn with the program of the package pnnx.

    Args:
        network: maps images [1, 3, S, S] to a tuple of tensors; left on the CPU.
        image_size: S.
        outputs: names that the tensors get.
        config: how long it may take.

    Returns:
        ncnn's text of the graph, and the weights.

    Raises:
        ArtefactError: if pnnx fails, takes too long, or finds another number of inputs or outputs.
    """
    import pnnx
    import torch

    with TemporaryDirectory(prefix="gsam_edge_ncnn_") as folder:
        with torch.no_grad():
            example = torch.zeros(1, 3, image_size, image_size)
            traced: Any = torch.jit.trace(network.eval().cpu(), example, check_trace=False)  # type: ignore[no-untyped-call]
        traced.save(str(Path(folder, "student.pt")))
        command = [pnnx.EXEC_PATH, "student.pt", f"inputshape=[1,3,{image_size},{image_size}]", "fp16=0"]
        try:
            ended = subprocess.run(
                command,
                cwd=folder,
                check=False,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=config.timeout_s,
            )
        except subprocess.TimeoutExpired as error:
            raise ArtefactError(f"pnnx: expected an end within {config.timeout_s} s (ncnn.timeout_s)") from error
        written = Path(folder, "student.ncnn.param"), Path(folder, "student.ncnn.bin")
        if ended.returncode != 0 or not all(path.exists() for path in written):
            said = (ended.stderr or ended.stdout).strip().splitlines()[-3:]
            raise ArtefactError(f"pnnx: expected a converted network, got exit code {ended.returncode}: {said}")
        param, weights = (path.read_bytes() for path in written)
    return _named(param.decode(), image_size, outputs).encode(), weights


def _named(param: str, image_size: int, outputs: Sequence[str]) -> str:
    """Gives input and outputs, which pnnx calls in0, out0, out1, their names, and the input its shape."""
    names = {"in0": INPUT_NAME, **{f"out{index}": name for index, name in enumerate(outputs)}}
    magic, counts, *layers = param.splitlines()
    lines = []
    found: set[str] = set()
    for layer in layers:
        kind, name, input_count, output_count, *rest = layer.split()
        tensors, fields = rest[: int(input_count) + int(output_count)], rest[int(input_count) + int(output_count) :]
        found.update(tensor for tensor in tensors if re.fullmatch(r"(in|out)\d+", tensor))
        if kind == "Input":
            fields = [f"0={image_size}", f"1={image_size}", "2=3"]
        lines.append(" ".join([kind, name, input_count, output_count, *(names.get(t, t) for t in tensors), *fields]))
    if found != set(names):
        raise ArtefactError(f"pnnx: expected a network of {sorted(names)}, got {sorted(found)}")
    return "\n".join([magic, counts, *lines, ""])
