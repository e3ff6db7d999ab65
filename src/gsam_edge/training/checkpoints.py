"""Checkpoints: the state of a long computation on disk, so that an interrupted run continues where it stopped."""

import hashlib
import json
import logging
import os
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, Protocol

import torch

from gsam_edge.vision.errors import FileError, writing

logger = logging.getLogger(__name__)

#: Suffix of a file while it is being written.
_UNFINISHED = ".part"


class CheckpointStore(Protocol):
    """Keeps the newest state of one computation."""

    def open(self, fingerprint: str) -> "CheckpointStore":
        """Returns the store of the computation with this fingerprint; another computation's state is never read."""

    def save(self, state: dict[str, Any]) -> None:
        """Replaces the kept state atomically; it may hold tensors and plain values only."""

    def load(self) -> dict[str, Any] | None:
        """Returns the kept state with its tensors on the CPU, or None where there is none."""

    def clear(self) -> None:
        """Deletes the state; called once the result is stored elsewhere."""


def fingerprint(*parts: Any) -> str:
    """Returns a short digest of all that a computation depends on: configuration, data digests, seed.

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
        folder: created with the first state.
        name: fingerprint of the computation.
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
            Path(temporary).unlink(missing_ok=True)
            raise

    def load(self) -> dict[str, Any] | None:
        """See `CheckpointStore.load`; FileError if the file is damaged or holds more than tensors and plain values."""
        if not self.path.exists():
            return None
        try:
            return torch.load(self.path, map_location="cpu", weights_only=True)
        except (UnpicklingError, RuntimeError, EOFError, LookupError, ValueError, AttributeError) as error:
            raise FileError(
                f"{self.path}: expected a checkpoint of plain tensors and values; delete it to begin anew: {error}"
            ) from error

    def clear(self) -> None:
        """Deletes this state, those opened from this store, and the files that interrupted saves left.

        States of other computations stay, since those may be continued later.
        """
        self.path.unlink(missing_ok=True)
        for store in self._opened:
            store.clear()
        for path in self.folder.glob(f"*{_UNFINISHED}"):
            path.unlink(missing_ok=True)


class NoCheckpoints:
    """A `CheckpointStore` for computations too short to be continued."""

    def open(self, fingerprint: str) -> "NoCheckpoints":
        """Returns itself."""
        return self

    def save(self, state: dict[str, Any]) -> None:
        """Does nothing."""

    def load(self) -> dict[str, Any] | None:
        """Returns None."""
        return None

    def clear(self) -> None:
        """Does nothing."""


@dataclass(frozen=True)
class KeptCheckpoints:
    """A `CheckpointStore` of one computation that keeps its last two states in a folder.

    A machine that stops while it writes, or a damaged disk, then costs one interval and not the whole computation.

    Attributes:
        folder: created with the first state.
    """

    folder: Path

    def open(self, fingerprint: str) -> "KeptCheckpoints":
        """See `CheckpointStore.open`."""
        return KeptCheckpoints(self.folder / fingerprint)

    def save(self, state: dict[str, Any]) -> None:
        """See `CheckpointStore.save`; FileError where the disk is full or the permission is missing."""
        last = self._store("last")
        if last.path.exists():
            last.path.replace(self._store("previous").path)
        last.save(state)

    def load(self) -> dict[str, Any] | None:
        """See `CheckpointStore.load`; the state before the last one where the last one is missing or damaged."""
        try:
            state = self._store("last").load()
        except FileError as error:
            logger.warning("%s; continues from the state before", error)
            state = None
        return state if state is not None else self._store("previous").load()

    def clear(self) -> None:
        """See `CheckpointStore.clear`."""
        for name in ("last", "previous"):
            self._store(name).clear()

    def _store(self, name: str) -> FolderCheckpoints:
        return FolderCheckpoints(self.folder, name)
