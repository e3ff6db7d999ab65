"""Datasets of COCO files: the user's raw file, and checked annotations."""

import hashlib
import json
import shlex
from collections import Counter
from pathlib import Path

from kedro.io import DatasetError
from kedro_datasets._typing import JSONPreview

from gsam_edge.coco import Annotations, InvalidDatasetError, RawCoco
from gsam_edge.coco.checks.layouts import Layout, layout_of
from gsam_edge.coco.importers import IMPORTERS
from gsam_edge.coco.table.raw import parse_json
from gsam_edge.datasets.versioned_bytes import BytesDataset

#: Files that are read to tell what they are, and files that a message names.
_MOST_READ, _MOST_NAMED = 20, 5
#: Largest file that is read to tell what it is, bytes.
_LARGEST_READ = 1 << 28


def _what_is_there(folder: Path) -> str:
    """Returns which JSON files a folder holds, what they are, and how they become a dataset."""
    paths = [path for path in sorted(folder.rglob("*")) if path.suffix.lower() == ".json" and path.is_file()]
    if not paths:
        return (
            "the folder holds no JSON file. Import annotations of another format first: "
            f"{_import_command(folder, 'voc')} (or one of {', '.join(IMPORTERS)})"
        )
    layouts = {path: _layout(path) for path in paths[:_MOST_READ]}
    named = [
        f"{path.relative_to(folder).as_posix()} ({'of no known layout' if layout is None else layout.name})"
        for path, layout in list(layouts.items())[:_MOST_NAMED]
    ]
    more = f" and {len(paths) - len(named)} more" if len(paths) > len(named) else ""
    there = f"the folder holds {', '.join(named)}{more}"
    known = Counter(layout for layout in layouts.values() if layout is not None).most_common(1)
    if not known:
        return f"{there}. If one of them is the COCO file, call it annotations.json"
    layout = known[0][0]
    if layout.importer is None:
        return f"{there}. {layout}"
    how = "is made" if len(paths) == 1 else "is made of them"
    return f"{there}. A dataset {how} by: {_import_command(folder, layout.importer)}"


def _layout(path: Path) -> Layout | None:
    """Returns the layout of a JSON file; None where it has none that is known, is too large or cannot be read."""
    try:
        return layout_of(parse_json(path.read_bytes())) if path.stat().st_size <= _LARGEST_READ else None
    except (OSError, InvalidDatasetError):
        return None


def _import_command(folder: Path, format_name: str) -> str:
    """Returns the command that imports a folder, quoted for a shell."""
    return shlex.join(["kedro", "run", "--pipeline=import_dataset", f"--params=source={folder},format={format_name}"])


class RawCocoDataset(BytesDataset[RawCoco]):
    """The user's `annotations.json`, parsed but not yet checked; never written."""

    def load(self) -> RawCoco:
        """Returns the file's JSON value and its digest.

        Raises:
            DatasetError: if the dataset's folder or the file is missing, or the content is no JSON.
        """
        path = Path(self._get_load_path())
        if not path.parent.is_dir():
            raise DatasetError(
                f"dataset: expected a folder with annotations.json and its images, found no folder {path.parent}"
            )
        if not path.is_file():
            raise DatasetError(
                f"dataset: expected {path.name} in {path.parent}, found no such file; {_what_is_there(path.parent)}"
            )
        return super().load()

    def encode(self, value: RawCoco) -> bytes:
        raise DatasetError(f"{self._filepath} is the user's own file: it is read, never written")

    def decode(self, content: bytes) -> RawCoco:
        return RawCoco.parse(content)

    def _exists(self) -> bool:
        return Path(self._filepath).is_file()

    def digest(self) -> str:
        """Returns the sha256 of the file, which identifies the data of a run."""
        with Path(self._get_load_path()).open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()


class AnnotationsDataset(BytesDataset[Annotations]):
    """`coco.Annotations` as a COCO file."""

    def encode(self, value: Annotations) -> bytes:
        return value.to_json()

    def decode(self, content: bytes) -> Annotations:
        return Annotations.from_json(content)

    def preview(self) -> JSONPreview:
        """Returns counts and classes, for kedro-viz."""
        value = self.load()
        counts = value.image_class_counts.sum(axis=0).tolist()
        classes = dict(zip(value.class_names, counts, strict=True))
        return JSONPreview(json.dumps({"images": len(value.images), "objects": sum(counts), "classes": classes}))
