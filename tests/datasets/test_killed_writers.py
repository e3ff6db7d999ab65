"""Every kind of writer is killed at each of its file operations in turn: what is there then is old or new."""

import os
import signal
import sys
from collections.abc import Callable, Mapping
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import torch
from kedro.io import Version

from gsam_edge.coco import Annotations
from gsam_edge.datasets.coco import AnnotationsDataset
from gsam_edge.datasets.features import FolderFeatures
from gsam_edge.datasets.json_log import JsonLog
from gsam_edge.datasets.models import AdapterDataset
from gsam_edge.datasets.reports import ReportDataset
from gsam_edge.datasets.state import JsonStore
from gsam_edge.training.checkpoints import FolderCheckpoints
from gsam_edge.training.durable import remove_abandoned
from support.forked import run_forked

#: What Python tells of operations on files, before it does them.
OPERATIONS = ("open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.chmod", "os.truncate", "fcntl.flock")
PARTS = ("train.json", "val.json")
KEY = "ab" * 32


def split(folder: Path, part: str, save: str | None = None) -> AnnotationsDataset:
    return AnnotationsDataset(filepath=str(folder / part), parts=PARTS, version=Version(None, save))


def write_split(folder: Path, value: int) -> None:
    category = ({"id": value, "name": "bag"},)
    for part in PARTS:
        split(folder, part, f"2026-01-0{value}").save(Annotations((), (), category))


def read_split(folder: Path) -> int:
    train, val = (split(folder, part).load().categories[0]["id"] for part in PARTS)
    assert train == val, "parts of two splits"
    return train


def adapter(folder: Path) -> AdapterDataset:
    return AdapterDataset(filepath=str(folder / "adapter"))


def write_log(folder: Path, value: int) -> None:
    JsonLog(folder / "log")["key"] = value


WRITERS: Mapping[str, tuple[Callable[[Path, int], Any], Callable[[Path], int]]] = {
    "report": (
        lambda folder, value: ReportDataset(filepath=str(folder / "report.json")).save(value),
        lambda folder: ReportDataset(filepath=str(folder / "report.json")).load(),
    ),
    "folder": (
        lambda folder, value: adapter(folder).save({"status": "not needed", "why": str(value)}),
        lambda folder: int(adapter(folder).load()["why"]),
    ),
    "split": (write_split, read_split),
    "log": (write_log, lambda folder: JsonLog(folder / "log")["key"]),
    "store": (
        lambda folder, value: JsonStore(folder).update({"ab12": {"value": value}}),
        lambda folder: JsonStore(folder)["ab12"]["value"],
    ),
    "features": (
        lambda folder, value: FolderFeatures(folder, max_mb=1).put(KEY, {"value": torch.tensor(value)}),
        lambda folder: int((FolderFeatures(folder, max_mb=1).get(KEY) or {})["value"]),
    ),
    "checkpoints": (
        lambda folder, value: FolderCheckpoints(folder, keep=2).save({"value": value}),
        lambda folder: (FolderCheckpoints(folder, keep=2).load() or {})["value"],
    ),
}


def die_at(number: int) -> None:
    """Lets this process kill itself instead of its file operation of this number; a write is done by half before."""
    done = count(1)
    write, fsync = os.write, os.fsync

    def count_one() -> bool:
        return next(done) == number

    def half_written(descriptor: int, data: bytes) -> int:
        if count_one():
            write(descriptor, data[: len(data) // 2])
            os.kill(os.getpid(), signal.SIGKILL)
        return write(descriptor, data)

    def not_synced(descriptor: int) -> None:
        if count_one():
            os.kill(os.getpid(), signal.SIGKILL)
        fsync(descriptor)

    def on_event(event: str, _: Any) -> None:
        if event in OPERATIONS and count_one():
            os.kill(os.getpid(), signal.SIGKILL)

    os.write, os.fsync = half_written, not_synced
    sys.addaudithook(on_event)


@pytest.mark.parametrize("name", WRITERS)
def test_a_writer_killed_at_any_operation_leaves_the_old_or_the_new(tmp_path: Path, name: str) -> None:
    write, read = WRITERS[name]
    found = set()
    for number in range(1, 200):
        folder = tmp_path.with_name(f"{tmp_path.name}_{number}")
        write(folder, 1)
        FolderCheckpoints(folder, keep=2).release()  # this process has it, and the killed one is another

        def killed(folder: Path = folder, number: int = number) -> None:
            die_at(number)
            write(folder, 2)

        code = run_forked(killed)
        assert code in {0, -signal.SIGKILL}
        remove_abandoned(folder, below=True)
        assert not [path for path in folder.rglob("*") if path.name.endswith(".part")], "it left a part"
        found.add(read(folder))
        write(folder, 3)
        assert read(folder) in {2, 3}, "the next run could not write"
        if code == 0:
            break
    assert number > 3, "it was never killed"
    assert found <= {1, 2}
    assert 2 in found
