import pickle

import pytest
import torch

from gsam_edge.training.checkpoints import FolderCheckpoints, NoCheckpoints, fingerprint
from gsam_edge.training.durable import new_file
from gsam_edge.training.errors import BusyError, SettingError
from gsam_edge.vision.errors import FileError
from support.forked import kill, run_forked, still_running


def names(folder):
    """Returns the names of the states in a folder, and of all that has no business there."""
    return sorted(path.name for path in folder.iterdir() if path.name != "running.json")


def test_one_process_at_a_time_has_a_training_and_a_killed_one_has_none(tmp_path):
    ours = FolderCheckpoints(tmp_path / "net", keep=2)
    with still_running(lambda: FolderCheckpoints(tmp_path / "net", keep=2).open("this").save({"step": 1})) as process:
        ours.open("another").save({"step": 5})
        for call in (ours.open("this").load, lambda: ours.open("this").save({"step": 2})):
            with pytest.raises(BusyError, match=rf"this.*already running since 20.*process {process} on .*wait"):
                call()
        kill(process)
        assert ours.open("this").load() == {"step": 1}
    ours.clear()
    assert list(tmp_path.iterdir()) == []


def test_a_training_that_was_let_go_may_be_continued_by_another_process(tmp_path):
    store = FolderCheckpoints(tmp_path, keep=2)
    store.open("this").save({"step": 3})
    store.release()
    assert run_forked(lambda: FolderCheckpoints(tmp_path, keep=2).open("this").save({"step": 4})) == 0
    assert names(tmp_path / "this") == ["00000001.pt", "00000002.pt"]


def test_what_another_process_is_writing_stays(tmp_path):
    """Two runs in one project: the one that ends first cleans up behind itself alone."""

    def save_and_clear():
        store = FolderCheckpoints(tmp_path, keep=2)
        store.save({"step": 1})
        store.clear()

    with new_file(tmp_path / "00000009.pt") as stream:
        stream.write(b"half")
        part = next(tmp_path.glob(".gsam-*.part"))
        assert run_forked(save_and_clear) == 0
        assert part.exists()


def test_a_state_comes_back_and_can_be_forgotten(tmp_path):
    store = FolderCheckpoints(tmp_path / "new", keep=2).open("abc")
    assert store.load() is None
    store.save({"step": 3, "model": {"weight": torch.arange(4.0)}})
    state = store.load()
    assert state["step"] == 3
    assert torch.equal(state["model"]["weight"], torch.arange(4.0))
    store.clear()
    store.clear()
    assert store.load() is None


def test_the_state_of_another_fingerprint_is_never_loaded(tmp_path):
    folder = FolderCheckpoints(tmp_path, keep=2)
    folder.open(fingerprint({"steps": 3}, 1)).save({"step": 3})
    assert folder.open(fingerprint({"steps": 4}, 1)).load() is None
    assert folder.open(fingerprint({"steps": 3}, 1)).load() == {"step": 3}


def test_what_is_done_is_forgotten_and_what_is_paused_is_not(tmp_path):
    """Another configuration's killed run continues even though this one has been finished meanwhile."""
    paused = FolderCheckpoints(tmp_path, keep=2).open("paused")
    paused.save({"step": 7})

    folder = FolderCheckpoints(tmp_path, keep=2)
    done = folder.open("done")
    done.save({"step": 9})
    (tmp_path / "done" / ".gsam-1234abcd.part").write_bytes(b"half a state")
    folder.clear()
    assert [path.name for path in tmp_path.iterdir()] == ["paused"]
    assert paused.load() == {"step": 7}
    assert done.load() is None
    FolderCheckpoints(tmp_path / "never written", keep=2).clear()


def test_a_failed_save_leaves_the_old_state_and_no_other_file(tmp_path):
    store = FolderCheckpoints(tmp_path, keep=2).open("abc")
    store.save({"step": 1})
    with pytest.raises((AttributeError, pickle.PicklingError)):
        store.save({"step": 2, "bad": lambda: None})
    assert store.load() == {"step": 1}
    assert names(tmp_path / "abc") == ["00000001.pt"]


def test_a_file_that_would_run_code_is_refused(tmp_path):
    class Evil:
        def __reduce__(self):
            return (print, ("owned",))

    (tmp_path / "abc").mkdir()
    torch.save({"evil": Evil()}, tmp_path / "abc" / "00000001.pt")
    with pytest.raises(FileError, match="delete the folder to begin anew"):
        FolderCheckpoints(tmp_path, keep=2).open("abc").load()


def test_the_last_states_are_kept_and_older_ones_and_unfinished_files_go(tmp_path):
    (tmp_path / ".gsam-1234abcd.part").write_bytes(b"half a state")
    store = FolderCheckpoints(tmp_path, keep=3)
    for step in range(12):
        store.save({"step": step})
    assert names(tmp_path) == ["00000010.pt", "00000011.pt", "00000012.pt"]
    assert FolderCheckpoints(tmp_path, keep=3).load() == {"step": 11}
    with pytest.raises(SettingError, match="keep of at least 2"):
        FolderCheckpoints(tmp_path, keep=1)


@pytest.mark.parametrize("length", [0, 100, 0.5, 0.99])
def test_a_damaged_state_gives_way_to_the_one_before_with_a_warning(tmp_path, caplog, length):
    """A machine that loses its power can leave the newest file shorter than it was written."""
    store = FolderCheckpoints(tmp_path, keep=2)
    store.save({"step": 1, "weights": torch.arange(1000.0)})
    store.save({"step": 2, "weights": torch.arange(1000.0)})
    newest = tmp_path / "00000002.pt"
    content = newest.read_bytes()
    newest.write_bytes(content[: length if isinstance(length, int) else int(length * len(content))])
    again = FolderCheckpoints(tmp_path, keep=2)
    assert again.load()["step"] == 1
    assert str(newest) in caplog.text
    again.save({"step": 3})
    assert names(tmp_path) == ["00000001.pt", "00000003.pt"]


def test_a_state_of_which_a_bit_has_changed_is_damaged(tmp_path, caplog):
    """Of the right length, as a failing disk gives it: the weights of a training must not be wrong."""
    store = FolderCheckpoints(tmp_path, keep=2)
    for step in (1, 2):
        store.save({"step": step, "weights": torch.full((1000,), 7.0)})
    newest = tmp_path / "00000002.pt"
    content = bytearray(newest.read_bytes())
    content[content.index(torch.full((1000,), 7.0).numpy().tobytes()) + 2000] ^= 4
    newest.write_bytes(content)
    assert FolderCheckpoints(tmp_path, keep=2).load()["step"] == 1
    assert f"{newest} is damaged" in caplog.text


def test_where_all_states_are_damaged_it_says_what_to_do(tmp_path):
    store = FolderCheckpoints(tmp_path, keep=2)
    for step in range(2):
        store.save({"step": step})
    for path in tmp_path.glob("*.pt"):
        path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(FileError, match=r"got 2 that cannot be read; delete the folder to begin anew"):
        FolderCheckpoints(tmp_path, keep=2).load()


def test_fingerprint_ignores_the_order_of_keys_and_sees_every_value():
    assert fingerprint({"a": 1, "b": 2}) == fingerprint({"b": 2, "a": 1})
    assert fingerprint({"a": 1}, 0) != fingerprint({"a": 1}, 1)
    with pytest.raises(TypeError):
        fingerprint(object())


def test_no_checkpoints_keeps_nothing():
    store = NoCheckpoints()
    store.save({"step": 1})
    assert store.load() is None
