"""The curves of a training are those that it ended with, however often it was killed or begun anew."""

import resource
import signal
from pathlib import Path

import pytest

from gsam_edge.datasets.tracking import LiveMetrics, LiveMetricsDataset, make_database
from gsam_edge.training.metrics import discard_metric
from gsam_edge.vision.errors import FileError
from support.forked import run_forked


def logged(folder, steps, value, tracked=discard_metric):
    """A process that logs these steps, with a validation at even ones."""
    log = LiveMetrics(folder, tracked)
    for step in steps:
        log("sam/train_loss", value, step)
        if step % 2 == 0:
            log("sam/val_score", value, step)
    return log


def test_what_is_logged_is_there_by_training_and_metric(tmp_path):
    tracked = []
    log = logged(tmp_path, range(1, 4), 0.5, lambda *values: tracked.append(values))
    log("yolo/train_loss", 2, 1)
    assert log.curves("sam") == {"train_loss": [(1, 0.5), (2, 0.5), (3, 0.5)], "val_score": [(2, 0.5)]}
    assert LiveMetrics(tmp_path, discard_metric).curves("yolo") == {"train_loss": [(1, 2.0)]}
    assert log.curves("grounding_dino") == {}
    assert tracked[1:3] == [("sam/train_loss", 0.5, 2), ("sam/val_score", 0.5, 2)]


def test_a_training_that_continues_replaces_the_steps_that_it_takes_again(tmp_path):
    logged(tmp_path, range(1, 6), 0.5)
    curves = logged(tmp_path, range(4, 7), 0.1).curves("sam")
    assert curves["train_loss"] == [(1, 0.5), (2, 0.5), (3, 0.5), (4, 0.1), (5, 0.1), (6, 0.1)]
    assert curves["val_score"] == [(2, 0.5), (4, 0.1), (6, 0.1)]


def test_a_training_that_begins_anew_leaves_nothing_of_the_one_before(tmp_path):
    logged(tmp_path, range(1, 6), 0.5)
    assert logged(tmp_path, [1], 0.1).curves("sam") == {"train_loss": [(1, 0.1)]}


def test_a_line_that_a_killed_run_did_not_finish_is_left_out(tmp_path):
    logged(tmp_path, range(1, 3), 0.5)
    path = tmp_path / "sam.jsonl"
    path.write_bytes(path.read_bytes() + b'["train_lo')
    log = LiveMetrics(tmp_path, discard_metric)
    assert log.curves("sam")["train_loss"] == [(1, 0.5), (2, 0.5)]
    log("sam/train_loss", 0.1, 3)
    assert log.curves("sam")["train_loss"] == [(1, 0.5), (2, 0.5), (3, 0.1)]


@pytest.mark.parametrize("content", ['{"a": 1}', "[" * 10**5, "\0", '["loss", 1]'])
def test_another_file_in_its_place_is_named(tmp_path, content):
    (tmp_path / "sam.jsonl").write_text(f"{content}\n")
    with pytest.raises(FileError, match=r"sam\.jsonl: expected lines of \[metric, step, value\]"):
        LiveMetricsDataset(filepath=str(tmp_path), every_s=5).load().curves("sam")


@pytest.mark.parametrize("size", [20_000, 300_000])
def test_a_database_is_there_whole_or_not_at_all(tmp_path: Path, size: int) -> None:
    """The system ends its maker in the middle, as a file grows beyond a size; the next one makes it."""
    uri = f"sqlite:///{tmp_path}/mlflow.db"

    def killed() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
        make_database(uri)

    assert run_forked(killed) == -signal.SIGXFSZ
    assert not (tmp_path / "mlflow.db").exists()
    assert run_forked(lambda: make_database(uri)) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["mlflow.db"]
    assert run_forked(lambda: opened_by_mlflow(uri, tmp_path)) == 0


def opened_by_mlflow(uri: str, folder: Path) -> None:
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    assert SqlAlchemyStore(uri, str(folder)).search_experiments()


def test_a_database_that_is_there_or_elsewhere_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").write_text("mine")
    make_database(f"sqlite:///{tmp_path}/mlflow.db")
    make_database("http://127.0.0.1:5000")
    make_database(None)
    assert (tmp_path / "mlflow.db").read_text() == "mine"
