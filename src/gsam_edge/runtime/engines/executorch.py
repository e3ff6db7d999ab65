"""Runs an exported student in ExecuTorch's runtime, as a phone would."""

from collections.abc import Sequence
from importlib.metadata import version
from threading import Lock
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from gsam_edge.runtime.archive import CARD_FILE, unpack, unpack_properties
from gsam_edge.runtime.card import ArtefactError, Card
from gsam_edge.runtime.tasks.table import INPUT_NAME, output_names
from gsam_edge.runtime.tensors import InputTensor

#: The files in the artefact: the program, and the card's properties, for which a program has no place.
PROGRAM_FILE = "student.pte"
FILES = (PROGRAM_FILE, CARD_FILE)

_METHOD = "forward"
_ELEMENTS = {4: "int64", 5: "float16", 6: "float32", 7: "float64"}  # ScalarType of ExecuTorch and PyTorch


class ExecuTorchEngine:
    """A program of ExecuTorch on the CPU; threads may share it, which compute one after the other; see `Engine`.

    ExecuTorch has one pool of threads for the whole process: opening an engine sets its size for all of them.
    """

    suffixes: ClassVar[tuple[str, ...]] = (".executorch.zip",)
    device: ClassVar[str] = "cpu"

    def __init__(self, program: Any, card: Card) -> None:
        """Wraps an `executorch.runtime.Program`, which holds the memory of its methods; see `open`."""
        self._program = program
        method = program.load_method(_METHOD)
        self._lock = Lock()
        self.card = card
        facts = method.metadata
        # A program numbers its tensors: the first input is the image, outputs stand in the order of the task.
        names = [INPUT_NAME, *(f"input {index}" for index in range(1, facts.num_inputs()))]
        self.inputs = tuple(
            _input_tensor(name, facts.input_tensor_meta(index))
            for index, name in zip(range(facts.num_inputs()), names, strict=False)
        )
        try:
            self.outputs = output_names(card, facts.num_outputs())
        except ValueError as error:
            raise ArtefactError(f"{PROGRAM_FILE}: {error}") from error

    @classmethod
    def open(cls, content: bytes, *, threads: int, providers: Sequence[str]) -> "ExecuTorchEngine":
        """See `Engine`; the program itself says where it computes, so there is no provider to choose."""
        try:
            from executorch.extension.pybindings import portable_lib
            from executorch.runtime import Runtime
        except ModuleNotFoundError as error:
            raise ArtefactError(f"expected {error.name}, which runs such files: pip install executorch") from error
        if providers:
            raise ArtefactError(f"providers: expected none, the program says where it runs, got {list(providers)}")
        files = unpack(content, FILES)
        card = Card.from_properties(unpack_properties(files[CARD_FILE]))
        if threads:
            portable_lib._unsafe_reset_threadpool(threads)  # "unsafe" while a program runs
        try:
            return cls(Runtime.get().load_program(files[PROGRAM_FILE]), card)
        except (RuntimeError, KeyError) as error:
            size = len(files[PROGRAM_FILE])
            raise ArtefactError(f"{PROGRAM_FILE}: expected an ExecuTorch program, got {size} bytes: {error}") from error

    @classmethod
    def version(cls) -> str:
        """See `Engine`."""
        return version("executorch")

    def run(self, batch: NDArray[np.float32]) -> dict[str, NDArray[Any]]:
        """See `Engine`; a program takes one image at a time."""
        import torch  # the runtime's Python binding takes PyTorch's tensors and no others

        method = self._program.load_method(_METHOD)  # once loaded, it stays
        with self._lock:
            answers = [
                [output.numpy() for output in method.execute([torch.from_numpy(canvas)])]
                for canvas in np.ascontiguousarray(batch, np.float32)[:, None]
            ]
        return {name: np.concatenate(rows) for name, rows in zip(self.outputs, zip(*answers, strict=True), strict=True)}

    def close(self) -> None:
        """See `Engine`."""
        self._program = None


def _input_tensor(name: str, facts: Any) -> InputTensor:
    """Reads an ExecuTorch `TensorInfo`."""
    number = facts.dtype()
    return InputTensor(name, tuple(facts.sizes()), _ELEMENTS.get(number, f"scalar type {number}"))
