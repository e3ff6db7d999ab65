"""The state of a long computation on disk, so that a killed run continues where it was."""

import hashlib
import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch


class CheckpointStore(Protocol):
    """Keeps the newest state of one computation."""

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
    """A folder that holds one state per computation, named by the computation's fingerprint."""

    folder: Path

    def open(self, fingerprint: str) -> "FileCheckpoint":
        """The store of the computation with this fingerprint; another's state is never read."""
        return FileCheckpoint(self.folder / f"{fingerprint}.pt")

    def clear(self) -> None:
        """Forget every state in the folder, once a result is stored."""
        for path in self.folder.glob("*.pt"):
            path.unlink()


@dataclass(frozen=True)
class FileCheckpoint:
    """A `CheckpointStore` in one file, replaced by renaming."""

    path: Path

    def save(self, state: dict[str, Any]) -> None:
        """See `CheckpointStore.save`."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=self.path.parent, prefix=self.path.stem, suffix=".part")
        try:
            with os.fdopen(descriptor, "wb") as file:
                torch.save(state, file)
            Path(temporary).replace(self.path)
        except BaseException:
            Path(temporary).unlink()
            raise

    def load(self) -> dict[str, Any] | None:
        """See `CheckpointStore.load`; UnpicklingError if the file holds more than tensors and plain values."""
        if not self.path.exists():
            return None
        return torch.load(self.path, map_location="cpu", weights_only=True)

    def clear(self) -> None:
        """See `CheckpointStore.clear`."""
        self.path.unlink(missing_ok=True)


class NoCheckpoints:
    """A `CheckpointStore` for computations too short to be continued."""

    def save(self, state: dict[str, Any]) -> None:
        """Keep nothing."""

    def load(self) -> dict[str, Any] | None:
        """Find nothing."""
        return None

    def clear(self) -> None:
        """Nothing to forget."""
