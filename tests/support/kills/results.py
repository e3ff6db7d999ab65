"""What a project holds after a run, in a form in which two runs of the same inputs are equal."""

import hashlib
import json
import re
import sqlite3
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import ZipFile, is_zipfile

#: What says when and how fast something was done, or what an earlier run had made already, by a part of its key.
_OF_THE_CLOCK = re.compile(
    r"^hits$|^new$|seconds|ended|commit|_ms|\bms\b|fps|memory|energy|speedup|timestamp|when|host|^time"
)
_TIMES = re.compile(r"\d{4}-\d{2}-\d{2}(?:[T ]\d{2}[.:]\d{2}(?:[.:]\d{2})?(?:\.\d+)?(?:Z|\+00:00)?)?")
_DURATIONS = re.compile(r"\d+(?:\.\d+)? ?(?:ms|s|min|h|images/s)\b")

#: What a run writes, beside MLflow's own.
_WRITTEN = ("data/test", "imported")

#: What is kept from run to run for its speed: which entries there are depends on what was done before.
_CACHES = ("data/test/06_models/teacher_features/", "data/test/06_models/checkpoints/")


def results_of(project: Path) -> dict[str, str]:
    """Returns a digest of the content of each file that runs wrote, of versions of the newest.

    Times of the day and durations do not count.
    """
    newest: dict[str, Path] = {}
    for path in sorted(path for name in _WRITTEN for path in (project / name).rglob("*") if path.is_file()):
        name = path.relative_to(project).as_posix()
        if not name.startswith(_CACHES):
            newest[re.sub(_TIMES, "version", name)] = path  # sorted: later versions come later
    return {
        name: hashlib.sha256(_comparable(path.name, path.read_bytes())).hexdigest() for name, path in newest.items()
    }


def left_over(project: Path) -> list[str]:
    """Returns what a run should not leave: half-written files, checkpoints, open runs in MLflow."""
    data = project / "data" / "test"
    found = [path for path in project.rglob("*") if path.name.endswith((".part", ".tmp", "-journal", "-wal"))]
    checkpoints = data / "06_models" / "checkpoints"
    found += [path for path in checkpoints.rglob("*") if path.is_file()]
    # The folder in which all trainings have theirs stays.
    found += [path for path in data.rglob("*") if path.is_dir() and path != checkpoints and not any(path.iterdir())]
    with sqlite3.connect(project / "mlflow.db") as database:
        states = database.execute("select run_uuid, status from runs").fetchall()
    return [str(path.relative_to(project)) for path in found] + [
        f"MLflow's run {run} is {status}" for run, status in states if status not in {"FINISHED", "KILLED", "FAILED"}
    ]


def _comparable(name: str, content: bytes) -> bytes:
    """Returns the content without what depends on the clock."""
    if name.endswith(".zip") and is_zipfile(BytesIO(content)):  # else it says why it was not built
        with ZipFile(BytesIO(content)) as archive:
            inside = {member: _comparable(member, archive.read(member)) for member in sorted(archive.namelist())}
        return b"".join(member.encode() + hashlib.sha256(part).digest() for member, part in inside.items())
    if name.endswith(".jsonl"):  # lines of workers come in any order
        return b"\n".join(sorted(_plain(json.loads(line)) for line in content.splitlines()))
    if name.endswith(".json"):
        return _plain(json.loads(content))
    if name.endswith((".html", ".md", ".csv", ".txt")):
        return _DURATIONS.sub("", _TIMES.sub("", content.decode())).encode()
    return content


def _plain(value: Any) -> bytes:
    return json.dumps(_without_clock(value), sort_keys=True).encode()


def _without_clock(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _without_clock(item) for key, item in value.items() if not _OF_THE_CLOCK.search(key)}
    if isinstance(value, list):
        return [_without_clock(item) for item in value]
    return _DURATIONS.sub("", _TIMES.sub("", value)) if isinstance(value, str) else value
