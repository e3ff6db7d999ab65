"""Errors that a user can fix: they end a run with one message. All others are bugs and show their traceback."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_FREE = "free some room on the disk, then run again"
_PERMIT = "allow yourself to write there, then run again"
_CLEAR = "move away what stands in the way, then run again"

#: What a user can do about a failed write, by errno.
_ADVICE = {
    errno.ENOSPC: _FREE,
    errno.EDQUOT: _FREE,
    errno.EACCES: _PERMIT,
    errno.EPERM: _PERMIT,
    errno.EROFS: _PERMIT,
    errno.EEXIST: _CLEAR,
    errno.ENOTDIR: _CLEAR,
    errno.EISDIR: _CLEAR,
}


class UserError(Exception):
    """Base of errors that a user can fix; says what was expected, what arrived, where, and what to do."""


class FileError(UserError, OSError):
    """A file that is damaged, too large, or cannot be written."""


@contextmanager
def writing(target: Path) -> Iterator[None]:
    """Raises an error with the file and the remedy where a block cannot write for a reason that a user can fix.

    Args:
        target: the file or folder that the block writes.

    Raises:
        FileError: if the disk is full, the permission is missing, or something stands in the way. Other errors pass.
    """
    try:
        yield
    except OSError as error:
        advice = _ADVICE.get(error.errno or 0)
        if advice is None:
            raise
        raise FileError(f"{target}: expected to write it, but: {error}; {advice}") from error
