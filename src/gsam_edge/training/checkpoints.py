"""The state of a long computation on disk, so that a killed run continues where it was."""

import hashlib
import json
import os
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, Protocol

import torch

from gsam_edge.vision.errors import FileError, writing

#: The end of a state's name while it is being written.
_UNFINISHED = ".part"


class CheckpointStore(Protocol):
    """Keeps the newest state of one computation."""

    def open(self, fingerprint: str) -> "CheckpointStore":
        """The store of the computation with this fingerprint; another's state is never read."""

    def save(self, state: dict[str, Any]) -> None:
        """Replace the kept state, whole or not at all; tensors and plain values only."""

    def load(self) -> dict[str, Any] | None:
        """The kept state with its tensors on the CPU, or None where there is none."""

    def clear(self) -> None:
        """Forget the state, once the result it led to is stored elsewhere."""


def fingerprint(*parts: Any) -> str:
    """A short digest of all that a computation depends on: configuration, data ids, seed.

    Args:
        parts: values that JSON can hold, in an order that the caller keeps.

    Raises:
        TypeError: if a part is no JSON value (dump pydantic models first).
    """
    text = json.dumps(parts, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class FolderCheckpoints:
    """A `CheckpointStore` in a folder: a file for each computation, replaced by renaming.

    Attributes:
        folder: it appears with the first state.
        name: of the computation, its fingerprint.
    """

    folder: Path
    name: str = "unnamed"
    _opened: list["FolderCheckpoints"] = field(default_factory=list, init=False, repr=False, compare=False)

    @property
    def path(self) -> Path:
        """The file of this computation's state."""
        return self.folder / f"{self.name}.pt"

    def open(self, fingerprint: str) -> "FolderCheckpoints":
        """See `CheckpointStore.open`."""
        store = FolderCheckpoints(self.folder, fingerprint)
        self._opened.append(store)
        return store

    def save(self, state: dict[str, Any]) -> None:
        """See `CheckpointStore.save`; FileError where the disk is full or the permission is missing."""
        with writing(self.path):
            self._write(state)

    def _write(self, state: dict[str, Any]) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=self.path.parent, prefix=self.path.stem, suffix=_UNFINISHED)
        try:
            with os.fdopen(descriptor, "wb") as file:
                torch.save(state, file)
            Path(temporary).replace(self.path)
        except BaseException:
            Path(temporary).unlink()
            raise

    def load(self) -> dict[str, Any] | None:
        """See `CheckpointStore.load`; FileError if the file is damaged or holds more than tensors and plain values."""
        if not self.path.exists():
            return None
        try:
            return torch.load(self.path, map_location="cpu", weights_only=True)
        except (UnpicklingError, RuntimeError, EOFError) as error:
            raise FileError(
                f"{self.path}: expected a checkpoint of plain tensors and values; delete it to begin anew: {error}"
            ) from error

    def clear(self) -> None:
        """Forget this state and those opened from here, once their result is stored, and what killed saves left.

        Other computations may be paused: their states stay.
        """
        self.path.unlink(missing_ok=True)
        for store in self._opened:
            store.clear()
        for path in self.folder.glob(f"*{_UNFINISHED}"):
            path.unlink(missing_ok=True)


class NoCheckpoints:
    """A `CheckpointStore` for computations too short to be continued."""

    def open(self, fingerprint: str) -> "NoCheckpoints":
        """There is nothing to tell apart."""
        return self

    def save(self, state: dict[str, Any]) -> None:
        """Keep nothing."""

    def load(self) -> dict[str, Any] | None:
        """Find nothing."""
        return None

    def clear(self) -> None:
        """Nothing to forget."""
