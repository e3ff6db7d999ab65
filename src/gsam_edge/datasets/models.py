"""Datasets of base teachers, adapters, student weights and exported files; heavy packages are imported on loading."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kedro.io import AbstractDataset, DatasetError, Version

from gsam_edge.coco.needs import is_not_needed, not_needed
from gsam_edge.datasets.versioned_bytes import BytesDataset, FolderDataset
from gsam_edge.export.files import ArtefactFiles
from gsam_edge.export.format import NotBuilt
from gsam_edge.export.table import FORMATS
from gsam_edge.runtime.engines.files import why_not_built
from gsam_edge.teachers.errors import AdapterError
from gsam_edge.teachers.family import BaseSource, SavedBase
from gsam_edge.teachers.table import TEACHERS
from gsam_edge.training.durable import new_folder, write_bytes
from gsam_edge.vision.errors import UserError

if TYPE_CHECKING:
    from gsam_edge.students.start import Start
    from gsam_edge.students.weights import StudentWeights
    from gsam_edge.teachers.lora.adapter import Adapter

#: What stands in the place of an adapter's files where the data does not call for the teacher.
NOT_NEEDED_FILE = "not_needed.json"


class TeacherBaseDataset(AbstractDataset["SavedBase", "BaseSource | dict[str, str]"]):
    """The base model of a teacher, or the empty value (`not_needed`) if no weights are named.

    It loads as a `BaseSource`: the weights are read by those who need them.

    Args:
        family: the teacher, a name of `teachers.table.TEACHERS`.
        filepath: the file or folder of local weights.
        remote: an id that may be downloaded, instead of `filepath`; the only setting that lets the project use the
            network.
        metadata: ignored here; kedro-viz reads the layer from it.

    Raises:
        DatasetError: if both `filepath` and `remote` are given, or there is no such teacher.
    """

    def __init__(
        self,
        *,
        family: str,
        filepath: str | None = None,
        remote: str | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        if filepath is not None and remote is not None:
            raise DatasetError(f"expected either filepath or remote, got filepath={filepath!r}, remote={remote!r}")
        if family not in TEACHERS:
            raise DatasetError(f"family: expected one of {sorted(TEACHERS)}, got {family!r}")
        self._family = TEACHERS[family]
        self._path = None if filepath is None else Path(filepath)
        self._remote = remote
        self.metadata = metadata

    def load(self) -> BaseSource | dict[str, str]:
        """Returns where the base is; its file must be there, so that a missing one ends the run before its work."""
        if self._remote is not None:
            return BaseSource(self._family, self._remote, allow_download=True)
        if self._path is None:
            return not_needed("no weights are named")
        if not self._path.exists():
            raise DatasetError(f"expected {self._family.expects}, found none: {self._path}. {self._family.advice}")
        return BaseSource(self._family, str(self._path), allow_download=False)

    def save(self, data: SavedBase) -> None:
        """Writes the model into the folder atomically."""
        if self._path is None:
            raise DatasetError(f"expected a filepath to save to, got none, and remote={self._remote!r}")
        with new_folder(self._path) as draft:
            data.save(draft)

    def _exists(self) -> bool:
        return self._path is None or self._path.exists()

    def _describe(self) -> dict[str, Any]:
        return {"family": self._family.name, "filepath": self._path, "remote": self._remote}


class AdapterDataset(FolderDataset["Adapter | dict[str, str]"]):
    """A LoRA adapter as the folder that peft saves, or the empty value of a teacher that the data does not call for."""

    def encode(self, value: Adapter | dict[str, str]) -> dict[str, bytes]:
        if is_not_needed(value):
            return {NOT_NEEDED_FILE: json.dumps(value).encode()}
        from gsam_edge.teachers.lora.files import adapter_files

        return adapter_files(value)

    def decode(self, files: Mapping[str, bytes]) -> Adapter | dict[str, str]:
        if NOT_NEEDED_FILE in files:
            if len(files) > 1:
                raise AdapterError(f"expected an adapter or {NOT_NEEDED_FILE}, got {sorted(files)}; delete what is old")
            try:
                value = json.loads(files[NOT_NEEDED_FILE])
                return not_needed(str(value["why"]))
            except (ValueError, TypeError, KeyError, RecursionError) as error:
                raise AdapterError(
                    f"{NOT_NEEDED_FILE}: expected JSON that says why there is no adapter: {error!r}"
                ) from error
        from gsam_edge.teachers.lora.files import read_adapter

        return read_adapter(files)

    def most_bytes(self) -> dict[str, int]:
        from gsam_edge.teachers.lora.files import MOST_BYTES

        return {NOT_NEEDED_FILE: 2**16, **MOST_BYTES}


class StudentBaseDataset(AbstractDataset["StudentWeights", "Start | dict[str, str]"]):
    """The weights that a student's training starts from, or the empty value (`not_needed`) for random ones.

    Args:
        filepath: a student of this project (safetensors), or weights of Ultralytics (`.pt`), downloaded or trained by
            the user; null names none.
        metadata: ignored here; kedro-viz reads the layer from it.
    """

    def __init__(self, *, filepath: str | None, metadata: dict[str, Any] | None = None) -> None:
        self._path = None if filepath is None else Path(filepath)
        self.metadata = metadata

    def load(self) -> Start | dict[str, str]:
        """Reads the file.

        Raises:
            DatasetError: if there is no such file, or it is neither of both.
        """
        if self._path is None:
            return not_needed("no weights are named, so the student starts from random ones")
        if not self._path.is_file():
            raise DatasetError(
                f"expected the weights that the student starts from, found none: {self._path}. Put the file there: "
                f"{self._path.name} is what its makers call it where they offer it. Or name another one as filepath of "
                "student_base in the catalog: weights of Ultralytics (.pt) of the same architecture and size, a "
                "student of this project (.safetensors), or null, with which it starts from random weights"
            )
        from gsam_edge.students.start import Start

        try:
            return Start.read(self._path)
        except UserError as error:
            raise DatasetError(f"{self._path}: {error}") from error

    def save(self, data: StudentWeights) -> None:
        """Writes a student of this project atomically."""
        from gsam_edge.students.start import ULTRALYTICS_SUFFIX

        if self._path is None or self._path.suffix == ULTRALYTICS_SUFFIX:
            raise DatasetError(f"expected a filepath .safetensors to save to, got {self._path}")
        write_bytes(self._path, data.to_bytes())

    def _exists(self) -> bool:
        return self._path is None or self._path.is_file()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": self._path}


class StudentWeightsDataset(BytesDataset["StudentWeights"]):
    """A student as safetensors, its architecture and classes in the header."""

    def encode(self, value: StudentWeights) -> bytes:
        return value.to_bytes()

    def decode(self, content: bytes) -> StudentWeights:
        from gsam_edge.students.weights import StudentWeights

        return StudentWeights.from_bytes(content)


class BuiltDataset(BytesDataset["bytes | NotBuilt"]):
    """What was built as the bytes of its file, or, as JSON, why there is none."""

    def encode(self, value: bytes | NotBuilt) -> bytes:
        return json.dumps({"status": "not built", "why": value.why}).encode() if isinstance(value, NotBuilt) else value

    def decode(self, content: bytes) -> bytes | NotBuilt:
        why = why_not_built(content)
        return content if why is None else NotBuilt(why)


class ArtefactDataset(BuiltDataset):
    """An exported student as the bytes of its file, or, as JSON, why this machine could not make it.

    Args:
        filepath: the file without the ending that the format appends to its name.
        format: a name of `export.table.FORMATS`.
        version: set by Kedro for `versioned: true`.
        metadata: ignored here; kedro-viz reads the layer from it.

    Raises:
        DatasetError: if there is no such format.
    """

    def __init__(
        self, *, filepath: str, format: str, version: Version | None = None, metadata: dict[str, Any] | None = None
    ) -> None:
        if format not in FORMATS:
            raise DatasetError(f"{filepath}_{format}: expected a format among {list(FORMATS)}, got {format!r}")
        super().__init__(filepath=filepath + FORMATS[format].suffix, version=version, metadata=metadata)


class ArtefactFilesDataset(AbstractDataset[None, "ArtefactFiles"]):
    """Where a model's exported files lie, for those who name the file; its content comes from its own entry.

    Args:
        filepath: as in the entries of the files.
        metadata: ignored here; kedro-viz reads the layer from it.
    """

    def __init__(self, *, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        self._filepath = Path(filepath)
        self.metadata = metadata

    def load(self) -> ArtefactFiles:
        """Returns the places; nothing is read yet."""
        return ArtefactFiles(self._filepath)

    def save(self, data: None) -> None:
        """Refuses: the files are written by their own entries.

        Raises:
            DatasetError: always.
        """
        raise DatasetError(f"{self._filepath}: expected nothing to save, the files are written by their own entries")

    def _exists(self) -> bool:
        return True

    def _describe(self) -> dict[str, Any]:
        return {"filepath": self._filepath}
