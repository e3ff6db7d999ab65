"""Datasets of an import: the source folder in another format, and the COCO folder made from it."""

import json
import shutil
from functools import cached_property
from pathlib import Path
from typing import Any

from kedro.io import AbstractDataset, DatasetError
from rich import get_console
from rich.progress import track

from gsam_edge.coco.importers import Imported
from gsam_edge.datasets.images import ImageFolder
from gsam_edge.training.durable import new_folder
from gsam_edge.vision.errors import FileError
from gsam_edge.vision.images import IMAGE_SUFFIXES

ANNOTATIONS_NAME, REPORT_NAME = "annotations.json", "import_report.json"
#: Marks a folder that an import made; only such a folder may be replaced.
MARKER_NAME = ".gsam_edge_import"


class ForeignFolder:
    """The files of a folder by their names relative to it (`importers.SourceFiles`).

    Args:
        folder: the folder; names that lead out of it are refused.
        max_pixels: larger images are refused.
        max_bytes: larger files are not read.
    """

    def __init__(self, folder: Path, *, max_pixels: int, max_bytes: int) -> None:
        self.folder = folder
        self.max_pixels = max_pixels
        self._images = ImageFolder(folder, max_pixels=max_pixels)
        self._max_bytes = max_bytes

    @cached_property
    def _names(self) -> tuple[str, ...]:
        root = self.folder.resolve()
        inside = (p for p in sorted(self.folder.rglob("*")) if p.is_file() and p.resolve().is_relative_to(root))
        return tuple(path.relative_to(self.folder).as_posix() for path in inside)

    def names(self) -> tuple[str, ...]:
        """Returns the names of all its files, sorted; without links that lead out of the folder."""
        return self._names

    def links_outside(self) -> tuple[str, ...]:
        """Returns the names of the links, to files or folders, that lead out of the folder or nowhere, sorted."""
        root, known = self.folder.resolve(), set(self._names)
        links = (path for path in sorted(self.folder.rglob("*")) if path.is_symlink())
        names = ((path, path.relative_to(self.folder).as_posix()) for path in links)
        return tuple(
            name
            for path, name in names
            if name not in known and not (path.is_dir() and path.resolve().is_relative_to(root))
        )

    def image_names(self) -> tuple[str, ...]:
        """Returns the names of the files with an image's suffix, sorted."""
        return tuple(name for name in self._names if Path(name).suffix.lower() in IMAGE_SUFFIXES)

    def read(self, name: str) -> bytes:
        """Returns a file's content. Raises OSError if it is missing, FileError if outside the folder or too large."""
        path = (self.folder / name).resolve()
        if not path.is_relative_to(self.folder.resolve()):
            raise FileError(f"expected a file inside {self.folder}, got {name!r}")
        size = path.stat().st_size
        if size > self._max_bytes:
            raise FileError(f"{name}: expected at most {self._max_bytes} bytes, got {size}")
        return path.read_bytes()

    def image_size(self, name: str) -> tuple[int, int]:
        """Returns height and width in pixels as decoded. Raises ImageError if it is no readable image."""
        return self._images.probe(name)


class ForeignFolderDataset(AbstractDataset[None, ForeignFolder]):
    """A folder that holds a dataset in another format; never written.

    Args:
        filepath: the folder.
        max_pixels: larger images are refused.
        max_bytes: larger files are not read.
        metadata: ignored here; kedro-viz reads the layer from it.
    """

    def __init__(
        self, *, filepath: str, max_pixels: int, max_bytes: int, metadata: dict[str, Any] | None = None
    ) -> None:
        self._folder = Path(filepath)
        self._max_pixels = max_pixels
        self._max_bytes = max_bytes
        self.metadata = metadata

    def load(self) -> ForeignFolder:
        """Returns the folder's files by name; nothing is read yet."""
        if not self._folder.is_dir():
            raise DatasetError(
                f"import_dataset: expected a folder with images and annotations, found none: {self._folder}; "
                "name it with --params=source=path/to/folder,format=..."
            )
        return ForeignFolder(self._folder, max_pixels=self._max_pixels, max_bytes=self._max_bytes)

    def save(self, data: None) -> None:
        """Raises DatasetError: the folder is the user's own."""
        raise DatasetError(f"{self._folder} is the user's own folder: it is read, never written")

    def _exists(self) -> bool:
        return self._folder.is_dir()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._folder), "max_pixels": self._max_pixels, "max_bytes": self._max_bytes}


class ImportedFolderDataset(AbstractDataset[tuple[Imported, ForeignFolder], None]):
    """A dataset in this project's form: `annotations.json`, the images it names, and the report of its import.

    Args:
        filepath: the folder; one that is not empty is replaced only if an import made it.
        metadata: ignored here; kedro-viz reads the layer from it.
    """

    def __init__(self, *, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        self._folder = Path(filepath)
        self.metadata = metadata

    def save(self, data: tuple[Imported, ForeignFolder]) -> None:
        """Writes annotations and copies images, all or nothing.

        Raises:
            DatasetError: if the folder holds something else, or lies inside the source or contains it.
        """
        imported, source = data
        output, origin = self._folder.resolve(), source.folder.resolve()
        if origin.is_relative_to(output) or output.is_relative_to(origin):
            raise DatasetError(
                f"output: expected a folder apart from the source {source.folder}, got {self._folder}; "
                "name another with --params=output=path/to/folder"
            )
        if self._folder.exists() and not self._is_ours():
            raise DatasetError(
                f"output: expected an empty folder or one of an earlier import, got {self._folder}, which holds "
                "something else; name another with --params=output=path/to/folder"
            )
        with new_folder(self._folder) as draft:
            names = imported.image_names
            for name in track(names, "Copying the images", transient=True, disable=not get_console().is_terminal):
                (draft / name).parent.mkdir(parents=True, exist_ok=True)
                if name in imported.embedded:
                    (draft / name).write_bytes(imported.embedded[name]())
                else:
                    shutil.copyfile(source.folder / name, draft / name)
            (draft / ANNOTATIONS_NAME).write_text(json.dumps(imported.content, separators=(",", ":")), "utf-8")
            (draft / REPORT_NAME).write_text(json.dumps(imported.report, indent=2, ensure_ascii=False), "utf-8")
            (draft / MARKER_NAME).touch()

    def load(self) -> None:
        """Raises TypeError: the folder is read through `raw_annotations` and `raw_images`, like any other dataset."""
        raise TypeError("an imported dataset is read through raw_annotations and raw_images")

    def _is_ours(self) -> bool:
        if not self._folder.is_dir():
            return False
        is_import = all((self._folder / name).is_file() for name in (ANNOTATIONS_NAME, MARKER_NAME))
        return is_import or not any(self._folder.iterdir())

    def _exists(self) -> bool:
        return (self._folder / ANNOTATIONS_NAME).is_file()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._folder)}
