"""A bit that flips in a file of tensors is noticed, and files without a digest are read as before."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors import SafetensorError, safe_open
from safetensors.torch import load, save

from gsam_edge.training.sealed import DamagedTensorsError, require_intact, sealed

TENSORS = {"b": torch.arange(6.0).reshape(2, 3), "a": torch.tensor([3], dtype=torch.int64), "empty": torch.zeros(0)}


@pytest.mark.parametrize("metadata", [None, {"format": "pt"}])
def test_a_sealed_file_holds_the_same_and_the_metadata_stay(metadata, tmp_path):
    content = sealed(save(TENSORS, metadata))
    require_intact(content)
    read = load(content)
    assert read.keys() == TENSORS.keys()
    assert all(torch.equal(read[name], tensor) for name, tensor in TENSORS.items())
    (tmp_path / "file.safetensors").write_bytes(content)
    with safe_open(tmp_path / "file.safetensors", "pt") as file:
        assert {key: value for key, value in file.metadata().items() if key != "sha256"} == (metadata or {})
    assert content == sealed(save(TENSORS, metadata))


def test_a_file_of_others_passes():
    require_intact(save(TENSORS))
    require_intact(save(TENSORS, {"format": "pt"}))


@given(st.integers(0), st.integers(0, 7))
def test_any_bit_that_flips_is_noticed_or_changes_nothing(at, bit):
    content = bytearray(sealed(save(TENSORS, {"format": "pt"})))
    content[at % len(content)] ^= 1 << bit
    try:
        read = load(bytes(content))
        require_intact(bytes(content))
    except (DamagedTensorsError, SafetensorError):
        return
    # a blank behind the header, or the name of the digest itself
    assert all(torch.equal(read[name], tensor) for name, tensor in TENSORS.items())


def test_a_file_that_was_sealed_says_what_happened():
    content = bytearray(sealed(save(TENSORS)))
    content[-1] ^= 1
    with pytest.raises(DamagedTensorsError, match=r"got one of .*: the file was damaged since"):
        require_intact(bytes(content))
