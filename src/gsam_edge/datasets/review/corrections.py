"""Corrections that come back, and the dataset's annotations with them."""

import logging
from pathlib import Path
from typing import Any

from kedro.io import AbstractDataset, DatasetError

from gsam_edge.datasets.review.folder import LABELS_NAME, short_digest, taken_back_name
from gsam_edge.evaluate.review.returned import Corrections
from gsam_edge.training.durable import write_bytes

logger = logging.getLogger(__name__)

#: Corrections beyond 1 GiB are not read.
_MOST_BYTES = 1 << 30


class CorrectionsDataset(AbstractDataset[None, Corrections]):
    """A file that a label tool wrote; never written.

    Args:
        filepath: the file.
        metadata: ignored here; kedro-viz reads the layer from it.
    """

    def __init__(self, *, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        self._path = Path(filepath)
        self.metadata = metadata

    def load(self) -> Corrections:
        """Returns the file's content.

        Raises:
            DatasetError: if it is missing or too large.
        """
        if not self._path.is_file():
            raise DatasetError(
                f"corrections: expected a file, found none: {self._path}; name it with "
                "--params=corrections=path/to/file.json"
            )
        if (size := self._path.stat().st_size) > _MOST_BYTES:
            raise DatasetError(f"{self._path}: expected at most {_MOST_BYTES} bytes, got {size}")
        return Corrections(str(self._path), self._path.read_bytes())

    def save(self, data: None) -> None:
        """Raises DatasetError: the file is the user's own."""
        raise DatasetError(f"{self._path} is the user's own file: it is read, never written")

    def _exists(self) -> bool:
        return self._path.is_file()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._path)}


class CorrectedAnnotationsDataset(AbstractDataset[bytes, None]):
    """The dataset's `annotations.json` with corrections in it; the file as it was stays beside it.

    Args:
        filepath: the file.
        corrections: the file that they came in.
        review: the folder of the review; where the file is its own, it is noted there that it was taken back.
        metadata: ignored here; kedro-viz reads the layer from it.
    """

    def __init__(self, *, filepath: str, corrections: str, review: str, metadata: dict[str, Any] | None = None) -> None:
        self._path, self._corrections, self._review = Path(filepath), Path(corrections), Path(review)
        self.metadata = metadata

    def save(self, data: bytes) -> None:
        """Keeps the present file under its digest, then replaces it; no bytes mean that nothing is different."""
        if data:
            before = self._path.read_bytes()
            kept = self._path.with_name(f"annotations.{short_digest(self._path)}.json")
            if not kept.exists():
                write_bytes(kept, before)
            write_bytes(self._path, data)
            logger.info("%s: corrected; the file as it was is %s", self._path, kept)
        labels = self._review / LABELS_NAME
        # Work on the folder's own file is not taken back by the export of a tool.
        if labels.is_file() and labels.resolve() == self._corrections.resolve():
            write_bytes(self._review / taken_back_name(labels), b"")

    def load(self) -> None:
        """Raises TypeError: the file is read through `raw_annotations`."""
        raise TypeError("corrected annotations are read through raw_annotations")

    def _exists(self) -> bool:
        return self._path.is_file()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._path), "corrections": str(self._corrections), "review": str(self._review)}
