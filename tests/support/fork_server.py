"""Starts `kedro run` by forking a process that has imported the libraries, which is most of what a short run does.

Nothing of one run reaches another: each is a process of its own, and the one that it is forked from runs nothing. It is
`python -m support.fork_server`; a line of JSON on its standard input is a run, and its exit code is the line that comes
back.
"""

import atexit
import importlib
import json
import os
import shutil
import sys
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


def forked_kedro_run(project: Path, arguments: tuple[str, ...], source: Path) -> CompletedProcess[str]:
    """Runs `kedro run` with these arguments in the project's folder; the package is that of the folder `source`."""
    server = _server(source)
    assert server.stdin is not None
    assert server.stdout is not None
    with TemporaryDirectory() as folder:
        said = [Path(folder, name) for name in ("stdout", "stderr")]
        order = {"project": str(project), "arguments": arguments, "said": [str(path) for path in said]}
        server.stdin.write(json.dumps(order) + "\n")
        server.stdin.flush()
        if not (answer := server.stdout.readline()):
            raise RuntimeError(f"expected an exit code of kedro run {arguments}, but the server ended: {server.wait()}")
        code = int(answer)
        stdout, stderr = (path.read_text("utf-8") for path in said)
    return CompletedProcess(["kedro", "run", *arguments], code, stdout, stderr)


@cache
def _server(source: Path) -> "Popen[str]":
    """The server; it ends when its standard input does, with this process."""
    modules = os.pathsep.join((str(source), str(Path(__file__).parents[1])))
    folder = mkdtemp()
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    # Else each run would remove Ultralytics' folder at its end.
    environment = os.environ | {"PYTHONPATH": modules, "COLUMNS": "200", "GSAM_EDGE_ULTRALYTICS_FOLDER": folder}
    command = [sys.executable, "-m", "support.fork_server"]
    return Popen(command, stdin=PIPE, stdout=PIPE, text=True, env=environment, cwd=folder)


def main() -> None:
    """Serves until there are no more orders; in a forked process, does what was ordered."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # where libraries say something while they are imported
    for name in _IMPORTED:
        importlib.import_module(name)
    from kedro.framework import project
    from kedro.framework.cli import main as kedro

    if (order := _order(answers)) is None:
        return
    os.chdir(order["project"])
    for stream, path in enumerate((os.devnull, *order["said"])):
        os.dup2(os.open(path, os.O_RDONLY if stream == 0 else os.O_WRONLY | os.O_CREAT), stream)
    project.LOGGING = type(project.LOGGING)()  # as at Kedro's import, but for this folder
    sys.argv = ["kedro", "run", *order["arguments"]]
    kedro()


def _order(answers: TextIO) -> dict[str, Any] | None:
    """Returns an order in the process that was forked for it, and nothing in the server at its end."""
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            return json.loads(line)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), file=answers, flush=True)
    return None


if __name__ == "__main__":
    main()
