"""A full disk that something else than our own writers meets first: the log, MLflow's database, a library."""

import errno
import logging
import sqlite3
import sys
from collections.abc import Iterator
from pathlib import Path

from gsam_edge.vision.errors import FileError, writing

_FULL = (errno.ENOSPC, errno.EDQUOT)


def as_full_disk(error: BaseException) -> FileError | None:
    """Returns what a user is told where a full disk is the reason of an error, None where it is not.

    Args:
        error: any, with its causes. MLflow wraps what SQLite raises.
    """
    for cause in _with_causes(error):
        if isinstance(cause, sqlite3.OperationalError) and cause.sqlite_errorcode == sqlite3.SQLITE_FULL:
            return _told("MLflow's database", str(cause))
        if isinstance(cause, OSError) and cause.errno in _FULL and not isinstance(cause, FileError):
            return _told(str(cause.filename or "a file"), cause.strerror or str(cause))
    return None


def _with_causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _told(where: str, why: str) -> FileError:
    try:
        with writing(Path(where)):
            raise OSError(errno.ENOSPC, why)
    except FileError as told:
        return told


def tell_once(handler: logging.Handler) -> None:
    """Lets a handler of the log say once, in a line, that it cannot write; by itself it shows a traceback each time.

    The run goes on: what it is for are its results, and where these cannot be written either it ends.
    """
    show, told = handler.handleError, False

    def handle(record: logging.LogRecord) -> None:
        nonlocal told
        error = sys.exc_info()[1]
        if not isinstance(error, OSError):
            show(record)
        elif not told:
            told = True
            where = getattr(handler, "baseFilename", "the log")
            sys.stderr.write(f"{where}: expected to write the log, but: {error}; the run goes on without it\n")

    setattr(handler, "handleError", handle)  # noqa: B010 - a method of this handler alone
