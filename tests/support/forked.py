"""Work in another process at once: a copy of this one, which needs no import."""

import os
import signal
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager


def run_forked(work: Callable[[], object]) -> int:
    """Returns how a process ended that did this work: 0, 1 after an error, or the negative number of a signal."""
    return run_forked_later(work)()


def run_forked_later(work: Callable[[], object]) -> Callable[[], int]:
    """Begins the work in another process; returns a function that waits and returns how it ended (`run_forked`)."""
    child = _fork(work)
    return lambda: os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@contextmanager
def still_running(work: Callable[[], object]) -> Iterator[int]:
    """Yields the number of a process that has done this work and lives on; it is killed at the end of the block."""
    read, write = os.pipe()

    def work_and_stay() -> None:
        work()
        os.write(write, b"1")
        signal.pause()

    child = _fork(work_and_stay)
    os.close(write)
    try:
        assert os.read(read, 1) == b"1", "the work failed"
        yield child
    finally:
        os.close(read)
        kill(child)


def kill(child: int) -> None:
    """Kills a process of `still_running`, if it still lives."""
    try:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    except (ProcessLookupError, ChildProcessError):
        pass


def _fork(work: Callable[[], object]) -> int:
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        work()
        code = 0
    except BaseException:  # noqa: BLE001 - it must not return into the caller of the other process
        traceback.print_exc()
    finally:
        os._exit(code)
