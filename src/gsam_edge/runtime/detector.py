"""A detector: an exported student's engine and task together."""

from collections.abc import Mapping, Sequence
from numbers import Real
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gsam_edge.runtime.card import ArtefactError, Card
from gsam_edge.runtime.engines.engine import Engine
from gsam_edge.runtime.engines.table import open_engine
from gsam_edge.runtime.tasks.table import task_of
from gsam_edge.vision.detections import Detections
from gsam_edge.vision.letterbox import Letterbox


class Detector:
    """A student that takes an image and nothing else.

    `card` is its metadata, with the class names; `score_threshold` the score (0..1) from which objects are returned:
    one number, or one for each class.

    Several threads may call one detector at the same time. Not while another closes it.
    """

    def __init__(self, engine: Engine, *, score_threshold: float | Sequence[float] | None = None) -> None:
        """Takes an opened artefact; see `open`."""
        self.card = engine.card
        self._engine = engine
        self._task = task_of(engine.card)
        self.score_threshold = _threshold(score_threshold, engine.card)

    @classmethod
    def open(
        cls,
        source: bytes | str | Path,
        suffix: str | None = None,
        *,
        score_threshold: float | Sequence[float] | None = None,
        threads: int,
        providers: Sequence[str] = (),
    ) -> "Detector":
        """Opens a detector from an exported file.

        Args:
            source: the file, a folder of versions as Kedro writes it, whose newest is taken, or a file's content.
            suffix: how the file's name ends, such as ".onnx"; not needed with a path.
            score_threshold: objects that score less are dropped (0..1): one number, or one for each class; None takes
                the card's `recommended_thresholds`.
            threads: CPU threads within one operator; 0 lets the backend choose.
            providers: where to compute, by the backend's own names; none is the backend's default.

        Raises:
            ArtefactError: see `open_engine`; or if no threshold is given and the card recommends none.
            ValueError: if the threshold is no number in 0..1, and not one for each class.
        """
        engine = open_engine(source, suffix, threads=threads, providers=providers)
        try:
            return cls(engine, score_threshold=score_threshold)
        except (ArtefactError, ValueError):
            engine.close()
            raise

    def __call__(self, image: NDArray[np.uint8]) -> Detections:
        """Returns the objects in one image, uint8 RGB [H, W, 3], in its own pixels.

        Raises:
            ArtefactError: if the artefact gives no sound outputs, or an object's class is none of the card's.
        """
        return self._found(*self._task.prepare(image, self.card))

    @property
    def takes_several(self) -> bool:
        """Whether the artefact computes several images in one call."""
        return self._engine.inputs[0].shape[0] is None

    def all(self, images: Sequence[NDArray[np.uint8]]) -> list[Detections]:
        """Returns the objects of each of some images, uint8 RGB [H, W, 3], of any sizes.

        They are computed in one call where the artefact takes several, and one by one where it does not.

        Raises:
            ArtefactError: see `__call__`.
        """
        if not (self.takes_several and len(images) > 1):
            return [self(image) for image in images]
        batches, letterboxes = zip(*(self._task.prepare(image, self.card) for image in images), strict=True)
        outputs = self._engine.run(np.concatenate(batches))
        return [
            self._read({name: output[row : row + 1] for name, output in outputs.items()}, letterbox)
            for row, letterbox in enumerate(letterboxes)
        ]

    def file(self, source: bytes | str | Path, *, max_pixels: int, reduced: bool = False) -> Detections:
        """Returns the objects in one image file, in pixels of the image as its EXIF orientation turns it.

        It copies the image's pixels less often than `decode_image` and `__call__` do.

        Args:
            source: the file, or its content.
            max_pixels: images with more pixels (width x height) are refused before they are decoded.
            reduced: whether a JPEG that becomes half as large or smaller on the input may be decoded at 1/2, 1/4 or 1/8
                of its size, which takes less time and gives slightly other pixels than those that evaluation measured.
                Otherwise the answer is that for `decode_image`'s array.

        Raises:
            ImageError: see `decode_image`.
            ArtefactError: see `__call__`.
            FileNotFoundError: if there is no such file.
        """
        content, name = (source, "image") if isinstance(source, bytes) else (Path(source).read_bytes(), str(source))
        prepared = self._task.prepare_file(content, self.card, name=name, max_pixels=max_pixels, reduced=reduced)
        return self._found(*prepared)

    def _found(self, batch: NDArray[np.float32], letterbox: Letterbox) -> Detections:
        """Runs the network on a prepared image and reads what it found."""
        return self._read(self._engine.run(batch), letterbox)

    def _read(self, outputs: Mapping[str, NDArray[Any]], letterbox: Letterbox) -> Detections:
        """Reads what the network found in one image."""
        try:
            found = self._task.read(outputs, letterbox, self.card, threshold=self.score_threshold)
        except ValueError as error:
            raise ArtefactError(f"{error}; such a file is no sound student: export the student again") from error
        known = len(self.card.class_names)
        if strange := sorted({class_id for class_id in found.class_ids.tolist() if not 0 <= class_id < known}):
            raise ArtefactError(
                f"class_ids: expected 0..{known - 1} by the card, which names {known}, got {strange}; it is not this "
                "student's card: export the student again"
            )
        return found

    def staged(self, image: NDArray[np.uint8]) -> tuple[Detections, dict[str, float]]:
        """Returns what `__call__` does, and how many milliseconds preprocess, inference and postprocess took."""
        times = [perf_counter()]
        batch, letterbox = self._task.prepare(image, self.card)
        times.append(perf_counter())
        outputs = self._engine.run(batch)
        times.append(perf_counter())
        found = self._read(outputs, letterbox)
        times.append(perf_counter())
        parts = zip(("preprocess", "inference", "postprocess"), 1000 * np.diff(times), strict=True)
        return found, {name: float(taken) for name, taken in parts}

    def close(self) -> None:
        """Frees what the backend holds; the detector is of no use afterwards."""
        self._engine.close()


def _threshold(given: Any, card: Card) -> float | tuple[float, ...]:
    """Checks a user's threshold, whose type nobody checked; see `Detector.open`."""
    if given is None:
        if card.recommended_thresholds is None:
            raise ArtefactError(
                "recommended_thresholds: expected those of each class in the artefact's card, got none; export the "
                "student again, or give score_threshold a number"
            )
        return card.recommended_thresholds
    if _is_score(given):
        return float(given)
    classes = len(card.class_names)
    if not isinstance(given, Sequence | np.ndarray) or isinstance(given, str) or not all(map(_is_score, given)):
        raise ValueError(f"score_threshold: expected a number in 0..1, got {given!r}")
    if len(given) != classes:
        raise ValueError(
            f"score_threshold: expected one number, or one for each of {classes} classes, got {len(given)}"
        )
    return tuple(float(score) for score in given)


def _is_score(value: Any) -> bool:
    return isinstance(value, Real) and 0 <= float(value) <= 1
