"""Runs a command that starts servers, and ends all of its processes with it.

`kedro viz run` and `kedro mlflow ui` leave their servers behind where only they themselves are ended:

    python -m gsam_edge.viewer kedro viz run
"""

import os
import signal
import subprocess
import sys
import time
from types import FrameType

#: What ends this process, and with it the command. Windows has no SIGHUP.
_ENDING = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
#: Seconds that processes are given to end in order.
_PATIENCE_S = 5.0


class _EndedError(Exception):
    """Somebody wants this process to end."""


def main(command: list[str]) -> int:
    """Runs a command in a group of its own until it ends or this process is told to end; none of the group stays.

    Args:
        command: program and arguments.

    Returns:
        The command's exit status; 0 where it was ended from outside, which is how a viewer is left.
    """
    process = subprocess.Popen(command, start_new_session=True)

    def leave(number: int, _: FrameType | None) -> None:
        raise _EndedError

    for number in _ENDING:
        signal.signal(number, leave)
    try:
        return process.wait()
    except _EndedError:
        return 0
    finally:
        for number in _ENDING:
            signal.signal(number, signal.SIG_IGN)  # ending is under way
        _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ends what is left of a command's group, first in order, then at once."""
    if not hasattr(os, "killpg"):
        process.terminate()
        return
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)  # the group has the number of its first process
            until = time.monotonic() + _PATIENCE_S
            while time.monotonic() < until:
                process.poll()
                os.killpg(process.pid, 0)
                time.sleep(0.05)
        except (ProcessLookupError, PermissionError):
            return  # nobody is left; macOS says so by refusing


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
