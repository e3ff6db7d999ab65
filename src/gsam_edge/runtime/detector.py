"""A detector: an exported student's engine and task together."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gsam_edge.runtime.engines.engine import Engine
from gsam_edge.runtime.engines.table import open_engine
from gsam_edge.runtime.tasks.table import task_of
from gsam_edge.vision.detections import Detections


class Detector:
    """A student that takes an image and nothing else; `card` is its metadata, with the class names."""

    def __init__(self, engine: Engine, *, score_threshold: float) -> None:
        """Takes an opened artefact; see `open`."""
        self.card = engine.card
        self._engine = engine
        self._task = task_of(engine.card)
        self._score_threshold = score_threshold

    @classmethod
    def open(
        cls,
        source: bytes | str | Path,
        suffix: str | None = None,
        *,
        score_threshold: float,
        threads: int,
        providers: Sequence[str] = (),
    ) -> "Detector":
        """Opens a detector from an exported file.

        Args:
            source: the file, or its content.
            suffix: how the file's name ends, such as ".onnx"; not needed with a path.
            score_threshold: objects that score less are dropped (0..1).
            threads: CPU threads within one operator; 0 lets the backend choose.
            providers: where to compute, by the backend's own names; none is the backend's default.

        Raises:
            ArtefactError: see `open_engine`.
        """
        engine = open_engine(source, suffix, threads=threads, providers=providers)
        return cls(engine, score_threshold=score_threshold)

    def __call__(self, image: NDArray[np.uint8]) -> Detections:
        """Returns the objects in one image, uint8 RGB [H, W, 3], in its own pixels."""
        batch, letterbox = self._task.prepare(image, self.card)
        return self._task.read(self._engine.run(batch), letterbox, self.card, threshold=self._score_threshold)

    def close(self) -> None:
        """Frees what the backend holds; the detector is of no use afterwards."""
        self._engine.close()
