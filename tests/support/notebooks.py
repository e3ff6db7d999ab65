"""Running a notebook's cells as somebody does who opens it in the project's folder."""

import json
import os
import subprocess
import sys
from pathlib import Path

_PROGRAM = """
import json, sys
from IPython.core.interactiveshell import InteractiveShell

shell = InteractiveShell.instance()
for cell in json.load(sys.stdin):
    shell.run_cell(cell).raise_error()
"""


def code_cells(notebook: Path) -> list[str]:
    """The code of a notebook, cell by cell."""
    cells = json.loads(notebook.read_text("utf-8"))["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]


def run_cells(cells: list[str], project: Path) -> str:
    """Runs cells in IPython in a process of its own; returns what they print."""
    environment = os.environ | {"PYTHONPATH": str(project / "src"), "MPLBACKEND": "Agg"}
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM],
        input=json.dumps(cells),
        cwd=project,
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    return done.stdout
