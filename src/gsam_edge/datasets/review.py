"""Datasets of a review: the folder that is handed out, the corrections that come back, the annotations with them."""

import hashlib
import json
import logging
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from kedro.io import AbstractDataset, DatasetError
from kedro_datasets._typing import TablePreview

from gsam_edge.coco.importers.label_studio.tasks import interface, tasks
from gsam_edge.datasets.atomic import new_folder, write_bytes
from gsam_edge.datasets.images import ImageFolder
from gsam_edge.evaluate.review.package import Review
from gsam_edge.evaluate.review.returned import Corrections
from gsam_edge.vision.errors import UserError

logger = logging.getLogger(__name__)

LABELS_NAME, CANDIDATES_NAME, STATE_NAME = "annotations.json", "candidates.json", "review.json"
TABLE_NAME, TASKS_NAME, INTERFACE_NAME, READ_ME_NAME = (
    "review.csv",
    "label_studio.json",
    "label_studio.xml",
    "README.md",
)
#: Corrections beyond 1 GiB are not read.
_MOST_BYTES = 1 << 30
#: Rows that kedro-viz shows.
_PREVIEWED = 20

_READ_ME = """# Labels that may be wrong

{count} images whose labels truth, student and teacher disagree on most, the most doubtful first in `review.csv`.

- `annotations.json` (COCO): the labels as they are. Correct this file, in any tool that opens COCO.
- `candidates.json` (COCO): what may be wrong, of the same images, with score and reason. Only to be read.
- `label_studio.json`, `label_studio.xml`: the same as tasks and labelling interface of Label Studio.
- `drawn/`: the labels on the left (dotted where in doubt), what the models see on the right.

Take the corrections back with

    kedro run --pipeline=import_review --params=corrections=path/to/file.json

A file is Label Studio's export (JSON) or COCO; without `corrections` it is this folder's `annotations.json`. An image
that is not in it stays as it is; an object that is not in it any more is removed. `docs/review.md` says the rest.
"""


class ReviewDataset(AbstractDataset[tuple[Review, ImageFolder], Review]):
    """The folder of a review: COCO files, tasks of Label Studio, drawings, and the images under their own names.

    Args:
        filepath: the folder; it is replaced as a whole.
        metadata: ignored here; kedro-viz reads the layer from it.
    """

    def __init__(self, *, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        self._folder = Path(filepath)
        self.metadata = metadata

    def save(self, data: tuple[Review, ImageFolder]) -> None:
        """Writes the folder, all or nothing; one with corrections that were not taken back is kept beside it."""
        review, images = data
        self._keep_touched()
        texts = {
            LABELS_NAME: _json(review.labels),
            CANDIDATES_NAME: _json(review.candidates),
            STATE_NAME: _json(review.to_dict()),
            TABLE_NAME: _table(review).to_csv(index=False).encode(),
            READ_ME_NAME: _READ_ME.format(count=len(review.rows)).encode(),
        }
        if review.rows:
            names = [category["name"] for category in review.labels["categories"]]
            texts[TASKS_NAME] = _json(tasks(review.labels, review.candidates, review.rows, folder=self._folder.name))
            texts[INTERFACE_NAME] = interface(names).encode()
        with new_folder(self._folder) as draft:
            for name, content in (texts | dict(review.drawn)).items():
                _write(draft, name, content)
            for name in review.image_names:
                _write(draft, name, images.content(name))

    def load(self) -> Review:
        """Returns what was handed out, without candidates and drawings.

        Raises:
            DatasetError: if there is no review.
        """
        path = self._folder / STATE_NAME
        if not path.is_file():
            raise DatasetError(f"review: expected a review, found no {path}; the pipeline evaluation makes one")
        try:
            return Review.from_dict(json.loads(path.read_bytes()))
        except (ValueError, UserError) as error:
            raise DatasetError(f"{path}: {error}") from error

    def preview(self) -> TablePreview:
        """Returns the most doubtful images, for kedro-viz."""
        table = _table(self.load()).head(_PREVIEWED)
        split: dict[str, Any] = json.loads(table.to_json(orient="split"))
        return TablePreview(split)

    def _keep_touched(self) -> None:
        """Puts a folder aside whose labels were changed and not taken back yet: a new review must not replace work."""
        labels, state = self._folder / LABELS_NAME, self._folder / STATE_NAME
        if not (labels.is_file() and state.is_file()) or (self._folder / _taken_back_name(labels)).exists():
            return
        try:
            is_touched = json.loads(labels.read_bytes()) != json.loads(state.read_bytes())["labels"]
        except (ValueError, KeyError, TypeError):
            is_touched = True
        if is_touched:
            kept = self._folder.with_name(f"{self._folder.name}.{_digest(labels)}")
            if kept.exists():
                shutil.rmtree(kept)  # the same labels, put aside before
            self._folder.rename(kept)
            logger.warning(
                "review: %s was changed and not taken back, so it is kept as %s; take it back with "
                "--pipeline=import_review --params=review_folder=%s",
                labels,
                kept,
                kept,
            )

    def _exists(self) -> bool:
        return (self._folder / STATE_NAME).is_file()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._folder)}


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
        review: the folder of the review, in which is noted that its corrections were taken back.
        metadata: ignored here; kedro-viz reads the layer from it.
    """

    def __init__(self, *, filepath: str, review: str, metadata: dict[str, Any] | None = None) -> None:
        self._path, self._review = Path(filepath), Path(review)
        self.metadata = metadata

    def save(self, data: bytes) -> None:
        """Keeps the present file under its digest, then replaces it; no bytes mean that nothing is different."""
        if data:
            before = self._path.read_bytes()
            kept = self._path.with_name(f"annotations.{_digest(self._path)}.json")
            if not kept.exists():
                write_bytes(kept, before)
            write_bytes(self._path, data)
            logger.info("%s: corrected; the file as it was is %s", self._path, kept)
        labels = self._review / LABELS_NAME
        if labels.is_file():
            write_bytes(self._review / _taken_back_name(labels), b"")

    def load(self) -> None:
        """Raises TypeError: the file is read through `raw_annotations`."""
        raise TypeError("corrected annotations are read through raw_annotations")

    def _exists(self) -> bool:
        return self._path.is_file()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._path), "review": str(self._review)}


def _taken_back_name(labels: Path) -> str:
    """Returns the name of the mark that this state of a review's labels was taken back."""
    return f".taken_back_{_digest(labels)}"


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12]


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def _table(review: Review) -> pd.DataFrame:
    columns = ["rank", "file_name", "split", "score", "candidates", "reasons"]
    rows: list[Mapping[str, Any]] = [{**row, "reasons": "; ".join(row["reasons"])} for row in review.rows]
    return pd.DataFrame(rows, columns=columns)


def _write(folder: Path, name: str, content: bytes) -> None:
    target = folder / name
    if not target.resolve().is_relative_to(folder.resolve()):
        raise DatasetError(f"expected a name inside the folder, got {name!r}")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(content)
