"""Starts `kedro run` by forking a process that has imported the libraries, which is most of what a short run does.

Nothing of one run reaches another: each is a process of its own, and the one that it is forked from runs nothing. It is
`python -m support.fork_server`; a line of JSON on its standard input is a list of calls to make in a new process, and
its exit code, or the negative number of the signal that ended it, is the line that comes back.
"""

import atexit
import ctypes
import importlib
import json
import os
import shutil
import sys
import time
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from subprocess import PIPE, CompletedProcess, Popen
from tempfile import TemporaryDirectory, mkdtemp
from typing import Any, TextIO

#: What takes the time: what the whole job imports. The settings are first, since they keep libraries from the network.
_IMPORTED = (
    "gsam_edge.settings",
    "gsam_edge.pipeline_registry",
    "gsam_edge.distill.arms.distillation",
    "gsam_edge.evaluate.gate",
    "gsam_edge.students.ultralytics.imports",
    "gsam_edge.teachers.grounding_dino.library",
    "kedro_datasets.matplotlib",
    "kedro_datasets.pandas",
    "mlflow.store.tracking.sqlalchemy_store",
    "peft",
)

#: A function to call, "module:name", and its arguments.
Call = tuple[str, Sequence[Any]]

_CHILDREN_OF_THE_KILLED = 36  # Linux's PR_SET_CHILD_SUBREAPER: they become the server's
#: How long processes that a killed one started may take to see that it is gone.
_PATIENCE_S = 60.0


def forked_kedro_run(
    project: Path,
    arguments: Sequence[str],
    source: Path,
    *,
    before: Sequence[Call] = (),
    namespace: tuple[str, ...] = (),
) -> CompletedProcess[str]:
    """Runs `kedro run` with these arguments in the project's folder.

    Args:
        project: the project's folder.
        arguments: of `kedro run`.
        source: the folder of the package.
        before: what is called in the run's process first.
        namespace: a command that the server is started by.
    """
    run = ("support.fork_server:kedro_run", (str(project), *arguments))
    code, stdout, stderr = forked_calls((*before, run), source, namespace=namespace)
    return CompletedProcess(["kedro", "run", *arguments], code, stdout, stderr)


def forked_calls(calls: Sequence[Call], source: Path, *, namespace: tuple[str, ...] = ()) -> tuple[int, str, str]:
    """Makes calls in a new process; returns its exit code and what it said (see `forked_kedro_run`).

    Raises:
        RuntimeError: if processes that it started outlive it.
    """
    server = _server(source, namespace)
    assert server.stdin is not None
    assert server.stdout is not None
    with TemporaryDirectory() as folder:
        said = [Path(folder, name) for name in ("stdout", "stderr")]
        server.stdin.write(json.dumps({"calls": calls, "said": [str(path) for path in said]}) + "\n")
        server.stdin.flush()
        if not (answer := server.stdout.readline()):
            raise RuntimeError(f"expected an exit code of {calls}, but the server ended: {server.wait()}")
        code, left = json.loads(answer)
        stdout, stderr = (path.read_text("utf-8", "replace") if path.exists() else "" for path in said)
    if left:
        raise RuntimeError(f"processes of {calls} lived {_PATIENCE_S} s longer than it: {code}, {stderr}")
    return code, stdout, stderr


@cache
def _server(source: Path, namespace: tuple[str, ...]) -> "Popen[str]":
    """The server; it ends when its standard input does, with this process."""
    modules = os.pathsep.join((str(source), str(Path(__file__).parents[1])))
    folder = mkdtemp()
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    # Else each run would remove Ultralytics' folder at its end.
    environment = os.environ | {"PYTHONPATH": modules, "COLUMNS": "200", "GSAM_EDGE_ULTRALYTICS_FOLDER": folder}
    command = [*namespace, sys.executable, "-m", "support.fork_server"]
    return Popen(command, stdin=PIPE, stdout=PIPE, text=True, env=environment, cwd=folder)


def main() -> None:
    """Serves until there are no more orders; in a forked process, does what was ordered."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # where libraries say something while they are imported
    for name in _IMPORTED:
        importlib.import_module(name)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_CHILDREN_OF_THE_KILLED, 1)
    if (order := _order(answers)) is None:
        return
    for stream, path in enumerate((os.devnull, *order["said"])):
        os.dup2(os.open(path, os.O_RDONLY if stream == 0 else os.O_WRONLY | os.O_CREAT), stream)
    for target, arguments in order["calls"]:
        module, name = target.split(":")
        getattr(importlib.import_module(module), name)(*arguments)


def kedro_run(folder: str, *arguments: str) -> None:
    """Runs `kedro run` with these arguments in a project's folder, as its command does."""
    from kedro.framework import project
    from kedro.framework.cli import main as kedro

    os.chdir(folder)
    project.LOGGING = type(project.LOGGING)()  # as at Kedro's import, but for this folder
    sys.argv = ["kedro", "run", *arguments]
    kedro()


def _order(answers: TextIO) -> dict[str, Any] | None:
    """Returns an order in the process that was forked for it, and nothing in the server at its end."""
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            return json.loads(line)
        _, status = os.waitpid(child, 0)
        left = sys.platform == "linux" and not _all_ended()
        print(json.dumps([os.waitstatus_to_exitcode(status), left]), file=answers, flush=True)
    return None


def _all_ended() -> bool:
    """Waits for the processes that the one which ended has left behind; returns whether all of them ended."""
    until = time.monotonic() + _PATIENCE_S
    while time.monotonic() < until:
        try:
            if os.waitpid(-1, os.WNOHANG) == (0, 0):
                time.sleep(0.02)
        except ChildProcessError:
            return True
    return False


if __name__ == "__main__":
    main()
