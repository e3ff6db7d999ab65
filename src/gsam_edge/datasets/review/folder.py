"""The folder of a review: what is handed out, and what it is compared with when it comes back."""

import hashlib
import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain, count
from pathlib import Path
from typing import Any

import pandas as pd
from kedro.io import AbstractDataset, DatasetError
from kedro_datasets._typing import TablePreview

from gsam_edge.coco.importers.label_studio.tasks import interface, tasks
from gsam_edge.datasets.images import ImageFolder
from gsam_edge.datasets.inside import write_inside
from gsam_edge.evaluate.review.package import Review
from gsam_edge.training.durable import new_folder
from gsam_edge.vision.errors import UserError

logger = logging.getLogger(__name__)

LABELS_NAME, CANDIDATES_NAME, STATE_NAME = "annotations.json", "candidates.json", "review.json"
TABLE_NAME, TASKS_NAME, INTERFACE_NAME, READ_ME_NAME = (
    "review.csv",
    "label_studio.json",
    "label_studio.xml",
    "README.md",
)
#: Folder of the drawings.
_DRAWN = "drawn"
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
        max_pixels: drawings with more pixels are refused when they are read.
        metadata: ignored here; kedro-viz reads the layer from it.
    """

    def __init__(self, *, filepath: str, max_pixels: int, metadata: dict[str, Any] | None = None) -> None:
        self._folder = Path(filepath)
        self._max_pixels = max_pixels
        self.metadata = metadata

    def save(self, data: tuple[Review, ImageFolder]) -> None:
        """Writes the folder, all or nothing; one with corrections that were not taken back is kept beside it.

        Raises:
            DatasetError: if an image has the name of one of the folder's own files.
        """
        review, images = data
        files = {
            LABELS_NAME: _json(review.labels),
            CANDIDATES_NAME: _json(review.candidates),
            STATE_NAME: _json(review.to_dict()),
            TABLE_NAME: _table(review).to_csv(index=False).encode(),
            READ_ME_NAME: _READ_ME.format(count=len(review.rows)).encode(),
        }
        if review.rows:
            names = [category["name"] for category in review.labels["categories"]]
            files[TASKS_NAME] = _json(tasks(review.labels, review.candidates, review.rows, folder=self._folder.name))
            files[INTERFACE_NAME] = interface(names).encode()
        files |= {f"{_DRAWN}/{name}.jpg": drawing for name, drawing in review.drawn.items()}
        if taken := sorted(files.keys() & set(review.image_names)):
            raise DatasetError(
                f"review: expected images whose names are none of the review's own files, got {taken[0]!r}; rename it "
                "in the dataset, its entry in annotations.json too"
            )
        self._keep_touched()
        with new_folder(self._folder) as draft:
            for name, content in files.items():
                write_inside(draft, name, content)
            for name in review.image_names:
                write_inside(draft, name, images.content(name))

    def load(self) -> Review:
        """Returns what was handed out, without candidates; a drawing is read when it is asked for.

        Raises:
            DatasetError: if there is no review.
        """
        path = self._folder / STATE_NAME
        if not path.is_file():
            raise DatasetError(f"review: expected a review, found no {path}; the pipeline review makes one")
        try:
            review = Review.from_dict(json.loads(path.read_bytes()))
        except (ValueError, UserError) as error:
            raise DatasetError(f"{path}: {error}") from error
        return replace(review, drawn=_Drawings(self._folder / _DRAWN, review.image_names, self._max_pixels))

    def preview(self) -> TablePreview:
        """Returns the most doubtful images, for kedro-viz."""
        table = _table(self.load()).head(_PREVIEWED)
        split: dict[str, Any] = json.loads(table.to_json(orient="split"))
        return TablePreview(split)

    def _keep_touched(self) -> None:
        """Puts a folder aside whose labels were changed and not taken back yet: a new review must not replace work."""
        labels, state = self._folder / LABELS_NAME, self._folder / STATE_NAME
        if not (labels.is_file() and state.is_file()) or (self._folder / taken_back_name(labels)).exists():
            return
        try:
            is_touched = json.loads(labels.read_bytes()) != json.loads(state.read_bytes())["labels"]
        except (ValueError, KeyError, TypeError):
            is_touched = True
        if is_touched:
            kept = self._free_name(short_digest(labels))
            self._folder.rename(kept)
            logger.warning(
                "review: %s was changed and not taken back, so it is kept as %s; take it back with "
                "--pipeline=import_review --params=review_folder=%s",
                labels,
                kept,
                kept,
            )

    def _free_name(self, digest: str) -> Path:
        """Returns a name beside the folder that nothing has: what was put aside before may hold more work since."""
        names = chain([f"{self._folder.name}.{digest}"], (f"{self._folder.name}.{digest}.{n}" for n in count(2)))
        return next(path for path in map(self._folder.with_name, names) if not path.exists())

    def _exists(self) -> bool:
        return (self._folder / STATE_NAME).is_file()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._folder)}


class _Drawings(Mapping[str, bytes]):
    """The drawings of a review by the name of their image, each read when it is asked for."""

    def __init__(self, folder: Path, names: Sequence[str], max_pixels: int) -> None:
        self._files = ImageFolder(folder, max_pixels=max_pixels)
        self._names = names

    def __getitem__(self, file_name: str) -> bytes:
        return self._files.content(f"{file_name}.jpg")

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


def taken_back_name(labels: Path) -> str:
    """Returns the name of the mark that this state of a review's labels was taken back."""
    return f".taken_back_{short_digest(labels)}"


def short_digest(path: Path) -> str:
    """Returns the first digits of a file's SHA-256, for a name."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12]


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def _table(review: Review) -> pd.DataFrame:
    columns = ["rank", "file_name", "split", "score", "candidates", "reasons"]
    rows: list[Mapping[str, Any]] = [{**row, "reasons": "; ".join(row["reasons"])} for row in review.rows]
    return pd.DataFrame(rows, columns=columns)
