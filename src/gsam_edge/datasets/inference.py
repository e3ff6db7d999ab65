"""Datasets of inference: what is looked at, the exported students to choose from, and the results."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kedro.io import AbstractDataset, DatasetError

from gsam_edge.datasets.atomic import new_folder
from gsam_edge.export.table import FORMATS
from gsam_edge.report.progress import watched
from gsam_edge.runtime.card import ArtefactError
from gsam_edge.runtime.engines.files import artefact_file, why_not_built
from gsam_edge.runtime.inference.sources import Source, is_there, open_source
from gsam_edge.vision.errors import UserError

if TYPE_CHECKING:
    from gsam_edge.runtime.inference.files import DrawingSettings
    from gsam_edge.runtime.inference.stream import Results

#: How the weights of every model end, by which models are found.
_WEIGHTS = "_weights.safetensors"
#: Bytes of a file's beginning that tell why there is no artefact.
_BEGINNING = 1 << 12


class SourceDataset(AbstractDataset[None, Source]):
    """The user's own images or video: a file, a folder, or a pattern of names; never written.

    Args:
        filepath: see `runtime.inference.sources.open_source`.
        max_pixels: larger images are refused before they are decoded.
        metadata: ignored here; kedro-viz reads the layer from it.
    """

    def __init__(self, *, filepath: str, max_pixels: int, metadata: dict[str, Any] | None = None) -> None:
        self._source, self._max_pixels = str(filepath), max_pixels
        self.metadata = metadata

    def load(self) -> Source:
        """Returns the images in order; none is read yet."""
        try:
            return open_source(self._source, max_pixels=self._max_pixels)
        except UserError as error:
            raise DatasetError(f"{error}; name another with --params=source=path") from error

    def save(self, data: None) -> None:
        """Raises DatasetError: the source is the user's own."""
        raise DatasetError(f"{self._source} is the user's own: it is read, never written")

    def _exists(self) -> bool:
        return is_there(self._source)

    def _describe(self) -> dict[str, Any]:
        return {"filepath": self._source, "max_pixels": self._max_pixels}


@dataclass(frozen=True)
class Exported:
    """One exported student.

    Attributes:
        name: its name in the catalog.
        content: of its file.
        suffix: how its file's name ends.
    """

    name: str
    content: bytes
    suffix: str


class ExportedStudents:
    """The exported students in a folder, by their names in the catalog: `<model>_<format>`.

    Args:
        folder: where the catalog keeps them.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __getitem__(self, name: str) -> Exported:
        """Reads the newest version of one.

        Raises:
            ArtefactError: if there is none of this name, with the names of those that there are.
        """
        for model in self._models():
            made_as = FORMATS.get(name.removeprefix(f"{model}_"))
            path = None if made_as is None else self._path(model, made_as.suffix)
            if made_as is None or path is None:
                continue
            content = path.read_bytes()
            if (why := why_not_built(content)) is not None:
                raise ArtefactError(f"{name}: expected an exported student, but there is none: {why}; {self._others()}")
            return Exported(name, content, made_as.suffix)
        raise ArtefactError(f"artefact: expected the name of an exported student, got {name!r}; {self._others()}")

    def names(self) -> tuple[str, ...]:
        """Returns the names of those that were built."""
        return tuple(
            f"{model}_{name}"
            for model in self._models()
            for name, made_as in FORMATS.items()
            if (path := self._path(model, made_as.suffix)) is not None and _is_built(path)
        )

    def _models(self) -> tuple[str, ...]:
        return tuple(sorted(path.name.removesuffix(_WEIGHTS) for path in self._folder.glob(f"*{_WEIGHTS}")))

    def _path(self, model: str, suffix: str) -> Path | None:
        path = self._folder / f"{model}{suffix}"
        return artefact_file(path) if path.exists() else None

    def _others(self) -> str:
        names = ", ".join(self.names())
        if not names:
            return f"none was built in {self._folder}: run the pipeline optimization first"
        return f"those that were built: {names}; choose one with --params=artefact=..."


def _is_built(path: Path) -> bool:
    with path.open("rb") as stream:
        beginning = stream.read(_BEGINNING)
    return why_not_built(beginning) is None


class ExportedStudentsDataset(AbstractDataset[None, ExportedStudents]):
    """The exported students of a folder, read by those who choose one.

    Args:
        filepath: the folder.
        metadata: ignored here; kedro-viz reads the layer from it.
    """

    def __init__(self, *, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        self._folder = Path(filepath)
        self.metadata = metadata

    def load(self) -> ExportedStudents:
        """Returns the students by name; none is read yet."""
        return ExportedStudents(self._folder)

    def save(self, data: None) -> None:
        """Raises TypeError: each student is an entry of its own in the catalog."""
        raise TypeError("exported students are written by their own entries of the catalog")

    def _exists(self) -> bool:
        return True

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._folder)}


class InferenceResultsDataset(AbstractDataset["tuple[Results, DrawingSettings]", None]):
    """A folder of results, replaced as a whole: see `runtime.inference.files.write_results`.

    Args:
        filepath: the folder.
        metadata: ignored here; kedro-viz reads the layer from it.
    """

    def __init__(self, *, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        self._filepath = Path(filepath)
        self.metadata = metadata

    def save(self, data: tuple[Results, DrawingSettings]) -> None:
        """Writes results and drawings, all or nothing."""
        from gsam_edge.report.draw import draw_detections
        from gsam_edge.runtime.inference.files import write_results

        results, drawing = data
        with new_folder(self._filepath) as draft:
            write_results(draft, results, drawing, draw=draw_detections, watch=watched("Drawing"))

    def load(self) -> None:
        """Raises TypeError: the results are files for people and other tools."""
        raise TypeError("results of inference are files for people and other tools; the project does not read them")

    def _exists(self) -> bool:
        return self._filepath.is_dir()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._filepath)}
