"""Checkpoints: the state of a long computation on disk, so that an interrupted run continues where it stopped."""

import hashlib
import json
import logging
import os
import socket
import zlib
from dataclasses import dataclass, field
from datetime import datetime
from io import BytesIO
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, Protocol
from zipfile import BadZipFile, ZipFile

import torch

from gsam_edge.training.durable import hold, make_folder, new_file, remove_abandoned, write_bytes
from gsam_edge.training.errors import BusyError, SettingError
from gsam_edge.vision.errors import FileError, writing

logger = logging.getLogger(__name__)

#: Suffix of a state.
_SUFFIX = ".pt"

#: Who has the folder: a lock says that it is taken, this file by whom.
_OWNER = "running.json"

#: Folders whose computation runs in this process, with the descriptor of their lock.
_held: dict[Path, int | None] = {}


class CheckpointStore(Protocol):
    """Keeps the newest states of one computation."""

    def open(self, fingerprint: str) -> "CheckpointStore":
        """Returns the store of the computation with this fingerprint; another computation's state is never read."""

    def save(self, state: dict[str, Any]) -> None:
        """Adds a state, whole or not at all; it may hold tensors and plain values only. The oldest goes."""

    def load(self) -> dict[str, Any] | None:
        """Returns the newest state that can be read, with its tensors on the CPU, or None where there is none."""

    def clear(self) -> None:
        """Deletes the states; called once the result is stored elsewhere."""


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
    """A `CheckpointStore` in a folder, which holds the last states of its computation, each in a file with a number.

    A state is written under another name and renamed, so that a killed process leaves none in half. Where the newest is
    damaged nevertheless, by a disk, the one before costs an interval, not the run.

    One process at a time has a computation: from its first `load` or `save` to `clear`, `release` or its end, however
    it ends. Another one is refused, since the two would take turns in writing the states of both.

    Attributes:
        folder: created with the first state; those of opened computations lie below it, by fingerprint.
        keep: most states of one computation on disk, at least 2.
    """

    folder: Path
    keep: int
    _opened: list["FolderCheckpoints"] = field(default_factory=list, init=False, repr=False, compare=False)
    _damaged: list[Path] = field(default_factory=list, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Raises SettingError where a damaged state would have none before it."""
        if self.keep < 2:
            raise SettingError(
                f"checkpoints: expected keep of at least 2, the last and the one before, got {self.keep}"
            )

    def open(self, fingerprint: str) -> "FolderCheckpoints":
        """See `CheckpointStore.open`."""
        store = FolderCheckpoints(self.folder / fingerprint, self.keep)
        self._opened.append(store)
        return store

    def save(self, state: dict[str, Any]) -> None:
        """See `CheckpointStore.save`.

        Raises:
            FileError: if the disk is full or the permission is missing.
            BusyError: if another process runs this computation.
        """
        self._take()
        states = self._states()
        number = int(states[-1].stem) + 1 if states else 1
        path = self.folder / f"{number:08d}{_SUFFIX}"
        with new_file(path) as file:
            torch.save(state, file)
        sound = [*(state for state in states if state not in self._damaged), path]
        for useless in (*sound[: -self.keep], *self._damaged):
            useless.unlink(missing_ok=True)
        self._damaged.clear()

    def load(self) -> dict[str, Any] | None:
        """See `CheckpointStore.load`; a damaged state gives way, with a warning, to the one before.

        Raises:
            FileError: if all are damaged, or hold more than tensors and plain values.
            BusyError: if another process runs this computation.
        """
        self._take()
        failures = []
        for path in reversed(self._states()):
            content = BytesIO(path.read_bytes())  # apart, since torch tells of a short file as of a failing disk
            try:
                _check_sums(content)
                return torch.load(content, map_location="cpu", weights_only=True)
            except (UnpicklingError, RuntimeError, EOFError, LookupError, ValueError, AttributeError, OSError) as error:
                failures.append(error)
                self._damaged.append(path)
                logger.warning("%s is damaged or holds more than tensors and plain values (%s)", path, error)
        if failures:
            raise FileError(
                f"{self.folder}: expected a checkpoint of plain tensors and values, got {len(failures)} that cannot be "
                "read; delete the folder to begin anew"
            ) from failures[0]
        return None

    def clear(self) -> None:
        """Deletes this computation's states, those of computations opened from here, and what killed saves left.

        States of other computations stay, since those may be continued later; so does what another process writes.
        """
        for store in self._opened:
            store.clear()
        for path in self._states():
            path.unlink(missing_ok=True)
        remove_abandoned(self.folder)
        if self.folder.resolve() in _held:
            (self.folder / _OWNER).unlink(missing_ok=True)
        if self.folder.is_dir() and not any(self.folder.iterdir()):
            self.folder.rmdir()
        self._let_go()

    def release(self) -> None:
        """Lets other processes have the computations that were opened from here; their states stay."""
        for store in self._opened:
            store.release()
        self._let_go()

    def _let_go(self) -> None:
        if (descriptor := _held.pop(self.folder.resolve(), None)) is not None:
            os.close(descriptor)

    def _take(self) -> None:
        """Takes the computation for this process.

        Raises:
            BusyError: if another process runs it.
        """
        folder = self.folder.resolve()
        if folder in _held and folder.is_dir():
            return
        self._let_go()
        with writing(folder):
            _held[folder] = _taken(folder)
            owner = {"since": f"{datetime.now():%Y-%m-%d %H:%M:%S}", "process": os.getpid()}
            write_bytes(folder / _OWNER, json.dumps(owner | {"host": socket.gethostname()}).encode())

    def _states(self) -> list[Path]:
        """Returns the files of this computation's states, the oldest first."""
        return sorted(path for path in self.folder.glob(f"*{_SUFFIX}") if path.stem.isdecimal())


def _taken(folder: Path) -> int | None:
    """Creates and locks a folder; see `hold` for what is returned.

    Raises:
        BusyError: if another process holds it.
    """
    while True:
        make_folder(folder)
        try:
            return hold(folder, wait=False)
        except BlockingIOError as error:
            raise BusyError(f"{folder}: this computation is already running{_owner(folder)}") from error
        except FileNotFoundError:
            continue  # another process has just finished and deleted it


def _owner(folder: Path) -> str:
    """Returns since when and by whom a folder is held, as far as it is known."""
    try:
        told = json.loads((folder / _OWNER).read_bytes())
        who = f" since {told['since']}, process {told['process']} on {told['host']}"
    except (OSError, ValueError, TypeError, LookupError):
        who = " in another process"
    return f"{who}; wait for it, or end it, then run again: it continues from the last checkpoint"


def _check_sums(content: BytesIO) -> None:
    """Raises ValueError if a byte of a state has changed. torch writes a ZIP with check sums, and ignores them."""
    try:
        with ZipFile(content) as archive:
            damaged = archive.testzip()
    except (BadZipFile, NotImplementedError, OverflowError, zlib.error) as error:
        raise ValueError(f"it is no whole ZIP: {error}") from error
    if damaged is not None:
        raise ValueError(f"the check sum of {damaged} is another")
    content.seek(0)


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
