"""A growing file of JSON lines for many small results, so that long work can be killed and continued."""

import json
import logging
import os
from collections.abc import Iterator, MutableMapping
from pathlib import Path
from threading import Lock
from typing import Any

from kedro.io import AbstractDataset

from gsam_edge.training.durable import held
from gsam_edge.vision.errors import FileError, writing

logger = logging.getLogger(__name__)

#: The first bytes of every line, also of one that was cut off.
_BEGINNING = b'["'

_TORN = "%s: its last line was not finished, since its writer was killed; it is dropped and made anew"


class JsonLog(MutableMapping[str, Any]):
    """JSON values by key, each appended to a file as a line at once; the last line of a key counts.

    Threads of one process may share it, and several processes may add to it; each sees its own lines and those that
    were there when it opened the file. A line that was cut off when its writer was killed is dropped, with a warning.

    Args:
        path: the file; it appears with the first value.

    Raises:
        FileError: if the file holds something else.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = Lock()
        self._values: dict[str, Any] = {}
        if path.is_file():
            with held(path):
                self._read(path.read_bytes())

    def _read(self, content: bytes) -> None:
        """Takes the lines of the file, and cuts one off that was not finished."""
        *lines, torn = content.split(b"\n")
        try:
            self._values.update(_parsed(line) for line in lines)
            if not torn.startswith(_BEGINNING[: len(torn)]):
                raise ValueError(f"its last line is {torn!r:.80}")
        except (ValueError, RecursionError) as error:
            raise FileError(
                f"{self._path}: expected lines of [key, value] in JSON, got another file: {error}; "
                "delete it to begin anew"
            ) from error
        if torn:
            logger.warning(_TORN, self._path)
            with writing(self._path):
                os.truncate(self._path, len(content) - len(torn))

    def __getitem__(self, key: str) -> Any:
        return self._values[key]

    def __setitem__(self, key: str, value: Any) -> None:
        line = json.dumps([key, value], separators=(",", ":")).encode() + b"\n"
        with self._lock, writing(self._path):
            self._append(line)
            self._values[key] = value

    def _append(self, line: bytes) -> None:
        """Appends a line, whole or not at all, after those that other processes may have added."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            with held(self._path):
                end = self._healed(descriptor)
                try:
                    written = 0
                    while written < len(line):  # a disk that is nearly full takes a part, and says so only at the next
                        written += os.write(descriptor, line[written:])
                except BaseException:
                    os.ftruncate(descriptor, end)
                    raise
        finally:
            os.close(descriptor)

    def _healed(self, descriptor: int) -> int:
        """Returns where the whole lines end; a process that was killed while this one goes on may have left a part."""
        end = os.fstat(descriptor).st_size
        if end and os.pread(descriptor, 1, end - 1) != b"\n":
            end = self._path.read_bytes().rfind(b"\n") + 1
            os.ftruncate(descriptor, end)
            logger.warning(_TORN, self._path)
        return end

    def __delitem__(self, key: str) -> None:
        raise TypeError("lines are added, never taken away; delete the file to begin anew")

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)


def _parsed(line: bytes) -> tuple[str, Any]:
    """Returns key and value of a line. Raises ValueError or RecursionError if it is none."""
    match json.loads(line.decode()):
        case [str(key), value]:
            return key, value
        case other:
            raise ValueError(f"got {other!r:.80}")


class JsonLogDataset(AbstractDataset[None, JsonLog]):
    """A file of JSON lines that nodes read and fill in place.

    Args:
        filepath: the file; it appears with the first value.
        metadata: ignored here; kedro-viz reads the layer from it.
    """

    def __init__(self, *, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        self._path = Path(filepath)
        self.metadata = metadata

    def load(self) -> JsonLog:
        """Returns the log, empty if the file does not exist yet."""
        return JsonLog(self._path)

    def save(self, data: None) -> None:
        """Raises TypeError: a log is filled line by line."""
        raise TypeError("a log is filled line by line, not by a node's output")

    def _exists(self) -> bool:
        return True

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._path)}
