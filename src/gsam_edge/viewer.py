"""Runs a command that starts servers, and ends all of its processes with it.

`kedro viz run` and `kedro mlflow ui` leave their servers behind where only they themselves are ended:

    python -m gsam_edge.viewer kedro viz run

With `--port` and `--query` the browser opens on a page of the server on this port of the machine as soon as it answers,
and not on the page that the server would show:

    python -m gsam_edge.viewer --port 4141 --query types=nodes,modularPipeline kedro viz run --port 4141 --no-browser
"""

import argparse
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import webbrowser
from types import FrameType
from urllib.parse import urlsplit

logger = logging.getLogger(__name__)

#: What ends this process, and with it the command. Windows has no SIGHUP.
_ENDING = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
#: Seconds that processes are given to end in order.
_PATIENCE_S = 5.0
#: Seconds between two looks whether a server answers.
_LOOK_S = 0.5


class _EndedError(Exception):
    """Somebody wants this process to end."""


def main(command: list[str], page: str | None = None) -> int:
    """Runs a command in a group of its own until it ends or this process is told to end; none of the group stays.

    Args:
        command: program and arguments.
        page: address on this machine, with the port of the command's server, that the browser opens on; None: what
            the command itself opens.

    Returns:
        The command's exit status; 0 where it was ended from outside, which is how a viewer is left; 1 where something
        else has the port of the page.
    """
    if page is not None and _answers(page):
        logger.error(
            "Port %s is taken, by a viewer that runs already perhaps: expected it to be free for %s. End the other "
            "one, or start this one on another port.",
            urlsplit(page).port,
            " ".join(command),
        )
        return 1
    process = subprocess.Popen(command, start_new_session=True)
    if page is not None:
        threading.Thread(target=_open, args=(page, process), daemon=True).start()

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


def _answers(page: str) -> bool:
    """Whether somebody listens at the address of a page."""
    address = urlsplit(page)
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as tried:
        return tried.connect_ex((address.hostname or "", address.port or 0)) == 0


def _open(page: str, process: subprocess.Popen[bytes]) -> None:
    """Opens a page as soon as the server of a process answers, and says its address for those without a browser."""
    while not _answers(page):
        if process.poll() is not None:
            return
        time.sleep(_LOOK_S)
    logger.info("Opens on %s", page)
    webbrowser.open_new(page)


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
    parser = argparse.ArgumentParser(prog="python -m gsam_edge.viewer", description=__doc__.partition("\n")[0])
    parser.add_argument("--port", type=int, help="port of the command's server, on which the browser opens")
    parser.add_argument("--query", default="", help="what the page is asked for")
    parser.add_argument("command", nargs=argparse.REMAINDER, help="program and arguments")
    given = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    sys.exit(main(given.command, f"http://127.0.0.1:{given.port}/?{given.query}" if given.port else None))
