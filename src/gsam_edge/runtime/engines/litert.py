"""Runs an exported student in LiteRT, the runtime of TFLite files, as a phone or a small board would."""

from collections.abc import Mapping, Sequence
from importlib.metadata import version
from threading import Lock
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from gsam_edge.runtime.archive import CARD_FILE, unpack, unpack_properties
from gsam_edge.runtime.card import ArtefactError, Card
from gsam_edge.runtime.tasks.table import output_names
from gsam_edge.runtime.tensors import InputTensor

#: The files in the artefact: the graph with its weights, and the card's properties.
GRAPH_FILE = "student.tflite"
FILES = (GRAPH_FILE, CARD_FILE)


class LiteRtEngine:
    """A TFLite graph on the CPU, by XNNPACK where it can; threads may share it, and compute in turn; see `Engine`."""

    suffixes: ClassVar[tuple[str, ...]] = (".litert.zip",)
    device: ClassVar[str] = "cpu"

    def __init__(self, interpreter: Any, card: Card) -> None:
        """Wraps an `ai_edge_litert.interpreter.Interpreter`; see `open`.

        Raises:
            ArtefactError: if it has other outputs than a student, or several graphs.
        """
        self._interpreter = interpreter
        self._lock = Lock()
        self.card = card
        if (graphs := interpreter.num_subgraphs()) != 1:  # a loop and a branch keep their bodies in graphs of their own
            raise ArtefactError(f"{GRAPH_FILE}: expected one graph without loops and branches, got {graphs} graphs")
        signatures = interpreter.get_signature_list()
        if len(signatures) != 1:
            raise ArtefactError(f"{GRAPH_FILE}: expected one signature, got {sorted(signatures)}")
        runner = interpreter.get_signature_runner()
        inputs, outputs = _names(runner.get_input_details()), _names(runner.get_output_details())
        # of the whole graph, so that nothing that can be fed stays unseen because the signature does not name it
        fed = interpreter.get_input_details()
        self.inputs = tuple(_input_tensor(inputs.get(facts["index"], facts["name"]), facts) for facts in fed)
        self._fed = fed[0]["index"] if fed else None
        try:
            self.outputs = output_names(card, len(outputs))
        except ValueError as error:
            raise ArtefactError(f"{GRAPH_FILE}: {error}") from error
        if set(self.outputs) != set(outputs.values()):
            raise ArtefactError(
                f"{GRAPH_FILE}: expected the outputs {list(self.outputs)}, got {sorted(outputs.values())}"
            )
        self._indices = {name: index for index, name in outputs.items()}

    @classmethod
    def open(cls, content: bytes, *, threads: int, providers: Sequence[str]) -> "LiteRtEngine":
        """See `Engine`; there is one provider, the CPU, which needs no name. With 0 threads LiteRT takes one."""
        try:
            from ai_edge_litert.interpreter import Interpreter
        except ModuleNotFoundError as error:
            raise ArtefactError(f"expected {error.name}, which runs such files: pip install ai-edge-litert") from error
        if providers:
            raise ArtefactError(f"providers: expected none, LiteRT computes on the CPU here, got {list(providers)}")
        files = unpack(content, FILES)
        card = Card.from_properties(unpack_properties(files[CARD_FILE]))
        graph = files[GRAPH_FILE]
        if not graph:
            raise ArtefactError(f"{GRAPH_FILE}: expected a TFLite graph, got 0 bytes")
        try:
            interpreter = Interpreter(model_content=graph, num_threads=threads or None)
            interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            said = " ".join(str(error).split())
            raise ArtefactError(
                f"{GRAPH_FILE}: expected a graph that LiteRT {cls.version()} runs, got {len(graph)} bytes: {said}"
            ) from error
        return cls(interpreter, card)

    @classmethod
    def version(cls) -> str:
        """See `Engine`."""
        return version("ai-edge-litert")

    def run(self, batch: NDArray[np.float32]) -> dict[str, NDArray[Any]]:
        """See `Engine`; the graph takes one image at a time."""
        with self._lock:
            answers = [self._answer(canvas) for canvas in np.ascontiguousarray(batch, np.float32)[:, None]]
        return {name: np.concatenate([answer[name] for answer in answers]) for name in self.outputs}

    def close(self) -> None:
        """See `Engine`."""
        self._interpreter = None

    def _answer(self, canvas: NDArray[np.float32]) -> dict[str, NDArray[Any]]:
        """Returns copies of the outputs for one canvas [1, 3, S, S]."""
        self._interpreter.set_tensor(self._fed, canvas)
        self._interpreter.invoke()
        found = {name: self._interpreter.get_tensor(self._indices[name]) for name in self.outputs}
        # LiteRT's accelerators have no 64-bit integers, so the file holds narrower ones
        return {name: array.astype(np.int64) if array.dtype.kind == "i" else array for name, array in found.items()}


def read_inputs(content: bytes) -> tuple[InputTensor, ...]:
    """Returns everything that can be fed to an artefact's graph.

    Raises:
        ArtefactError: see `LiteRtEngine.open`.
    """
    engine = LiteRtEngine.open(content, threads=1, providers=())
    try:
        return engine.inputs
    finally:
        engine.close()


def _names(details: Mapping[str, Mapping[str, Any]]) -> dict[int, str]:
    """Returns the names that a signature gives to tensors, by their index."""
    return {facts["index"]: name for name, facts in details.items()}


def _input_tensor(name: str, facts: Mapping[str, Any]) -> InputTensor:
    """Reads LiteRT's details of a tensor; its signature has -1 for a side that the file leaves open."""
    sides = facts["shape_signature"] if len(facts["shape_signature"]) else facts["shape"]
    shape = tuple(None if side < 0 else int(side) for side in sides)
    return InputTensor(name, shape, np.dtype(facts["dtype"]).name)
