"""Files and folders that appear whole or not at all, stay when the machine loses its power, and locks on them.

What is being written has another name until it is whole, and its writer holds a lock on it, which the system takes away
with the process. So a part without a lock is one whose writer is gone, on whatever machine of a shared disk.
"""

import ctypes
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from gsam_edge.vision.errors import writing

if sys.platform != "win32":  # it has no locks of this kind: parts stay, and two processes do not see each other
    import fcntl

#: Arguments of Linux's renameat2: paths relative to the working folder (AT_FDCWD), and exchange (RENAME_EXCHANGE).
_HERE, _EXCHANGE = -100, 2

#: Names of files and folders that are being written. A user's own `*.part` is none of them.
_PREFIX, _SUFFIX = ".gsam-", ".part"
_PART = re.compile(rf"{re.escape(_PREFIX)}\w+{re.escape(_SUFFIX)}")

#: What a folder that could not be put in its place in one step leaves of the one before.
_RETIRED = "old"

#: Files of a folder from which on the whole file system is made to last at once: one by one each takes milliseconds.
_MANY = 64

#: Folders in which this process has looked for parts.
_looked: set[Path] = set()


@contextmanager
def new_file(target: Path, *, lasts: bool = True) -> Iterator[BinaryIO]:
    """Yields a stream; what was written to it becomes the target when the block ends without an error.

    Args:
        target: the file.
        lasts: whether to wait until the disk has it, which takes milliseconds; without, a machine that loses its power
            may leave a shorter file, so only what is checked on reading and can be made anew does without.

    Raises:
        FileError: if the disk is full or the permission is missing, and other OSErrors; the target is then unchanged.
    """
    with writing(target):
        _prepare(target.parent)
        descriptor, part = _new_part(target.parent)
        try:
            with os.fdopen(descriptor, "wb") as stream:
                yield stream
                stream.flush()
                if lasts:
                    os.fsync(stream.fileno())
                part.chmod(0o644)
                if sys.platform == "win32":
                    stream.close()  # Windows renames no open file
                os.replace(part, target)
        except BaseException:
            part.unlink(missing_ok=True)
            raise
        if lasts:
            _sync(target.parent)


def write_bytes(target: Path, content: bytes, *, lasts: bool = True) -> None:
    """Writes a file whole or not at all; see `new_file`."""
    with new_file(target, lasts=lasts) as stream:
        stream.write(content)


@contextmanager
def new_folder(target: Path) -> Iterator[Path]:
    """Yields a temporary folder that replaces the target when the block ends without an error.

    On Linux and its own file systems the two are exchanged in one step, so that the target exists at every moment, old
    or new. Elsewhere two renames follow one another, and a process killed between them leaves both folders in a hidden
    one beside the target, `.gsam-*.part`, as `old` and `new`.

    Raises:
        FileError: as for `new_file`.
    """
    with writing(target), _exchanged(target) as draft:
        yield draft


@contextmanager
def _exchanged(target: Path) -> Iterator[Path]:
    _prepare(target.parent)
    descriptor, workspace = _new_workspace(target.parent)
    draft, retired = workspace / "new", workspace / _RETIRED
    try:
        draft.mkdir()
        draft.chmod(0o755)
        yield draft
        _sync_all(draft)
        if not target.exists():
            os.replace(draft, target)
        elif not _exchange(draft, target):
            os.replace(target, retired)
            try:
                os.replace(draft, target)
            except OSError:
                os.replace(retired, target)
                raise
        _sync(target.parent)
    finally:
        shutil.rmtree(workspace, ignore_errors=True)
        if descriptor is not None:
            os.close(descriptor)


def _exchange(one: Path, other: Path) -> bool:
    """Exchanges two paths in one step; returns False, and changes nothing, where system or file system cannot."""
    if sys.platform != "linux":
        return False
    rename = getattr(ctypes.CDLL(None), "renameat2", None)  # in glibc from 2.28 on
    return rename is not None and rename(_HERE, os.fsencode(one), _HERE, os.fsencode(other), _EXCHANGE) == 0


