"""Datasets of COCO files: the user's raw file, and checked annotations."""

import hashlib
import json
import shlex
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kedro.io import DatasetError, Version
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
    """`coco.Annotations` as a COCO file.

    Args:
        filepath: the file.
        parts: names of the files of all parts of a split, which lie beside this one. A version counts only where all of
            them have it, so that a run that was killed while it wrote them leaves the split of before.
        version: set by Kedro for `versioned: true`.
        metadata: ignored here; kedro-viz reads the layer from it.
    """

    def __init__(
        self,
        *,
        filepath: str,
        parts: Sequence[str] = (),
        version: Version | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        self._parts = tuple(parts)
        super().__init__(filepath=filepath, version=version, metadata=metadata)

    def _versions(self, pattern: str) -> list[str]:
        """Returns the path of each version that all parts have, and of the one that this run is writing."""
        own, folder = self.resolve_save_version(), Path(self._filepath).parent
        return [
            path
            for path in super()._versions(pattern)
            if (version := Path(path).parent.name) == own
            or all((folder / part / version / part).is_file() for part in self._parts)
        ]

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
