"""What befalls a run at one of its file operations: it is killed before it, in the middle of a write, or the disk ends.

Each function is called in the run's process before the run begins. Operations on files of the project are numbered in
the order in which they happen; reading is none.
"""

import atexit
import errno
import os
import resource
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

#: Where the path stands among the arguments of what Python tells of before it happens. Of what SQLite writes it tells
#: nothing but that a database is opened.
_PATH = {
    "open": 0,
    "os.mkdir": 0,
    "os.rename": 1,
    "os.link": 1,
    "os.remove": 0,
    "os.rmdir": 0,
    "os.chmod": 0,
    "os.truncate": 0,
    "sqlite3.connect": 0,
}
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


def count_operations(project: str, report: str) -> None:
    """Writes how many operations there were into a file, when the process ends by itself."""
    counted: list[str] = []
    _listen(project, lambda number, what: counted.append(what))
    atexit.register(lambda: Path(report).write_text("\n".join(counted)))


def kill_at(project: str, operation: int) -> None:
    """Kills the process before its operation of this number, or in the middle of it where it is `os.write`."""

    def at(number: int, _: str) -> None:
        if number == operation:
            os.kill(os.getpid(), signal.SIGKILL)

    _listen(project, at)


def kill_in_a_write(project: str, operation: int, size: int) -> None:
    """From the operation of this number on, the system ends the process as it writes beyond this size of any file.

    So whatever writes, a library in C too, leaves a file whose content stops in the middle.

    Args:
        project: the project's folder.
        operation: its number, from 1 on.
        size: bytes.
    """
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)  # Python ignores it, and gets an error
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

    def at(number: int, _: str) -> None:
        if number == operation:
            resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    _listen(project, at)


def no_room_from(project: str, operation: int) -> None:
    """From the operation of this number on the disk is full: nothing is made and nothing grows, but files go."""
    # A database that is there is opened, and an entry that goes or changes its name takes no room.
    frees = {"os.remove", "os.rmdir", "os.truncate", "os.rename", "os.chmod", "sqlite3.connect"}

    def at(number: int, what: str) -> None:
        if number >= operation and what not in frees:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    _listen(project, at)


def _listen(project: str, at: Callable[[int, str], None]) -> None:
    """Calls a function with the number and the kind of each operation on a file of the project, before it happens."""
    root = os.path.realpath(project)
    counter = 0
    lock = threading.Lock()
    write, fsync, process = os.write, os.fsync, os.getpid()

    def happens(what: str) -> None:
        nonlocal counter
        with lock:
            counter += 1
            number = counter
        at(number, what)

    def is_ours(path: object) -> bool:
        if os.getpid() != process:
            return False
        if isinstance(path, int):
            path = os.readlink(f"/proc/self/fd/{path}")
        return isinstance(path, str | bytes | os.PathLike) and _is_below(os.path.abspath(os.fsdecode(path)), root)

    def half_written(descriptor: int, data: Any) -> int:
        if is_ours(descriptor):
            content = memoryview(data).cast("B")
            if len(content) > 1:
                done = write(descriptor, content[: len(content) // 2])
                happens("os.write")
                return done  # as the system may do it; the rest is written by another call
            happens("os.write")
        return write(descriptor, data)

    def not_synced(descriptor: int) -> None:
        if is_ours(descriptor):
            happens("os.fsync")
        fsync(descriptor)

    def on_event(event: str, arguments: tuple[Any, ...]) -> None:
        if event not in _PATH or (event == "open" and not (isinstance(arguments[2], int) and arguments[2] & _WRITES)):
            return
        if is_ours(arguments[_PATH[event]]):
            happens(event)

    os.write, os.fsync = half_written, not_synced
    sys.addaudithook(on_event)


def _is_below(path: str, root: str) -> bool:
    return path.startswith(root + os.sep)
