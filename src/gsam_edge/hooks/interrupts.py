"""Ctrl-C, and what schedulers and closed terminals send: the run ends in order and says how it goes on."""

import atexit
import logging
import os
import shlex
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

from kedro.framework.hooks import hook_impl

logger = logging.getLogger(__name__)

#: Signals that end a process at once, unless it says otherwise. Windows has no SIGHUP.
_ENDING = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))


class InterruptHooks:
    """Turns the signals that end a process into an exit in order, which MLflow and the console hear of.

    A signal that is ignored (`nohup`) stays ignored, and a second one ends the process at once.
    """

    def __init__(self) -> None:
        self._before: dict[int, Any] = {}
        self._runs = False
        atexit.register(self._tell)

    @hook_impl
    def before_pipeline_run(self) -> None:
        """Begins to listen; Python lets the main thread alone do so."""
        self._runs = True
        if threading.current_thread() is not threading.main_thread():
            return
        process = os.getpid()
        for number in _ENDING:
            if signal.getsignal(number) is signal.SIG_DFL:
                self._before[number] = signal.signal(number, _leaving(process))

    @hook_impl
    def after_pipeline_run(self) -> None:
        """Stops listening."""
        self._stop()

    @hook_impl
    def on_pipeline_error(self) -> None:
        """Stops listening."""
        self._stop()

    def _stop(self) -> None:
        self._runs = False
        while self._before:
            signal.signal(*self._before.popitem())

    def _tell(self) -> None:
        if self._runs:  # neither a result nor an error ended the run
            logger.warning(how_to_continue(sys.argv))


def _leaving(process: int) -> Callable[[int, FrameType | None], None]:
    """Returns what a signal does: one that was forked from this process ends as if nobody had listened."""

    def leave(number: int, _: FrameType | None) -> None:
        signal.signal(number, signal.SIG_DFL)
        if os.getpid() != process:
            os.kill(os.getpid(), number)
            return
        raise SystemExit(128 + number)

    return leave


def how_to_continue(arguments: list[str]) -> str:
    """Returns what is kept of a run that was interrupted, and the command that continues it.

    Args:
        arguments: of the process (`sys.argv`).
    """
    command = shlex.join([Path(arguments[0]).name, *arguments[1:]])
    return f"interrupted; what was finished is kept, and trainings continue from their last checkpoint: {command}"
