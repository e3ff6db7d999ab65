"""Runs an exported student in OpenVINO."""

import sys
from collections.abc import Sequence
from importlib.metadata import version
from threading import Lock
from typing import Any, ClassVar, cast

import numpy as np
from numpy.typing import NDArray

from gsam_edge.runtime.archive import unpack
from gsam_edge.runtime.card import ArtefactError, Card
from gsam_edge.runtime.tasks.table import INPUT_NAME, answers_among
from gsam_edge.runtime.tensors import InputTensor

#: The files in the artefact: the graph, with the card in its metadata, and its weights.
GRAPH_FILE, WEIGHTS_FILE = "student.xml", "student.bin"
FILES = (GRAPH_FILE, WEIGHTS_FILE)
#: Where the card stands in the graph's metadata: OpenVINO brings the metadata of an ONNX file there.
CARD_SECTION = "framework"
#: Beside the card: the element type that the graph computes in.
PRECISION_KEY = "inference_precision"

_PRECISIONS = ("f32", "bf16")
_CPU = "CPU"
_LOOPS = frozenset({"If", "Loop", "TensorIterator"})


class OpenVinoEngine:
    """A graph that OpenVINO compiled for a device; see `Engine`.

    Threads may share it: they compute one after the other.
    """

    suffixes: ClassVar[tuple[str, ...]] = (".openvino.zip",)
    device: ClassVar[str] = "cpu"

    def __init__(self, model: Any, compiled: Any) -> None:
        """Wraps an `openvino.Model` and what was compiled from it; see `open`."""
        self.card = model_card(model)
        self.inputs = model_inputs(model)
        self._names = tuple(value.any_name for value in model.outputs)
        self.outputs = answers_among(self._names)
        self._request = compiled.create_infer_request()
        self._lock = Lock()

    @classmethod
    def open(cls, content: bytes, *, threads: int, providers: Sequence[str]) -> "OpenVinoEngine":
        """See `Engine`; providers are OpenVINO's devices ("CPU", "GPU", "NPU"), the CPU where none is named.

        Of several, each operator goes to the first that has it. The file says the element type to compute in: left to
        itself, OpenVINO takes bfloat16 on processors that have it.
        """
        try:
            core = import_openvino().Core()
        except ModuleNotFoundError as error:
            raise ArtefactError(
                f"expected the package {error.name}, which runs such files: pip install openvino"
            ) from error
        installed = core.available_devices
        if missing := [name for name in providers if name not in installed]:
            raise ArtefactError(f"providers: expected some of {installed}, which OpenVINO has here, got {missing}")
        devices = list(providers) or [_CPU]
        model = read_model(core, content)
        settings: dict[str, Any] = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": _precision(model)}
        if _CPU in devices and threads:
            settings["INFERENCE_NUM_THREADS"] = threads
        try:
            compiled = core.compile_model(
                model, devices[0] if len(devices) == 1 else f"HETERO:{','.join(devices)}", settings
            )
        except RuntimeError as error:
            raise ArtefactError(
                f"expected a graph that OpenVINO can compile for {devices}, but: {_in_one_line(error)}"
            ) from error
        return cls(model, compiled)

    @classmethod
    def version(cls) -> str:
        """See `Engine`."""
        return version("openvino")

    def run(self, batch: NDArray[np.float32]) -> dict[str, NDArray[Any]]:
        """See `Engine`."""
        with self._lock:
            answer = self._request.infer({INPUT_NAME: batch}, share_inputs=True)
            named = zip(self._names, answer.to_tuple(), strict=True)
            return {name: array for name, array in named if name in self.outputs}

    def close(self) -> None:
        """See `Engine`."""
        self._request = None


def import_openvino() -> Any:
    """Imports OpenVINO without its telemetry, which reports the mere import to its makers, unasked.

    What is on the network stays untouched, and no file is left in the user's home. A program that has imported OpenVINO
    before has decided itself.
    """
    cast(dict[str, Any], sys.modules).setdefault("openvino_telemetry", None)  # as if it were not installed
    import openvino

    return openvino


def read_model(core: Any, content: bytes) -> Any:
    """Reads an artefact to an `openvino.Model`.

    Args:
        core: an `openvino.Core`.
        content: the artefact.

    Raises:
        ArtefactError: if it is no such archive, OpenVINO cannot read it, or it loops or branches.
    """
    files = unpack(content, FILES)
    if not files[GRAPH_FILE].startswith(b"<"):
        # OpenVINO also reads other formats under this name, some of which name files beside them
        raise ArtefactError(
            f"expected a graph that OpenVINO can read, in XML, got {len(files[GRAPH_FILE])} bytes of another kind"
        )
    try:
        model = core.read_model(model=files[GRAPH_FILE], weights=files[WEIGHTS_FILE])
    except RuntimeError as error:
        raise ArtefactError(
            f"expected a graph that OpenVINO can read, got {len(content)} bytes: {_in_one_line(error)}"
        ) from error
    if found := {node.get_type_name() for node in model.get_ops()} & _LOOPS:
        raise ArtefactError(
            f"operators: expected none that loops or branches, got {sorted(found)}; export the student again"
        )
    return model


def model_card(model: Any) -> Card:
    """Reads the card of an `openvino.Model`.

    Raises:
        ArtefactError: if it holds none.
    """
    if not model.has_rt_info(CARD_SECTION):
        raise ArtefactError(f"metadata of the artefact: expected a section {CARD_SECTION!r} in its rt_info, got none")
    section = model.get_rt_info(CARD_SECTION).value
    texts = section.items() if isinstance(section, dict) else ()
    return Card.from_properties({key: value for key, value in texts if isinstance(value, str)})


def model_inputs(model: Any) -> tuple[InputTensor, ...]:
    """Returns everything that can be fed to an `openvino.Model`."""
    return tuple(
        InputTensor(
            value.any_name,
            tuple(None if side.is_dynamic else side.get_length() for side in value.partial_shape),
            np.dtype(value.element_type.to_dtype()).name,
        )
        for value in model.inputs
    )


def _in_one_line(error: Exception) -> str:
    return " ".join(str(error).split())


def _precision(model: Any) -> str:
    path = [CARD_SECTION, PRECISION_KEY]
    found = model.get_rt_info(path).value if model.has_rt_info(path) else None
    if found not in _PRECISIONS:
        raise ArtefactError(f"metadata {PRECISION_KEY}: expected one of {_PRECISIONS}, got {found!r}")
    return found
