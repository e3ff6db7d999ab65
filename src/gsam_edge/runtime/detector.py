"""A detector: an exported student's engine and task together."""

from collections.abc import Sequence
from numbers import Real
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gsam_edge.runtime.card import ArtefactError
from gsam_edge.runtime.engines.engine import Engine
from gsam_edge.runtime.engines.table import open_engine
from gsam_edge.runtime.tasks.table import task_of
from gsam_edge.vision.detections import Detections


class Detector:
    """A student that takes an image and nothing else; `card` is its metadata, with the class names."""

    def __init__(self, engine: Engine, *, score_threshold: float) -> None:
        """Takes an opened artefact; see `open`."""
        if not (isinstance(score_threshold, Real) and 0 <= score_threshold <= 1):
            raise ValueError(f"score_threshold: expected a number in 0..1, got {score_threshold!r}")
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
            ValueError: if the threshold is no number in 0..1.
        """
        engine = open_engine(source, suffix, threads=threads, providers=providers)
        try:
            return cls(engine, score_threshold=score_threshold)
        except ValueError:
            engine.close()
            raise

    def __call__(self, image: NDArray[np.uint8]) -> Detections:
        """Returns the objects in one image, uint8 RGB [H, W, 3], in its own pixels.

        Raises:
            ArtefactError: if an object's class is none of the card's.
        """
        batch, letterbox = self._task.prepare(image, self.card)
        found = self._task.read(self._engine.run(batch), letterbox, self.card, threshold=self._score_threshold)
        known = len(self.card.class_names)
        if strange := sorted({class_id for class_id in found.class_ids.tolist() if not 0 <= class_id < known}):
            raise ArtefactError(
                f"class_ids: expected 0..{known - 1} by the card, which names {known}, got {strange}; it is not this "
                "student's card: export the student again"
            )
        return found

    def close(self) -> None:
        """Frees what the backend holds; the detector is of no use afterwards."""
        self._engine.close()
