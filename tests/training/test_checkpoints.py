import pickle

import pytest
import torch

from gsam_edge.training.checkpoints import FolderCheckpoints, NoCheckpoints, fingerprint
from gsam_edge.vision.errors import FileError


def test_a_state_comes_back_and_can_be_forgotten(tmp_path):
    store = FolderCheckpoints(tmp_path / "new").open("abc")
    assert store.load() is None
    store.save({"step": 3, "model": {"weight": torch.arange(4.0)}})
    state = store.load()
    assert state["step"] == 3
    assert torch.equal(state["model"]["weight"], torch.arange(4.0))
    store.clear()
    store.clear()
    assert store.load() is None


def test_the_state_of_another_fingerprint_is_never_loaded(tmp_path):
    folder = FolderCheckpoints(tmp_path)
    folder.open(fingerprint({"steps": 3}, 1)).save({"step": 3})
    assert folder.open(fingerprint({"steps": 4}, 1)).load() is None
    assert folder.open(fingerprint({"steps": 3}, 1)).load() == {"step": 3}


def test_what_is_done_is_forgotten_and_what_is_paused_is_not(tmp_path):
    """Another configuration's killed run continues even though this one has been finished meanwhile."""
    paused = FolderCheckpoints(tmp_path).open("paused")
    paused.save({"step": 7})
    (tmp_path / "paused1234.part").write_bytes(b"half a state")

    folder = FolderCheckpoints(tmp_path)
    done = folder.open("done")
    done.save({"step": 9})
    (tmp_path / "done1234.part").write_bytes(b"half a state")
    folder.clear()
    assert [path.name for path in tmp_path.iterdir()] == ["paused.pt"]
    assert paused.load() == {"step": 7}
    assert done.load() is None
    FolderCheckpoints(tmp_path / "never written").clear()


def test_a_failed_save_leaves_the_old_state_and_no_other_file(tmp_path):
    store = FolderCheckpoints(tmp_path).open("abc")
    store.save({"step": 1})
    with pytest.raises((AttributeError, pickle.PicklingError)):
        store.save({"step": 2, "bad": lambda: None})
    assert store.load() == {"step": 1}
    assert [path.name for path in tmp_path.iterdir()] == ["abc.pt"]


def test_a_file_that_would_run_code_is_refused(tmp_path):
    class Evil:
        def __reduce__(self):
            return (print, ("owned",))

    (tmp_path / "abc.pt").write_bytes(b"")
    torch.save({"evil": Evil()}, tmp_path / "abc.pt")
    with pytest.raises(FileError, match="delete it to begin anew"):
        FolderCheckpoints(tmp_path).open("abc").load()


def test_fingerprint_ignores_the_order_of_keys_and_sees_every_value():
    assert fingerprint({"a": 1, "b": 2}) == fingerprint({"b": 2, "a": 1})
    assert fingerprint({"a": 1}, 0) != fingerprint({"a": 1}, 1)
    with pytest.raises(TypeError):
        fingerprint(object())


def test_no_checkpoints_keeps_nothing():
    store = NoCheckpoints()
    store.save({"step": 1})
    assert store.load() is None
