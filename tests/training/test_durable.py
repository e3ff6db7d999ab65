"""Files of killed writers go, those of living ones stay, and what is written lasts."""

import os
import signal
from pathlib import Path

import pytest

from gsam_edge.training.durable import hold, new_file, new_folder, remove_abandoned, write_bytes
from support.forked import kill, run_forked, still_running


def kill_a_writer(target: Path, kind: str) -> None:
    def work() -> None:
        if kind == "file":
            with new_file(target) as stream:
                stream.write(b"half")
                os.kill(os.getpid(), signal.SIGKILL)
        with new_folder(target) as draft:
            (draft / "half").write_bytes(b"half")
            os.kill(os.getpid(), signal.SIGKILL)

    assert run_forked(work) == -signal.SIGKILL


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_what_a_killed_writer_left_goes(tmp_path: Path, kind: str) -> None:
    version = tmp_path / "student.onnx" / "2026-01-01T00.00.00.000Z"
    kill_a_writer(version / "student.onnx", kind)
    kill_a_writer(tmp_path / "report", kind)
    assert len(remove_abandoned(tmp_path, below=True)) == 2
    assert sorted(tmp_path.iterdir()) == [tmp_path / "student.onnx"], "a version without a file is none"
    assert list((tmp_path / "student.onnx").iterdir()) == []
    assert remove_abandoned(tmp_path / "missing", below=True) == []


def test_the_next_write_into_a_folder_removes_it_too(tmp_path: Path) -> None:
    kill_a_writer(tmp_path / "a", "file")
    write_bytes(tmp_path / "b", b"1")
    assert list(tmp_path.iterdir()) == [tmp_path / "b"]


def test_what_is_being_written_and_files_of_a_user_stay(tmp_path: Path) -> None:
    for name in ("film.part", ".part", ".gsam-.part", "x.gsam-abc.part"):
        (tmp_path / name).touch()

    def look() -> None:
        assert remove_abandoned(tmp_path, below=True) == []

    with new_file(tmp_path / "a") as stream, new_folder(tmp_path / "b") as draft:
        (draft / "half").touch()
        assert run_forked(look) == 0
        stream.write(b"whole")
    assert (tmp_path / "a").read_bytes() == b"whole"
    assert [path.name for path in (tmp_path / "b").iterdir()] == ["half"]
    assert len(list(tmp_path.iterdir())) == 6


def test_the_only_copy_of_a_folder_is_not_taken_for_a_part(tmp_path: Path) -> None:
    """Where two folders cannot be exchanged in one step, a kill between two renames leaves both in the hidden one."""
    (tmp_path / ".gsam-abcdefgh.part" / "old").mkdir(parents=True)
    assert remove_abandoned(tmp_path) == []


def test_content_and_names_reach_the_disk_before_and_after_the_rename(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    fsync, replace = os.fsync, os.replace

    def noted_fsync(descriptor: int) -> None:
        told.append(f"fsync {Path(os.readlink(f'/proc/self/fd/{descriptor}')).name}")
        fsync(descriptor)

    def noted_replace(source: Path, target: Path) -> None:
        told.append(f"rename to {Path(target).name}")
        replace(source, target)

    monkeypatch.setattr("os.fsync", noted_fsync)
    monkeypatch.setattr("os.replace", noted_replace)
    write_bytes(tmp_path / "new" / "file", b"1")
    assert told[0] == f"fsync {tmp_path.name}"
    assert told[1].startswith("fsync .gsam-")
    assert told[2:] == ["rename to file", "fsync new"]
    told.clear()
    with new_folder(tmp_path / "folder") as draft:
        (draft / "inside").mkdir()
        (draft / "inside" / "x").touch()
    assert sorted(told[:3]) == ["fsync inside", "fsync new", "fsync x"]
    assert told[3:] == ["rename to folder", f"fsync {tmp_path.name}"]


def test_a_lock_keeps_others_out_until_its_holder_is_gone(tmp_path: Path) -> None:
    with still_running(lambda: hold(tmp_path, wait=True)) as holder:
        with pytest.raises(BlockingIOError):
            hold(tmp_path, wait=False)
        kill(holder)
        descriptor = hold(tmp_path, wait=False)
    assert descriptor is not None
    os.close(descriptor)
