"""The process in which one artefact is measured; `measure` starts it and sends it messages over its standard streams.

Messages are pickled tuples: ("load", factory, threads), ("predict", image, prompt) and ("memory",) come in; ("done",
value), ("refused", message) and ("failed", traceback) go out. The process ends when its input does.
"""

import pickle
import sys
import time
import traceback
from collections.abc import Callable
from io import BufferedReader
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from gsam_edge.coco.packed import PackedDetections
from gsam_edge.evaluate.memory import peak_memory_mb
from gsam_edge.training.interpreter import own_streams
from gsam_edge.vision import Detections
from gsam_edge.vision.errors import UserError


class Worker:
    """One loaded artefact and the requests that it serves."""

    def __init__(self) -> None:
        self._predict: Callable[..., Detections] | None = None

    def load(self, factory: Callable[[], Callable[..., Detections]], threads: int) -> None:
        """Builds the predictor and limits the threads of torch and OpenCV where it has loaded them."""
        self._predict = factory()
        if "torch" in sys.modules:
            sys.modules["torch"].set_num_threads(threads)
        if "cv2" in sys.modules:
            sys.modules["cv2"].setNumThreads(threads)

    def predict(self, image: NDArray[np.uint8], prompt: Any) -> tuple[PackedDetections, float, dict[str, float]]:
        """Returns the packed detections of one image, the milliseconds of the whole call, and those of its parts.

        Packing is not included. A predictor that tells the parts of a call apart has a method `staged`.
        """
        if self._predict is None:
            raise RuntimeError("expected a factory to be loaded before the first image")
        staged, stages_ms = getattr(self._predict, "staged", None), {}
        _synchronise()
        start = time.perf_counter()
        if prompt is None and staged is not None:
            detections, stages_ms = staged(image)
        else:
            detections = self._predict(*((image,) if prompt is None else (image, prompt)))
        _synchronise()
        latency_ms = (time.perf_counter() - start) * 1000
        return PackedDetections.pack(detections), latency_ms, stages_ms

    def memory(self) -> tuple[float, float | None]:
        """Returns peak megabytes (10^6 bytes) of this process and of the GPU memory that torch took, else None."""
        cuda = _cuda()
        return peak_memory_mb(), None if cuda is None else cuda.max_memory_reserved() / 1e6


def _cuda() -> Any:
    """Returns `torch.cuda` if the artefact uses it, else None."""
    torch = sys.modules.get("torch")
    return torch.cuda if torch is not None and torch.cuda.is_initialized() else None


def _synchronise() -> None:
    """Waits for queued work on the GPU, so that the timing includes it."""
    cuda = _cuda()
    if cuda is not None:
        cuda.synchronize()


def serve(requests: BufferedReader, answers: BinaryIO) -> None:
    """Replies to requests until there are no more; an exception is sent as a reply, too."""
    worker = Worker()
    actions: dict[str, Callable[..., Any]] = {"load": worker.load, "predict": worker.predict, "memory": worker.memory}
    while requests.peek(1):
        try:
            name, *arguments = pickle.load(requests)  # noqa: S301 - our own parent process sent it
            answer: tuple[str, Any] = ("done", actions[name](*arguments))
        except UserError as error:
            answer = ("refused", str(error))
        except Exception:  # noqa: BLE001 - handed to the parent, which raises it
            answer = ("failed", traceback.format_exc())
        pickle.dump(answer, answers, protocol=pickle.HIGHEST_PROTOCOL)
        answers.flush()


def main() -> None:
    """Serves the parent on standard input and output; what libraries print goes to standard error instead."""
    serve(*own_streams())


if __name__ == "__main__":
    main()
