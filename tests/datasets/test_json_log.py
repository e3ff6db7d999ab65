"""The log of JSON lines: written at once, read again, whole after a kill."""

import errno
import os
from concurrent.futures import ThreadPoolExecutor

import pytest
from kedro.io import DatasetError

from gsam_edge.datasets.images import ImageFolder
from gsam_edge.datasets.json_log import JsonLog, JsonLogDataset
from gsam_edge.vision.errors import FileError
from support.forked import run_forked


@pytest.fixture
def load(tmp_path):
    return JsonLogDataset(filepath=str(tmp_path / "sub" / "log.jsonl")).load


def test_values_are_kept_by_key(load):
    log = load()
    assert len(log) == 0
    log["a"] = [1, None, "ü"]
    log["b\0c"] = {"x": 2.5}
    log["a"] = 3
    assert dict(load()) == dict(log) == {"a": 3, "b\0c": {"x": 2.5}}
    assert "d" not in load()
    with pytest.raises(KeyError):
        load()["d"]
    with pytest.raises(TypeError, match="never taken away"):
        del log["a"]


def test_a_line_that_was_cut_off_is_dropped_and_written_over(load, tmp_path):
    log = load()
    log["a"], log["b"] = 1, 2
    path = tmp_path / "sub" / "log.jsonl"
    path.write_bytes(path.read_bytes()[:-3])
    again = load()
    assert dict(again) == {"a": 1}
    again["c"] = 3
    assert dict(load()) == {"a": 1, "c": 3}


def test_a_torn_line_is_said_also_where_its_writer_died_while_others_go_on(load, tmp_path, caplog):
    log = load()
    log["a"] = 1
    path = tmp_path / "sub" / "log.jsonl"
    with path.open("ab") as file:
        file.write(b'["b",')
    log["c"] = 3
    assert path.read_bytes() == b'["a",1]\n["c",3]\n'
    assert "its last line was not finished" in caplog.text
    path.write_bytes(path.read_bytes()[:-1])
    caplog.clear()
    assert dict(load()) == {"a": 1}
    assert "its last line was not finished" in caplog.text


def test_a_line_that_the_disk_takes_in_part_is_an_error_and_leaves_nothing(load, tmp_path, monkeypatch):
    log, write = load(), os.write
    log["a"] = 1
    left = iter([4])

    def nearly_full(descriptor, data):
        if (room := next(left, 0)) == 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(descriptor, data[:room])

    with monkeypatch.context() as patch:
        patch.setattr("os.write", nearly_full)
        with pytest.raises(FileError, match="free some room"):
            log["b"] = 2
    assert "b" not in log
    assert (tmp_path / "sub" / "log.jsonl").read_bytes() == b'["a",1]\n'
    monkeypatch.setattr("os.write", lambda descriptor, data: write(descriptor, data[:3]))
    log["b"] = 2
    assert dict(load()) == {"a": 1, "b": 2}


def test_processes_lose_no_line_also_where_they_open_it_again_and_again(load, tmp_path):
    path = tmp_path / "log.jsonl"

    def fill(name):
        for number in range(200):
            if number % 20 == 0:
                log = JsonLog(path)
            log[f"{name}-{number}"] = "x" * 500

    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(lambda name: run_forked(lambda: fill(name)), "abc")) == [0, 0, 0]
    assert len(JsonLog(path)) == 600


def test_two_runs_may_fill_one_log(load):
    one = load()
    one["a"] = 1
    other = load()
    one["b"], other["c"], one["d"] = 2, 3, 4
    assert dict(load()) == {"a": 1, "b": 2, "c": 3, "d": 4}


def test_a_log_that_was_deleted_meanwhile_begins_anew(load, tmp_path):
    log = load()
    log["a"] = 1
    (tmp_path / "sub" / "log.jsonl").unlink()
    log["b"] = 2
    assert (tmp_path / "sub" / "log.jsonl").read_bytes() == b'["b",2]\n'
    assert dict(load()) == {"b": 2}


def test_threads_may_share_it(load):
    log = load()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: log.__setitem__(str(number), number), range(200)))
    assert dict(load()) == {str(number): number for number in range(200)}


@pytest.mark.parametrize(
    "content",
    [
        b"hello\n", b"[1]\n", b"5\n", b'[["list"], 1]\n', b'"ab"\n', b"[1, 2]\n", b"\xff\n", b"[" * 100_000 + b"\n",
        '["a",1]'.encode("utf-16") + b"\n", b"a file of one line without an end",
    ],
)  # fmt: skip
def test_another_file_is_refused(load, tmp_path, content):
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "log.jsonl").write_bytes(content)
    with pytest.raises(DatasetError, match=r"expected lines of \[key, value\] in JSON.*delete it to begin anew"):
        load()
    assert (tmp_path / "sub" / "log.jsonl").read_bytes() == content


def test_the_stamp_of_an_image_changes_with_it(tmp_path):
    (tmp_path / "a.png").write_bytes(b"one")
    files = ImageFolder(tmp_path, max_pixels=10)
    before = files.stamp("a.png")
    assert files.stamp("a.png") == before
    (tmp_path / "a.png").write_bytes(b"other")
    assert files.stamp("a.png") != before


def test_the_stamp_tells_datasets_and_limits_apart(tmp_path):
    """Two datasets of one project may hold files of one name, size and time, and their looks lie in one log."""
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.png").write_bytes(b"12345")
        os.utime(tmp_path / name / "a.png", ns=(1, 1))
    (tmp_path / "link").symlink_to(tmp_path / "one")
    one, other, link = (ImageFolder(tmp_path / name, max_pixels=10).stamp("a.png") for name in ("one", "other", "link"))
    assert one == link != other
    assert ImageFolder(tmp_path / "one", max_pixels=11).stamp("a.png") != one
