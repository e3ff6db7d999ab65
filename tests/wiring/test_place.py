"""A run writes into its project, from whatever folder it is started, and obeys the server that it is given."""

import logging
from pathlib import Path

import mlflow
import pytest

from gsam_edge.hooks.place import PlaceError, log_in_project, require_usable_path, tracking_in_project
from gsam_edge.hooks.tracking import require_known_run

PROJECT = Path("/home/me/project")
SHIPPED = {
    "server": {"mlflow_tracking_uri": "sqlite:///mlflow.db"},
    "tracking": {
        "experiment": {"name": "x", "create_experiment_kwargs": {"artifact_location": "mlartifacts", "tags": {}}}
    },
    "ui": {"port": "5000"},
}


def location(conf):
    return conf["tracking"]["experiment"]["create_experiment_kwargs"]["artifact_location"]


def test_the_database_lies_in_the_project():
    placed = tracking_in_project(SHIPPED, PROJECT, {})
    assert placed["server"]["mlflow_tracking_uri"] == "sqlite:////home/me/project/mlflow.db"
    assert location(placed) == "mlartifacts"  # kedro-mlflow puts it into the project
    assert placed["ui"] == SHIPPED["ui"]
    assert SHIPPED["server"]["mlflow_tracking_uri"] == "sqlite:///mlflow.db"


@pytest.mark.parametrize("address", ["sqlite:////var/mlflow.db", "sqlite:///:memory:", "postgresql://me@host/runs"])
def test_an_address_that_is_whole_stays(address):
    placed = tracking_in_project({"server": {"mlflow_tracking_uri": address}}, PROJECT, {})
    assert placed["server"]["mlflow_tracking_uri"] == address


@pytest.mark.parametrize("environ", [{}, {"MLFLOW_TRACKING_URI": "http://127.0.0.1:5001"}])
def test_artefacts_go_through_a_server(environ):
    address = "http://127.0.0.1:5000"
    conf = SHIPPED if environ else {**SHIPPED, "server": {"mlflow_tracking_uri": address}}
    placed = tracking_in_project(conf, PROJECT, environ)
    assert placed["server"]["mlflow_tracking_uri"] == environ.get("MLFLOW_TRACKING_URI", address)
    assert location(placed) is None
    assert placed["tracking"]["experiment"]["name"] == "x"


def test_a_store_for_artefacts_that_the_user_named_stays():
    experiment = {"create_experiment_kwargs": {"artifact_location": "s3://bucket/runs"}}
    conf = {"server": {"mlflow_tracking_uri": "https://host"}, "tracking": {"experiment": experiment}}
    assert location(tracking_in_project(conf, PROJECT, {})) == "s3://bucket/runs"


@pytest.mark.parametrize("name", ["a [b]", "a{b}", "a*", "50%", "a\udcff", "a#b"])
def test_a_path_that_is_read_as_something_else_is_said(name):
    require_usable_path(PROJECT / "ü (1), x=2")
    with pytest.raises(PlaceError, match=r"expected a project's folder without .* move or rename the folder"):
        require_usable_path(PROJECT / name)


def test_a_run_that_is_gone_is_said(tmp_path):
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(f"sqlite:///{tmp_path / 'mlflow.db'}")
    try:
        require_known_run({})
        with pytest.raises(PlaceError, match=r"MLFLOW_RUN_ID: expected a run of .* unset MLFLOW_RUN_ID"):
            require_known_run({"MLFLOW_RUN_ID": "0" * 32})
    finally:
        mlflow.set_tracking_uri(before)


def test_the_log_is_the_projects(tmp_path, monkeypatch):
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "logging.yml").write_text(
        "{version: 1, disable_existing_loggers: false,"
        " handlers: {file: {class: logging.FileHandler, filename: logs/x.log}},"
        " loggers: {of_this_test: {handlers: [file], level: INFO, propagate: false}}}"
    )
    monkeypatch.delenv("KEDRO_LOGGING_CONFIG", raising=False)
    log_in_project(tmp_path)
    logger = logging.getLogger("of_this_test")
    logger.info("said")
    assert (tmp_path / "logs" / "x.log").read_text() == "said\n"
    for handler in list(logger.handlers):
        handler.close()
        logger.removeHandler(handler)


def test_lists_and_texts_with_commas_go_through_a_file(tmp_path):
    from kedro.framework.cli.project import run

    file = tmp_path / "run.yml"
    file.write_text('run: {params: {dataset: "a, b", split: {train: 0.5}, words: [1, 2]}}')
    given = run.make_context("run", ["--config", str(file)]).params["params"]
    assert given == {"dataset": "a, b", "split": {"train": 0.5}, "words": [1, 2]}
