"""A small weights file cannot use up the memory, nor the time, of the machine that reads it."""

import zipfile
from pathlib import Path

import pytest
import torch
from torch import nn

from gsam_edge.students.ultralytics.network import new_network
from gsam_edge.training.weights_file import read_checkpoint
from gsam_edge.vision.errors import FileError


def network() -> nn.Module:
    made = new_network("yolov8", "n", 2)
    made.names = {0: "a", 1: "b"}
    return made.half()


def saved(path: Path, model: nn.Module) -> Path:
    torch.save({"model": model}, path)
    return path


def test_an_archive_that_unpacks_to_more_than_it_is_is_not_unpacked(tmp_path: Path) -> None:
    """Ultralytics' files are stored as they are. Here zeros, a thousand times smaller compressed."""
    stored = saved(tmp_path / "stored.pt", network())
    bomb = tmp_path / "bomb.pt"
    with zipfile.ZipFile(stored) as source, zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as target:
        for entry in source.infolist():
            target.writestr(
                entry.filename, bytes(entry.file_size) if "/data/" in entry.filename else source.read(entry)
            )
    assert bomb.stat().st_size < stored.stat().st_size / 2
    with pytest.raises(FileError, match="expected entries that are not compressed"):
        read_checkpoint(bomb)


@pytest.mark.parametrize(
    "tensor",
    [
        torch.ones(1).half().expand(10**6, 10**6),  # one value in the file, two terabytes in memory
        torch.empty(3, device="meta"),
        torch.ones(2, 2).to_sparse(),
    ],
    ids=["expanded", "meta", "sparse"],
)
def test_a_tensor_whose_values_are_not_in_the_file_is_refused(tmp_path: Path, tensor: torch.Tensor) -> None:
    hostile = network()
    hostile.model[0].conv._parameters["weight"] = tensor
    with pytest.raises(FileError, match=r"model\.0\.conv\.weight: expected a tensor whose values are in the file"):
        read_checkpoint(saved(tmp_path / "own.pt", hostile))


def test_modules_in_modules_that_are_the_same_are_read_once(tmp_path: Path) -> None:
    """Forty that each hold the one before twice would be a million millions; one that holds itself, endless."""
    hostile = network()
    expected = hostile.state_dict()
    nested = nn.Module()
    for _ in range(40):
        outer = nn.Module()
        outer._modules |= {"a": nested, "b": nested}
        nested = outer
    nested._modules["itself"] = nested
    hostile.model[0]._modules["more"] = nested
    read = read_checkpoint(saved(tmp_path / "own.pt", hostile)).tensors
    assert read.keys() == expected.keys()
    assert all(torch.equal(tensor, expected[name].to(tensor.dtype)) for name, tensor in read.items())


@pytest.mark.parametrize("size", [2**60, 2**70])
def test_more_memory_than_there_is_is_an_error_of_the_file(tmp_path: Path, size: int) -> None:
    class Endless:
        def __reduce__(self) -> tuple[type, tuple[int]]:
            return bytearray, (size,)

    path = tmp_path / "own.pt"
    torch.save({"model": network(), "more": Endless()}, path)
    with pytest.raises(FileError, match="expected a weights file of Ultralytics"):
        read_checkpoint(path)
