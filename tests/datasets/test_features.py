"""The store of features: bounded, shared by processes, and never wrong."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from gsam_edge.datasets.features import FeatureStoreDataset, FolderFeatures
from gsam_edge.training.durable import new_file
from gsam_edge.vision.errors import FileError
from support.forked import run_forked
from support.safetensors_files import of_a_type_that_pytorch_lacks, with_a_flipped_bit


def key(number: int) -> str:
    return hashlib.sha256(str(number).encode()).hexdigest()


def features(number: int, kilobytes: int = 64) -> dict[str, torch.Tensor]:
    return {"image": torch.full((1, kilobytes, 512), float(number), dtype=torch.float16)}


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_what_was_put_is_got_bit_by_bit_also_by_another_run(tmp_path):
    tensors = {"a": torch.randn(1, 3, 4).half().transpose(1, 2), "b": torch.randn(2, 2)}
    tensors["part of b, in its memory"] = tensors["b"][:1]
    dataset = FeatureStoreDataset(filepath=str(tmp_path / "store"), max_mb=1)
    assert dataset.load().get(key(0)) is None
    dataset.load().put(key(0), tensors)
    got = dataset.load().get(key(0))
    assert got.keys() == tensors.keys()
    assert all(torch.equal(got[name], tensors[name]) and got[name].dtype == tensors[name].dtype for name in tensors)


@pytest.mark.parametrize(
    "name", ["", "../" * 3 + "x", "/etc/passwd", "A" * 64, "0" * 63, "0" * 64 + "\n", "0" * 63 + "/"]
)
def test_a_key_that_is_no_digest_is_refused(tmp_path, name):
    store = FolderFeatures(tmp_path, max_mb=1)
    with pytest.raises(ValueError, match="SHA-256"):
        store.get(name)
    with pytest.raises(ValueError, match="SHA-256"):
        store.put(name, features(1))
    assert not files(tmp_path)


def test_the_folder_never_holds_more_than_its_bound(tmp_path):
    store = FolderFeatures(tmp_path, max_mb=1)
    for number in range(40):
        store.put(key(number), features(number, 30 + number))
        assert sum(path.stat().st_size for path in files(tmp_path)) <= 2**20
    assert store.get(key(39)) is not None


def test_what_was_not_used_for_the_longest_time_leaves_first(tmp_path, caplog):
    store = FolderFeatures(tmp_path, max_mb=1)
    for number in range(10):
        store.put(key(number), features(number))
        os.utime(store._path(key(number)), (number, number))
    assert store.get(key(0)) is not None
    for number in range(10, 16):
        store.put(key(number), features(number))
    assert store.get(key(0)) is not None
    assert store.get(key(1)) is None
    assert caplog.text.count("max_mb in the catalog") == 1


@pytest.mark.parametrize("max_mb", [0, 1])
def test_what_does_not_fit_at_all_is_not_kept(tmp_path, max_mb):
    store = FolderFeatures(tmp_path, max_mb=max_mb)
    store.put(key(0), features(0, 2000))
    assert store.get(key(0)) is None
    assert not files(tmp_path)


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[:-7],
        lambda content: b"",
        lambda content: b"x" * 99,
        lambda content: of_a_type_that_pytorch_lacks("image"),
        with_a_flipped_bit,
    ],
    ids=["short", "empty", "another", "type", "bit"],
)
def test_a_damaged_file_is_counted_and_written_anew(tmp_path, caplog, damage):
    store = FolderFeatures(tmp_path, max_mb=1)
    store.put(key(0), features(0))
    (path,) = files(tmp_path)
    path.write_bytes(damage(path.read_bytes()))
    assert store.get(key(0)) is None
    assert store.damaged == 1
    assert str(path) in caplog.text
    store.put(key(0), features(0))
    assert torch.equal(store.get(key(0))["image"], features(0)["image"])
    assert store.damaged == 1


def test_what_a_killed_process_left_leaves_and_what_another_one_writes_stays(tmp_path):
    store = FolderFeatures(tmp_path, max_mb=1)
    store.put(key(0), features(0))
    folder = files(tmp_path)[0].parent
    dead = folder / ".gsam-abcdefgh.part"
    dead.write_bytes(bytes(500_000))
    with new_file(folder / "being written") as stream:
        (alive,) = set(folder.glob(".gsam-*")) - {dead}
        stream.write(bytes(500_000))

        def fill():
            for number in range(1, 20):
                FolderFeatures(tmp_path, max_mb=1).put(key(number), features(number))

        assert run_forked(fill) == 0
        assert not dead.exists()
        assert alive.exists()


def test_what_the_store_did_not_write_is_not_its_to_delete(tmp_path):
    """A folder that holds other things, too: old files, folders, and names that are nearly its own."""
    foreign = [tmp_path / name for name in ("ab/notes.txt", "ab/.hidden", f"ab/{key(0)}.pt", "notes.safetensors")]
    (tmp_path / "ab" / f"{key(1)}.d").mkdir(parents=True)
    for path in foreign:
        path.write_bytes(bytes(2**19))
        os.utime(path, (0, 0))
    store = FolderFeatures(tmp_path, max_mb=1)
    for number in range(30):
        store.put(key(number), features(number))
    assert all(path.exists() for path in foreign)
    assert (tmp_path / "ab" / f"{key(1)}.d").is_dir()
    assert store.get(key(29)) is not None


def test_a_folder_that_cannot_be_used_is_told_with_a_remedy(tmp_path):
    (tmp_path / "store").write_text("a file")
    store = FolderFeatures(tmp_path / "store", max_mb=1)
    for use in (store.get, lambda digest: store.put(digest, features(0))):
        with pytest.raises(FileError, match="move away what stands in the way"):
            use(key(0))


FILL = """
import hashlib, sys, torch
from pathlib import Path
from gsam_edge.datasets.features import FolderFeatures

store = FolderFeatures(Path(sys.argv[1]), max_mb=1)
for number in range(60):
    key, value = hashlib.sha256(str(number).encode()).hexdigest(), torch.full((20, 512), float(number))
    store.put(key, {"image": value})
    got = store.get(key)
    assert got is None or torch.equal(got["image"], value)
print(store.damaged)
"""


def test_processes_share_a_folder_that_is_too_small_for_them(tmp_path):
    """Each deletes what the other reads and writes, and none fails or reads anything wrong."""
    command = [sys.executable, "-c", FILL, str(tmp_path)]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    assert [process.communicate()[0] for process in processes] == ["0\n", "0\n"]
    assert 0 < sum(path.stat().st_size for path in files(tmp_path)) <= 2**20 * (1 + 2 / 16)


def test_a_full_disk_ends_the_run_with_a_remedy(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", refuse)
    with pytest.raises(FileError, match="free some room"):
        FolderFeatures(tmp_path, max_mb=1).put(key(0), features(0))
    assert not files(tmp_path)
