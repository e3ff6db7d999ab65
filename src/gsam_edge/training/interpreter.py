"""Processes that are plain interpreters: they import this project, and nothing of the program that starts them.

`multiprocessing` would import the program's main module again: its libraries would take memory in each process, and the
code of a script without a guard would run again.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from io import BufferedReader
from typing import IO, BinaryIO, NamedTuple

_THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
)


class Interpreter(NamedTuple):
    """A started process.

    Attributes:
        process: the process.
        requests: its standard input.
        answers: its standard output.
    """

    process: "subprocess.Popen[bytes]"
    requests: IO[bytes]
    answers: IO[bytes]


def thread_variables(threads: int) -> dict[str, str]:
    """Returns the variables of the environment that limit the threads of BLAS, OpenMP and torch in a new process."""
    return dict.fromkeys(_THREAD_VARIABLES, str(threads))


def start_interpreter(module: str, environment: Mapping[str, str]) -> Interpreter:
    """Starts `python -m module`, which finds modules where this process does, but not in its working directory.

    Args:
        module: name of a module of this project.
        environment: variables besides those of this process.
    """
    search_path = os.pathsep.join(os.path.abspath(entry) for entry in sys.path)
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", module],  # -P: no file of the working directory is run
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | environment | {"PYTHONPATH": search_path},
    )
    if process.stdin is None or process.stdout is None:
        raise RuntimeError(f"{module}: its process has no standard streams")
    return Interpreter(process, process.stdin, process.stdout)


def own_streams() -> tuple[BufferedReader, BinaryIO]:
    """Returns, in a started process, requests and answers; what libraries print goes to standard error from now on."""
    requests = os.fdopen(os.dup(sys.stdin.fileno()), "rb")
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return requests, answers


def how_it_ended(code: int) -> str:
    """Returns, as a clause, what the exit code of a process that was to live on says; a negative one is a signal."""
    if code >= 0:
        return f"ended with exit code {code}"
    if -code == signal.SIGKILL:
        return "was killed by SIGKILL, most likely because memory ran out"
    return f"was ended by {signal.Signals(-code).name}"
