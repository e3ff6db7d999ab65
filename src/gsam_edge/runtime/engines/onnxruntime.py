"""Runs an exported student in ONNX Runtime."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from threading import Timer
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from gsam_edge.runtime.card import ArtefactError, Card
from gsam_edge.runtime.engines.onnx_file import require_plain
from gsam_edge.runtime.tasks.table import INPUT_NAME, answers_among
from gsam_edge.runtime.tensors import InputTensor

_CPU = "CPUExecutionProvider"

#: Seconds that loading a file may take, and that its first answer may: a student takes some on the slowest boards, and
#: a file from outside may compute for days.
FIRST_ANSWER_S = 300.0


class OnnxRuntimeEngine:
    """A session of ONNX Runtime with all graph optimisations; see `Engine`."""

    suffixes: ClassVar[tuple[str, ...]] = (".onnx",)
    device: ClassVar[str] = "cpu"

    def __init__(self, session: Any) -> None:
        """Wraps an `onnxruntime.InferenceSession`; see `open`."""
        self._session = session
        self._has_answered = False
        try:
            properties = session.get_modelmeta().custom_metadata_map
            fed = [*session.get_inputs(), *session.get_overridable_initializers()]
            self.inputs = tuple(_input_tensor(value) for value in fed)
            names = [value.name for value in session.get_outputs()]
        except UnicodeDecodeError as error:
            raise ArtefactError(
                f"expected metadata and names of the graph in UTF-8, got {error.object!r:.80}"
            ) from error
        self.card = Card.from_properties(properties)
        self.outputs = answers_among(names)

    @classmethod
    def open(cls, content: bytes, *, threads: int, providers: Sequence[str]) -> "OnnxRuntimeEngine":
        """See `Engine`; providers are ONNX Runtime's execution providers, the CPU's where none is named."""
        # It would write an identity of this machine into the user's cache folder and ask its maker's host, unasked.
        os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
        try:
            import onnxruntime
        except ModuleNotFoundError as error:
            raise ArtefactError(
                f"expected the package {error.name}, which runs such files: pip install onnxruntime"
            ) from error
        installed = onnxruntime.get_available_providers()
        if missing := [name for name in providers if name not in installed]:
            # ONNX Runtime itself would only warn, and compute elsewhere.
            raise ArtefactError(f"providers: expected some of {installed}, which ONNX Runtime has here, got {missing}")
        require_plain(content)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        # ONNX Runtime's own format, which it would look for, is not what was checked
        options.add_session_config_entry("session.load_model_format", "ONNX")
        # Before 1.21 ONNX Runtime cannot be stopped while it loads. It looks between its steps, not within one.
        stop = getattr(options, "set_load_cancellation_flag", lambda _: None)
        with _clock("load", lambda: stop(True)):
            try:
                # its second try with the CPU, which it prints, is of use only to those who asked for something else
                session = onnxruntime.InferenceSession(
                    content, options, providers=list(providers) or [_CPU], enable_fallback=int(bool(providers))
                )
            except _refusals() as error:
                raise ArtefactError(
                    f"expected an ONNX model that ONNX Runtime can load, got {len(content)} bytes: {error}"
                ) from error
        if absent := [name for name in providers if name not in session.get_providers()]:
            raise ArtefactError(
                f"providers: {absent} did not start, ONNX Runtime has only {session.get_providers()}; install the "
                "libraries that they need (ONNX Runtime's page on execution providers names them), or leave them out"
            )
        return cls(session)

    @classmethod
    def version(cls) -> str:
        """See `Engine`."""
        return version("onnxruntime")

    def run(self, batch: NDArray[np.float32]) -> dict[str, NDArray[Any]]:
        """See `Engine`.

        Raises:
            ArtefactError: if the first call fails or gives no answer within `FIRST_ANSWER_S`.
        """
        answers = (self._session.run if self._has_answered else self._first)(self.outputs, {INPUT_NAME: batch})
        return dict(zip(self.outputs, answers, strict=True))

    def _first(self, names: Sequence[str], fed: dict[str, NDArray[np.float32]]) -> list[Any]:
        """Runs a graph that has not answered yet: it may compute without end, or not at all."""
        import onnxruntime

        options = onnxruntime.RunOptions()

        def stop() -> None:
            options.terminate = True

        with _clock("answer its first call", stop):
            try:
                answers: list[Any] = self._session.run(names, fed, options)
            except _refusals() as error:
                raise ArtefactError(f"expected a graph that ONNX Runtime can compute, but: {error}") from error
        self._has_answered = True
        return answers

    def close(self) -> None:
        """See `Engine`."""
        self._session = None


def _input_tensor(value: Any) -> InputTensor:
    """Reads an `onnxruntime.NodeArg`, whose free dimensions are names or None."""
    element = value.type.removeprefix("tensor(").removesuffix(")")
    shape = tuple(side if isinstance(side, int) else None for side in value.shape)
    return InputTensor(value.name, shape, {"float": "float32", "double": "float64"}.get(element, element))


@contextmanager
def _clock(what: str, stop: Callable[[], None]) -> Iterator[None]:
    """Calls `stop` from another thread where the block takes too long; an error in it then is an ArtefactError."""
    ended: list[bool] = []

    def end() -> None:
        ended.append(True)
        stop()

    watch = Timer(FIRST_ANSWER_S, end)
    watch.daemon = True
    watch.start()
    try:
        yield
    except Exception as error:
        if not ended:
            raise
        raise ArtefactError(
            f"expected a file that takes at most {FIRST_ANSWER_S:g} s to {what}, got one that was stopped then; open "
            "only files whose maker you know, or a smaller student"
        ) from error
    finally:
        watch.cancel()


def _refusals() -> tuple[type[Exception], ...]:
    """Returns what ONNX Runtime raises at a file that it cannot use.

    Its messages quote names of the file, which need not be UTF-8.
    """
    from onnxruntime.capi import onnxruntime_pybind11_state as state

    names = ("Fail", "InvalidProtobuf", "InvalidGraph", "InvalidArgument", "NotImplemented", "RuntimeException")
    return (UnicodeDecodeError, *(getattr(state, name) for name in names))
