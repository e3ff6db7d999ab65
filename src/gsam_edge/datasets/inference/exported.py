"""Dataset of the exported students, from which one is chosen by its name."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kedro.io import AbstractDataset

from gsam_edge.export.table import FORMATS
from gsam_edge.runtime.card import ArtefactError
from gsam_edge.runtime.engines.files import artefact_file, why_not_built

#: How the weights of every model end, by which models are found.
_WEIGHTS = "_weights.safetensors"
#: Bytes of a file's beginning that tell why there is no artefact.
_BEGINNING = 1 << 12


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
