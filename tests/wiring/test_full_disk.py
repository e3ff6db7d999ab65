"""A full disk is one message, also where MLflow's database or the log meets it first."""

import errno
import logging
import os
import sqlite3
import sys
from pathlib import Path

import pytest
from mlflow.exceptions import MlflowException
from sqlalchemy.exc import OperationalError

from gsam_edge.hooks.console import show_error
from gsam_edge.hooks.full_disk import tell_once
from gsam_edge.hooks.tracking import TrackingHooks

REMEDY = "free some room on the disk, then run again"


def full_database() -> sqlite3.OperationalError:
    """What SQLite raises where the disk is full; here the database may not grow."""
    database = sqlite3.connect(":memory:")
    database.execute("pragma max_page_count = 1")
    with pytest.raises(sqlite3.OperationalError) as caught:
        database.execute("create table metrics (value real)")
    database.close()
    return caught.value


def as_mlflow_says_it(error: sqlite3.OperationalError) -> MlflowException:
    try:
        try:
            raise OperationalError("INSERT INTO metrics", {}, error) from error
        except OperationalError as wrapped:
            raise MlflowException(str(wrapped)) from wrapped
    except MlflowException as outer:
        return outer


def said(capsys: pytest.CaptureFixture[str], error: BaseException) -> str:
    show_error(type(error), error, error.__traceback__)
    return " ".join(capsys.readouterr().err.replace("│", " ").split())


def test_a_full_disk_under_mlflows_database_is_one_message(capsys: pytest.CaptureFixture[str]) -> None:
    text = said(capsys, as_mlflow_says_it(full_database()))
    assert REMEDY in text
    assert "Traceback" not in text


def test_a_full_disk_under_what_a_library_writes_is_one_message(capsys: pytest.CaptureFixture[str]) -> None:
    text = said(capsys, OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "somewhere"))
    assert REMEDY in text
    assert "somewhere" in text
    assert "Traceback" not in text


def test_another_error_of_the_database_stays_a_defect(capsys: pytest.CaptureFixture[str]) -> None:
    database = sqlite3.connect(":memory:")
    with pytest.raises(sqlite3.OperationalError) as caught:
        database.execute("select * from nothing")
    database.close()
    assert "Traceback" in said(capsys, as_mlflow_says_it(caught.value))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_log_that_cannot_be_written_is_said_once(capsys: pytest.CaptureFixture[str]) -> None:
    handler = logging.FileHandler("/dev/full")
    logger = logging.Logger("of this test")
    logger.addHandler(handler)
    tell_once(handler)
    logger.warning("one")
    logger.warning("two")
    text = capsys.readouterr().err
    assert text.count("/dev/full") == 1
    assert "Traceback" not in text
    logger.warning("%d", "no number")  # another fault is none of the disk's
    assert "Logging error" in capsys.readouterr().err


def test_a_run_that_cannot_be_ended_in_mlflow_hides_no_error(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Its process is gone afterwards, and so the next run ends it."""

    def refuse(*_: object) -> None:
        raise as_mlflow_says_it(full_database())

    hooks = TrackingHooks()
    hooks.run_id = "some run"
    hooks._is_mlflow_enabled, hooks._already_active_mlflow = True, False
    hooks._open.add("some run")
    monkeypatch.setattr("mlflow.MlflowClient.set_terminated", refuse)
    hooks.on_pipeline_error(ValueError("of a node"), {}, None, None)  # type: ignore[arg-type]
    hooks._end_interrupted()
    assert "some run" in caplog.text
    assert not hooks._open
    assert sys.exc_info() == (None, None, None)
