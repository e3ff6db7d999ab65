"""Trained values: base teachers, adapters, student weights, ONNX files. Heavy packages load only with the value."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kedro.io import AbstractDataset, DatasetError

from gsam_edge.coco.needs import is_not_needed, not_needed
from gsam_edge.datasets.atomic import new_folder
from gsam_edge.datasets.versioned_bytes import BytesDataset
from gsam_edge.teachers.errors import AdapterError
from gsam_edge.teachers.family import Base, SavedBase
from gsam_edge.teachers.table import TEACHERS

if TYPE_CHECKING:
    from gsam_edge.students.weights import StudentWeights
    from gsam_edge.teachers.lora.adapter import Adapter


class TeacherBaseDataset(AbstractDataset["SavedBase", "Base | dict[str, str]"]):
    """The base of a teacher, or the empty value where no weights are named.

    Args:
        family: the teacher, a name of `teachers.table.TEACHERS`.
        filepath: the file or folder of a local one.
        remote: an id that may be fetched, instead of `filepath`; the only setting that lets the project reach the
            network.
        metadata: ignored here; kedro-viz reads the layer from it.

    Raises:
        DatasetError: if both `filepath` and `remote` are given, or no such teacher is known.
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

    def load(self) -> Base | dict[str, str]:
        """The base in evaluation mode on the CPU."""
        if self._remote is not None:
            return self._family.load(self._remote, allow_download=True)
        if self._path is None:
            return not_needed("no weights are named")
        if not self._path.exists():
            raise DatasetError(f"expected {self._family.expects}, found none: {self._path}. {self._family.advice}")
        return self._family.load(str(self._path), allow_download=False)

    def save(self, data: SavedBase) -> None:
        """Writes the model into the folder, whole or not at all."""
        if self._path is None:
            raise DatasetError(f"expected a filepath to save to, got none, and remote={self._remote!r}")
        with new_folder(self._path) as draft:
            data.save(draft)

    def _exists(self) -> bool:
        return self._path is None or self._path.exists()

    def _describe(self) -> dict[str, Any]:
        return {"family": self._family.name, "filepath": self._path, "remote": self._remote}


class AdapterDataset(BytesDataset["Adapter | dict[str, str]"]):
    """A LoRA adapter as safetensors, or the empty value of a teacher that the data does not call for."""

    def encode(self, value: Adapter | dict[str, str]) -> bytes:
        if is_not_needed(value):
            return json.dumps(value).encode()
        return value.to_bytes()

    def decode(self, content: bytes) -> Adapter | dict[str, str]:
        # A safetensors file begins with the length of its header in eight bytes, so it never starts like this JSON.
        if content.startswith(b'{"status"'):
            try:
                return json.loads(content)
            except ValueError as error:
                raise AdapterError(f"adapter: expected JSON or a safetensors file, but: {error}") from error
        from gsam_edge.teachers.lora.adapter import Adapter

        return Adapter.from_bytes(content)


class StudentWeightsDataset(BytesDataset["StudentWeights"]):
    """A student as safetensors, its architecture and classes in the header."""

    def encode(self, value: StudentWeights) -> bytes:
        return value.to_bytes()

    def decode(self, content: bytes) -> StudentWeights:
        from gsam_edge.students.weights import StudentWeights

        return StudentWeights.from_bytes(content)


class OnnxDataset(BytesDataset[bytes]):
    """An ONNX model as the bytes of its file."""

    def encode(self, value: bytes) -> bytes:
        return value

    def decode(self, content: bytes) -> bytes:
        return content
