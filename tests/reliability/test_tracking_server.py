"""A run is recorded by a team's MLflow server: here one of its own, on loopback."""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import mlflow
import pytest

pytestmark = pytest.mark.slow

ARGUMENTS = ("run", "--env=test", "--pipeline=data_validation", "--params=dataset=dataset")
QUIET = {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """The address of a server that keeps runs and artefacts in folders of its own."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "mlflow", "server", "--host=127.0.0.1", f"--port={port}", "--workers=1"]
    command += [f"--backend-store-uri=sqlite:///{tmp_path}/runs.db", f"--artifacts-destination={tmp_path}/artefacts"]
    address = f"http://127.0.0.1:{port}"
    process = subprocess.Popen(command, env=os.environ | QUIET, cwd=tmp_path, start_new_session=True)
    try:
        until = time.monotonic() + 1500
        while process.poll() is None and time.monotonic() < until and not answers(address):
            time.sleep(1)
        yield address
    finally:
        os.killpg(process.pid, 9)
        process.wait()


def answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"{address}/health", timeout=30) as answer:  # noqa: S310 - our own address
            return bool(answer.status == 200)
    except OSError:
        return False


def kedro(project: Path, **variables: str) -> "subprocess.CompletedProcess[str]":
    environment = os.environ | QUIET | {"PYTHONPATH": str(project / "src"), "COLUMNS": "200"} | variables
    command = [sys.executable, "-m", "kedro", *ARGUMENTS]
    return subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, check=False)


def test_a_run_is_on_the_server_with_its_reports_and_nowhere_else(project: Path, server: str, tmp_path: Path) -> None:
    done = kedro(project, MLFLOW_TRACKING_URI=server)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    client = mlflow.MlflowClient(server)
    (experiment,) = (found for found in client.search_experiments() if found.name == "gsam_edge")
    assert experiment.artifact_location.startswith("mlflow-artifacts:/")
    (run,) = client.search_runs([experiment.experiment_id])
    assert run.info.status == "FINISHED"
    assert run.data.params["seed"]
    kept = {path.name for path in (tmp_path / "artefacts").rglob("*") if path.is_file()}
    assert {"validation_report.json"} <= kept
    assert not (project / "mlflow.db").exists()
    assert not (project / "mlartifacts").exists()


def test_a_server_that_does_not_answer_is_one_message(project: Path) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # bound and not listening: nobody answers there
        address = f"http://127.0.0.1:{closed.getsockname()[1]}"
        done = kedro(project, MLFLOW_TRACKING_URI=address, MLFLOW_HTTP_REQUEST_MAX_RETRIES="0")
    assert done.returncode
    assert "Traceback" not in done.stderr, done.stderr[-4000:]
    assert address in done.stderr