def make_folder(folder: Path) -> None:
    """Creates a folder and those above it, so that they last."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for path in missing:
        _sync(path.parent)


def remove_abandoned(folder: Path, *, below: bool = False) -> list[Path]:
    """Deletes what killed processes left half written in a folder, and returns it.

    What a living process writes stays, as does a part that holds the only copy of a folder (see `new_folder`).

    Args:
        folder: may be missing.
        below: whether to look into the folders below it, too, of which those that are then empty go.
    """
    removed = []
    for path, folders, files in os.walk(folder):
        parts = [name for name in (*folders, *files) if _PART.fullmatch(name)]
        gone = [name for name in parts if _remove_if_abandoned(Path(path, name))]
        removed += [Path(path, name) for name in gone]
        if gone and below and Path(path) != folder:
            with suppress(OSError):  # it holds more
                Path(path).rmdir()
        folders[:] = [name for name in folders if name not in parts] if below else []
    return removed


def _remove_if_abandoned(part: Path) -> bool:
    with suppress(OSError):  # its writer lives, another process removed it, or it is of another user
        descriptor = hold(part, wait=False)
        if descriptor is None:
            return False
        try:
            if not part.is_dir():
                part.unlink()
            elif (part / _RETIRED).exists():
                return False
            else:
                shutil.rmtree(part)
            return True
        finally:
            os.close(descriptor)
    return False


def hold(path: Path, *, wait: bool) -> int | None:
    """Locks a file or a folder for this process, until the returned descriptor is closed or the process ends.

    Args:
        path: it must exist.
        wait: whether to wait for another holder.

    Returns:
        The descriptor; None where the system or the file system has no locks.

    Raises:
        BlockingIOError: if another process holds it, and it is not to be waited for.
        OSError: if the path cannot be opened.
    """
    if sys.platform == "win32":
        return None
    while True:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            # One that was replaced or deleted meanwhile is nobody's: a lock on it keeps nobody out.
            if os.path.samestat(os.fstat(descriptor), path.stat()):
                return descriptor
        except (BlockingIOError, FileNotFoundError):
            os.close(descriptor)
            raise
        except OSError:
            os.close(descriptor)
            return None
        os.close(descriptor)


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Keeps other processes out of a block that holds the same file or folder; waits for them.

    Raises:
        OSError: if the path cannot be opened.
    """
    descriptor = hold(path, wait=True)
    try:
        yield
    finally:
        if descriptor is not None:
            os.close(descriptor)


def _new_part(folder: Path) -> tuple[int, Path]:
    """Creates an empty file to write into, and locks it; returns its descriptor and path."""
    while True:
        descriptor, name = tempfile.mkstemp(dir=folder, prefix=_PREFIX, suffix=_SUFFIX)
        if sys.platform != "win32":
            with suppress(OSError):  # a file system without locks: nobody will take the part for abandoned either
                fcntl.flock(descriptor, fcntl.LOCK_EX)
        if os.path.lexists(name):
            return descriptor, Path(name)
        os.close(descriptor)  # taken for abandoned before it was locked


def _new_workspace(folder: Path) -> tuple[int | None, Path]:
    """Creates an empty folder to write into, and locks it; returns the lock, where there are locks, and the path."""
    while True:
        workspace = Path(tempfile.mkdtemp(dir=folder, prefix=_PREFIX, suffix=_SUFFIX))
        with suppress(FileNotFoundError):  # taken for abandoned before it was locked
            return hold(workspace, wait=True), workspace


def _prepare(folder: Path) -> None:
    """Creates a folder, and removes, once in a process, what others left in it."""
    make_folder(folder)
    if folder not in _looked:
        _looked.add(folder)
        remove_abandoned(folder)


def _sync(folder: Path) -> None:
    """Makes the names in a folder last; Windows and some file systems do without."""
    if sys.platform == "win32":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sync_all(folder: Path) -> None:
    """Makes a folder last with all that is in it."""
    paths = list(folder.rglob("*"))
    if len(paths) > _MANY and hasattr(os, "sync"):
        os.sync()
        return
    for path in (*paths, folder):
        if path.is_dir():
            _sync(path)
        elif path.is_file():
            with path.open("rb+") as stream:
                os.fsync(stream.fileno())
