"""Exports a student to ExecuTorch, for phones: one program with its decoding, convolutions in XNNPACK."""

from contextlib import closing

from pydantic import BaseModel, ConfigDict

from gsam_edge.export.format import MODULE, BuildData, Precision, StudentModule
from gsam_edge.runtime.archive import CARD_FILE, pack, pack_properties, unpack, unpack_properties
from gsam_edge.runtime.card import Card
from gsam_edge.runtime.engines.executorch import FILES, PROGRAM_FILE, ExecuTorchEngine
from gsam_edge.runtime.tensors import InputTensor


class ExecuTorchConfig(BaseModel):
    """The lowering to ExecuTorch has no settings."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ExecuTorch:
    """The student as an ExecuTorch program, single precision; see `Format`."""

    name = "executorch"
    suffix = ".executorch.zip"
    source: str = MODULE
    engine = "executorch"
    precision: Precision = "single"
    must_be_faster = False  # it is made for other processors
    oldest_runtime: str | None = None
    config = ExecuTorchConfig
    install = 'pip install "gsam_edge[executorch]"'

    def build(self, source: StudentModule, data: BuildData, config: ExecuTorchConfig) -> bytes:
        """Lowers the student for one image at a time; what XNNPACK cannot compute, ExecuTorch's own operators do."""
        import torch
        from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
        from executorch.exir import to_edge_transform_and_lower

        size = source.card.image_size
        exported = torch.export.export(source.module.eval().cpu(), (torch.zeros(1, 3, size, size),))
        program = to_edge_transform_and_lower(exported, partitioner=[XnnpackPartitioner()]).to_executorch()
        return pack({PROGRAM_FILE: program.buffer, CARD_FILE: pack_properties(source.card.to_properties())})

    def read_card(self, content: bytes) -> Card:
        """See `Format`."""
        return Card.from_properties(unpack_properties(unpack(content, FILES)[CARD_FILE]))

    def inputs(self, content: bytes) -> tuple[InputTensor, ...]:
        """See `Format`; the program is loaded for this."""
        with closing(ExecuTorchEngine.open(content, threads=0, providers=())) as engine:
            return engine.inputs
