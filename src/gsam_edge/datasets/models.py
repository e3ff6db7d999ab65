"""Trained values: base teachers, adapters, student weights, exported files. Heavy packages load only with the value."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kedro.io import AbstractDataset, DatasetError, Version

from gsam_edge.coco.needs import is_not_needed
from gsam_edge.datasets.atomic import new_folder
from gsam_edge.datasets.versioned_bytes import BytesDataset
from gsam_edge.export.format import NotBuilt
from gsam_edge.export.table import FORMATS
from gsam_edge.runtime.card import ArtefactError
from gsam_edge.teachers.errors import AdapterError

if TYPE_CHECKING:
    from gsam_edge.students.weights import StudentWeights
    from gsam_edge.teachers.grounding_dino.model import GroundingDino
    from gsam_edge.teachers.lora.adapter import Adapter
    from gsam_edge.teachers.sam.model import SamModel


class GroundingDinoDataset(AbstractDataset["GroundingDino", "GroundingDino"]):
    """A Grounding DINO as `transformers` saves it.

    Args:
        filepath: the folder of a local one.
        remote: a Hugging Face id that may be fetched, instead of `filepath`; the only setting that lets the project
            reach the network.
        metadata: ignored here; kedro-viz reads the layer from it.

    Raises:
        DatasetError: unless exactly one of `filepath` and `remote` is given.
    """

    def __init__(
        self, *, filepath: str | None = None, remote: str | None = None, metadata: dict[str, Any] | None = None
    ) -> None:
        if (filepath is None) == (remote is None):
            raise DatasetError(f"expected either filepath or remote, got filepath={filepath!r}, remote={remote!r}")
        self._folder = None if filepath is None else Path(filepath)
        self._remote = remote
        self.metadata = metadata

    def load(self) -> GroundingDino:
        """The model in evaluation mode on the CPU, with its processor."""
        from gsam_edge.teachers.grounding_dino.model import load_grounding_dino

        if self._remote is not None:
            return load_grounding_dino(self._remote, allow_download=True)
        if self._folder is None or not self._folder.is_dir():
            raise DatasetError(
                f"expected the folder of a saved Grounding DINO, found none: {self._folder}. "
                "`kedro run --pipeline=pretrain_tiny_teachers` makes the tiny one"
            )
        return load_grounding_dino(str(self._folder), allow_download=False)

    def save(self, data: GroundingDino) -> None:
        """Writes model and processor into the folder, whole or not at all."""
        if self._folder is None:
            raise DatasetError(f"expected a filepath to save to, but the model is the remote {self._remote}")
        with new_folder(self._folder) as draft:
            data.save(draft)

    def _exists(self) -> bool:
        return self._folder is None or self._folder.is_dir()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": self._folder, "remote": self._remote}


class SamDataset(AbstractDataset["SamModel", "SamModel"]):
    """A SAM: a checkpoint of `segment_anything` (.pth), or the folder of a tiny one.

    Args:
        filepath: the file or folder.
        metadata: ignored here; kedro-viz reads the layer from it.
    """

    def __init__(self, *, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        self._path = Path(filepath)
        self.metadata = metadata

    def load(self) -> SamModel:
        """The model in evaluation mode on the CPU."""
        from gsam_edge.teachers.sam.model import load_sam

        if not self._path.exists():
            raise DatasetError(
                f"expected a SAM checkpoint (a .pth file or the folder of a tiny one), found none: {self._path}. "
                "The README's chapter on the real teachers says what to put where"
            )
        return load_sam(str(self._path))

    def save(self, data: SamModel) -> None:
        """Writes the tiny model's folder, whole or not at all."""
        with new_folder(self._path) as draft:
            data.save(draft)

    def _exists(self) -> bool:
        return self._path.exists()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._path)}


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


class ArtefactDataset(BytesDataset["bytes | NotBuilt"]):
    """An exported student as the bytes of its file, or as JSON the reason why this machine could not make it.

    Args:
        filepath: the file without what the format appends to its name.
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

    def encode(self, value: bytes | NotBuilt) -> bytes:
        return json.dumps({"status": "not built", "why": value.why}).encode() if isinstance(value, NotBuilt) else value

    def decode(self, content: bytes) -> bytes | NotBuilt:
        # No format's file starts like this JSON.
        if not content.startswith(b'{"status"'):
            return content
        try:
            return NotBuilt(json.loads(content)["why"])
        except (ValueError, KeyError) as error:
            raise ArtefactError(f"artefact: expected JSON that says why it was not built, but: {error!r}") from error
