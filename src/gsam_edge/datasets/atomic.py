"""Atomic writing of files and folders: they appear whole or not at all."""

import ctypes
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gsam_edge.vision.errors import writing

#: Arguments of Linux's renameat2: paths relative to the working folder (AT_FDCWD), and exchange (RENAME_EXCHANGE).
_HERE, _EXCHANGE = -100, 2


def write_bytes(target: Path, content: bytes) -> None:
    """Writes a file under a temporary name beside its target, then renames it.

    Raises:
        FileError: if the disk is full or the permission is missing, and other OSErrors; the target is then unchanged.
    """
    with writing(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
        try:
            with os.fdopen(descriptor, "wb") as stream:
                stream.write(content)
            Path(name).chmod(0o644)
            os.replace(name, target)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise


@contextmanager
def new_folder(target: Path) -> Iterator[Path]:
    """Yields a temporary folder that replaces the target when the block ends without an error.

    On Linux and its own file systems the two are exchanged in one step, so that the target exists at every moment, old
    or new. Elsewhere two renames follow one another, and a process killed between them leaves both folders in a hidden
    one beside the target, `.<name>.*`, as `old` and `new`.

    Raises:
        FileError: as for `write_bytes`.
    """
    with writing(target), _exchanged(target) as draft:
        yield draft


@contextmanager
def _exchanged(target: Path) -> Iterator[Path]:
    target.parent.mkdir(parents=True, exist_ok=True)
    workspace = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}."))
    draft, retired = workspace / "new", workspace / "old"
    try:
        draft.mkdir()
        draft.chmod(0o755)
        yield draft
        if not target.exists():
            os.replace(draft, target)
        elif not _exchange(draft, target):
            os.replace(target, retired)
            try:
                os.replace(draft, target)
            except OSError:
                os.replace(retired, target)
                raise
    finally:
        shutil.rmtree(workspace, ignore_errors=True)


def _exchange(one: Path, other: Path) -> bool:
    """Exchanges two paths in one step; returns False, and changes nothing, where system or file system cannot."""
    if sys.platform != "linux":
        return False
    rename = getattr(ctypes.CDLL(None), "renameat2", None)  # in glibc from 2.28 on
    return rename is not None and rename(_HERE, os.fsencode(one), _HERE, os.fsencode(other), _EXCHANGE) == 0
