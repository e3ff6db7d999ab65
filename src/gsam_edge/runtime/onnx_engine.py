"""An exported student in ONNX Runtime."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gsam_edge.runtime.artefact import INPUT_NAME, ArtefactError, StudentCard, interface_fault
from gsam_edge.runtime.postprocess import postprocess
from gsam_edge.runtime.preprocess import preprocess
from gsam_edge.vision.detections import Detections


class OnnxEngine:
    """A student that takes a picture and nothing else."""

    def __init__(self, session: Any, *, score_threshold: float) -> None:
        """Wraps a session; see `from_bytes`."""
        fault = interface_fault([i.name for i in session.get_inputs()], [o.name for o in session.get_outputs()])
        if fault:
            raise ArtefactError(f"ONNX model: {fault}")
        self.card = StudentCard.from_properties(session.get_modelmeta().custom_metadata_map)
        self._session = session
        self._output_names = [o.name for o in session.get_outputs()]
        self._score_threshold = score_threshold

    @classmethod
    def from_bytes(cls, model: bytes, *, score_threshold: float, threads: int) -> "OnnxEngine":
        """An engine on the CPU.

        Args:
            model: the ONNX file's content.
            score_threshold: objects that score less are dropped (0..1).
            threads: threads within one operator; 0 lets ONNX Runtime take one per core.

        Raises:
            ArtefactError: if the bytes are no ONNX model that this runtime can load, the model has other inputs or
                outputs than a student, or its metadata is missing.
        """
        return cls(open_session(model, threads=threads), score_threshold=score_threshold)

    def run(self, batch: NDArray[np.float32]) -> dict[str, NDArray[Any]]:
        """The raw outputs by name for one canvas, float32 [1, 3, S, S], RGB in 0..1."""
        return dict(zip(self._output_names, self._session.run(None, {INPUT_NAME: batch}), strict=True))

    def __call__(self, image: NDArray[np.uint8]) -> Detections:
        """Objects in one picture, uint8 RGB [H, W, 3], in its own pixels."""
        batch, letterbox = preprocess(image, self.card.image_size)
        return postprocess(self.run(batch), letterbox, score_threshold=self._score_threshold)


def onnx_predictor(model: bytes, *, score_threshold: float, threads: int) -> Callable[[], OnnxEngine]:
    """A factory that can be sent to another process and builds the engine there; arguments as for `from_bytes`."""
    return partial(OnnxEngine.from_bytes, model, score_threshold=score_threshold, threads=threads)


def open_session(model: bytes, *, threads: int) -> Any:
    """An `onnxruntime.InferenceSession` on the CPU with all graph optimisations; see `OnnxEngine.from_bytes`."""
    import onnxruntime
    from onnxruntime.capi import onnxruntime_pybind11_state as state

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    refusals = (state.Fail, state.InvalidProtobuf, state.InvalidGraph, state.InvalidArgument, state.NotImplemented)
    try:
        return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except refusals as error:
        raise ArtefactError(
            f"expected an ONNX model that ONNX Runtime can load, got {len(model)} bytes: {error}"
        ) from error
