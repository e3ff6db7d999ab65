"""Runs whose process was killed: MLflow shows them as running for ever, unless somebody who knows better ends them."""

import logging
import socket

import psutil
from mlflow import MlflowClient
from mlflow.entities import Run, RunStatus

logger = logging.getLogger(__name__)

_HOST, _PROCESS, _STARTED = "process.host", "process.id", "process.started"


def process_tags() -> dict[str, str]:
    """Returns the tags by which `end_abandoned` finds this process again: machine, number and time of its start."""
    process = psutil.Process()
    return {_HOST: socket.gethostname(), _PROCESS: str(process.pid), _STARTED: repr(process.create_time())}


def end_abandoned(client: MlflowClient, experiment_id: str) -> list[str]:
    """Ends runs of this machine that are marked as running while their process is gone; returns their ids.

    They become KILLED, at the time of the last metric that they logged. A run of another machine, or one that was not
    started by this project, is left as it is: nothing is known about its process.
    """
    ended = []
    running = client.search_runs(
        [experiment_id],
        filter_string=f"attributes.status = 'RUNNING' AND tags.`{_HOST}` = '{socket.gethostname()}'",
    )
    for run in running:
        if _is_alive(run):
            continue
        times = [metric.timestamp for metric in run.data._metric_objs]
        client.set_terminated(
            run.info.run_id, RunStatus.to_string(RunStatus.KILLED), max([run.info.start_time, *times])
        )
        logger.info("run %s (%s) in MLflow: its process is gone, marked as killed", run.info.run_name, run.info.run_id)
        ended.append(run.info.run_id)
    return ended


def _is_alive(run: Run) -> bool:
    """Returns whether the process of a run is there; a later one with the same number started at another time."""
    tags = run.data.tags
    try:
        return repr(psutil.Process(int(tags[_PROCESS])).create_time()) == tags[_STARTED]
    except (psutil.NoSuchProcess, KeyError, ValueError):
        return False
