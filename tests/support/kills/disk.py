"""A disk in memory for a project, in a namespace of mounts of its own: one that is really full, also for SQLite."""

import ctypes
import os
import shutil
from pathlib import Path

_REMOUNT = 32  # Linux's MS_REMOUNT


def mount_disk(folder: str, size: int) -> None:
    """Mounts a disk of this many bytes over an empty folder."""
    _mount(folder, size, flags=0)


def leave_room(folder: str, free: int | None, size: int) -> None:
    """Gives a disk this many free bytes, or this size in bytes where that is None."""
    if free is not None:
        now = os.statvfs(folder)
        size = (now.f_blocks - now.f_bfree) * now.f_frsize + free
    _mount(folder, size, flags=_REMOUNT)


def replace(source: str, target: str) -> None:
    """Makes the content of a folder that of another."""
    for path in Path(target).iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
    shutil.copytree(source, target, symlinks=True, dirs_exist_ok=True)


def _mount(folder: str, size: int, *, flags: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(b"tmpfs", os.fsencode(folder), b"tmpfs", ctypes.c_ulong(flags), f"size={size}".encode()):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), folder)
