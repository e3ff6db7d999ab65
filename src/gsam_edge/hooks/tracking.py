"""Records a run in MLflow: its life from start to end, parameters and environment."""

import atexit
import json
import logging
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import mlflow
import numpy as np
from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl
from kedro.io import DataCatalog
from kedro.pipeline import Pipeline
from kedro.pipeline.node import Node
from kedro_mlflow.config.kedro_mlflow_config import KedroMlflowConfig
from kedro_mlflow.framework.hooks.mlflow_hook import MlflowHook
from mlflow.entities import Param
from mlflow.exceptions import MlflowException
from mlflow.utils.validation import MAX_PARAM_VAL_LENGTH, MAX_PARAMS_TAGS_PER_BATCH
from pydantic import BaseModel

from gsam_edge.datasets.tracking import LiveMetrics, make_database
from gsam_edge.hooks.abandoned import end_abandoned, process_tags
from gsam_edge.teachers.table import TEACHERS, TeacherChoice
from gsam_edge.training.durable import held
from gsam_edge.vision.errors import UserError

logger = logging.getLogger(__name__)

#: Asked for when the process starts: MLflow itself sets the variable later on, for its children.
_GIVEN_URI = os.environ.get("MLFLOW_TRACKING_URI")
#: Name of the view in conf/base/mlflow.yml.
_VIEW = "gsam_edge"
_SQLITE, _RUN_ID = "sqlite:///", "MLFLOW_RUN_ID"

RECORDED_PACKAGES = ("gsam_edge", "kedro", "torch", "transformers", "peft", "ultralytics", "onnxruntime", "numpy")

#: Parameters that are recorded as one text.
_AS_ONE = ("params:augmentation_rules",)

#: What of the command line leaves a part of the pipelines out.
_SELECTIONS = ("pipeline_names", "tags", "node_names", "from_nodes", "to_nodes", "from_inputs", "to_outputs")


class TrackingError(UserError):
    """MLflow refuses a run: a run's id that it does not know, or a server that does not answer."""


def plain_parameters(inputs: dict[str, Any]) -> dict[str, Any]:
    """Returns a node's inputs with every typed parameter as plain values.

    Parameters of teachers that are not chosen are left out: they would be a third of a run's. What words of
    augmentation mean is one value, not one for each number in it.
    """
    choice = inputs.get("params:teachers")
    chosen = choice.names if isinstance(choice, TeacherChoice) else tuple(TEACHERS)
    unused = {f"params:{name}" for name in TEACHERS if name not in chosen}
    plain = {
        name: value.model_dump() if isinstance(value, BaseModel) else value
        for name, value in inputs.items()
        if name not in unused
    }
    return plain | {name: json.dumps(plain[name], sort_keys=True) for name in _AS_ONE if plain.get(name)}


def steps_of(pipeline: Pipeline) -> list[str]:
    """Returns the steps whose nodes a run has, in the order in which they end: some of their nodes begin early."""
    return list(dict.fromkeys(node.namespace or node.name for node in reversed(pipeline.nodes)))[::-1]


def name_of_run(pipeline: Pipeline, run_params: dict[str, Any]) -> str:
    """Returns what a run is called before its student is known: "all steps", or those that it has."""
    steps = steps_of(pipeline)
    whole = len(steps) > 1 and not any(run_params.get(name) for name in _SELECTIONS)
    return "all steps" if whole else " + ".join(steps)


class TrackingHooks(MlflowHook):
    """kedro-mlflow's hook, with typed parameters flattened, a record of the environment, and an end for every run."""

    def __init__(self) -> None:
        super().__init__()
        self.run_id: str | None = None
        self._begun: set[str] = set()
        self._open: set[str] = set()
        self._collected: dict[str, str] = {}
        self._logged: dict[str, str] = {}
        # MLflow's own exit handler calls a run that Ctrl-C ended finished; this one, registered later, comes before it
        atexit.register(self._end_interrupted)

    @hook_impl
    def after_context_created(self, context: KedroContext) -> None:
        """Sets MLflow up for a run, which under `kedro server` may not be the first of this process."""
        self._leave_earlier_runs()
        loader = context.config_loader
        loader.config_patterns.setdefault("mlflow", ["mlflow*", "mlflow*/**", "**/mlflow*"])
        loader["mlflow"] = where_to_track(loader["mlflow"], Path(context.project_path))
        with _refusals_told(), held(Path(context.project_path)):  # two first runs would both create mlflow.db
            make_database(loader["mlflow"]["server"]["mlflow_tracking_uri"])
            super().after_context_created(context)
        if not self._already_active_mlflow:
            self._tag_experiment()
            experiment = self.mlflow_config.tracking.experiment._experiment
            end_abandoned(mlflow.MlflowClient(), experiment.experiment_id)

    def _tag_experiment(self) -> None:
        """Gives an experiment of an earlier version the tags that a new one is created with; the user's own stay."""
        experiment = self.mlflow_config.tracking.experiment
        for name, value in (experiment.create_experiment_kwargs.tags or {}).items():
            if name not in experiment._experiment.tags:
                mlflow.MlflowClient().set_experiment_tag(experiment._experiment.experiment_id, name, value)

    def _leave_earlier_runs(self) -> None:
        """Takes runs that ended from the stack of the active ones; they stay as they ended.

        A run is opened in the thread of each node, too, and nobody takes it from that thread's stack. MLflow knows
        threads by their numbers, which the system gives out again: another request would log into the earlier run.
        """
        while (active := mlflow.active_run()) is not None and active.info.run_id in self._begun:
            client = (
                mlflow.MlflowClient()
            )  # not before: it makes a database in this folder where none is configured yet
            ended = client.get_run(active.info.run_id).info
            mlflow.end_run(ended.status)
            client.set_terminated(ended.run_id, ended.status, ended.end_time)

    @hook_impl
    def before_node_run(self, node: Node, catalog: DataCatalog, inputs: dict[str, Any], is_async: bool) -> None:
        """Seeds the global generators and logs the node's parameters one by one."""
        seed = inputs.get("params:seed", 0)
        random.seed(seed)
        np.random.seed(seed)
        self._collected.clear()
        super().before_node_run(node, catalog, plain_parameters(inputs), is_async)
        new = [Param(*item) for item in self._collected.items() if self._logged.get(item[0]) != item[1]]
        for start in range(0, len(new), MAX_PARAMS_TAGS_PER_BATCH):
            batch = new[start : start + MAX_PARAMS_TAGS_PER_BATCH]
            mlflow.MlflowClient().log_batch(self.run_id, params=batch)
        self._logged |= self._collected

    def _log_param(self, name: str, value: Any) -> None:
        """Keeps a parameter until all of the node's are there: logged one by one they take milliseconds each."""
        text = str(value)
        if len(text) > MAX_PARAM_VAL_LENGTH:
            super()._log_param(name, value)
        else:
            self._collected[name] = text

    @hook_impl
    def after_node_run(self, inputs: dict[str, Any]) -> None:
        """Logs the last values of a training's curves."""
        _flush(inputs)

    @hook_impl
    def on_node_error(self, inputs: dict[str, Any]) -> None:
        """Logs the last values of a training's curves."""
        _flush(inputs)

    @hook_impl
    def before_pipeline_run(self, run_params: dict[str, Any], pipeline: Pipeline, catalog: DataCatalog) -> None:
        """Starts the run and records steps, versions, commit and data digest on it."""
        self.run_id = None  # of an earlier run of this process, which a pipeline without tracking would open again
        self._logged.clear()
        with _refusals_told():
            super().before_pipeline_run(run_params, pipeline, catalog)
        if not self._is_mlflow_enabled:
            return
        tags = {f"version.{name}": version(name) for name in RECORDED_PACKAGES}
        tags |= {"version.python": sys.version.split()[0], "git_commit": git_commit(run_params)}
        tags["steps"] = ", ".join(steps_of(pipeline))
        if "raw_annotations" in catalog and catalog.exists("raw_annotations"):
            tags["data_digest"] = catalog["raw_annotations"].digest()
        if not self._already_active_mlflow:
            run_id = mlflow.active_run().info.run_id
            self._begun.add(run_id)
            self._open.add(run_id)
            tags |= process_tags()
            if self.mlflow_config.tracking.run.name is None:
                mlflow.MlflowClient().update_run(run_id, name=name_of_run(pipeline, run_params))
        mlflow.set_tags(tags)

    @hook_impl
    def after_pipeline_run(self, run_params: dict[str, Any], pipeline: Pipeline, catalog: DataCatalog) -> None:
        """Ends the run."""
        super().after_pipeline_run(run_params, pipeline, catalog)
        self._open.clear()

    @hook_impl
    def on_pipeline_error(
        self, error: Exception, run_params: dict[str, Any], pipeline: Pipeline, catalog: DataCatalog
    ) -> None:
        """Marks the run as failed, also where it is not active in the thread that handles the error."""
        if self._is_mlflow_enabled and self.run_id is not None and not self._already_active_mlflow:
            self._end("FAILED")

    def _end_interrupted(self) -> None:
        """Marks the run as killed that Ctrl-C or a signal took this process out of (`InterruptHooks`)."""
        if self._open:
            self._end("KILLED")

    def _end(self, status: str) -> None:
        """Marks the run as ended; where MLflow cannot write that, the error that ended the run matters more."""
        self._open.clear()
        try:
            while mlflow.active_run() is not None:
                mlflow.end_run(status)
            mlflow.MlflowClient().set_terminated(self.run_id, status)
        except MlflowException as error:
            logger.warning(
                "MLflow: run %s could not be marked as %s; the next run does: %s", self.run_id, status, error
            )


def where_to_track(config: dict[str, Any], project: Path) -> dict[str, Any]:
    """Returns the content of mlflow.yml with the place that this process is told, wherever in the project it started.

    MLFLOW_TRACKING_URI wins over the file. A database's path is relative to the project. On a server artefacts go where
    the server says: a path of this machine would be fixed in its experiment for good, for all who use it.
    A store that the file names by an address (s3://...) stays.

    Args:
        config: mlflow.yml, of all environments.
        project: the project's folder.
    """
    uri = _GIVEN_URI or config.get("server", {}).get("mlflow_tracking_uri") or ""
    if (path := uri.removeprefix(_SQLITE)) != uri:
        uri = f"{_SQLITE}{project / path}"
    config = {**config, "server": {**config.get("server", {}), "mlflow_tracking_uri": uri or None}}
    tracking = config["tracking"]
    experiment = tracking["experiment"]
    created = experiment["create_experiment_kwargs"]
    if uri.startswith(("http://", "https://")) and not urlparse(created.get("artifact_location") or "").scheme:
        created = {**created, "artifact_location": None}
        config["tracking"] = {**tracking, "experiment": {**experiment, "create_experiment_kwargs": created}}
    return config


@contextmanager
def _refusals_told() -> Iterator[None]:
    """Raises what MLflow refuses when a run begins as an error that a user can mend."""
    try:
        yield
    except MlflowException as error:
        run = f", MLFLOW_RUN_ID is {os.environ[_RUN_ID]}" if _RUN_ID in os.environ else ""
        raise TrackingError(
            f"MLflow at {mlflow.get_tracking_uri()}{run}: expected to begin a run, but: {error}; see MLFLOW_RUN_ID and "
            "MLFLOW_TRACKING_URI in the environment, and server and tracking in conf/*/mlflow.yml"
        ) from error


def _flush(inputs: dict[str, Any]) -> None:
    for value in inputs.values():
        if isinstance(value, LiveMetrics):
            value.flush()


def runs_address(config: KedroMlflowConfig) -> str:
    """Returns where `kedro mlflow ui` shows the runs, with their figures and the steps of a job together.

    MLflow opens on language-model applications where not told otherwise, and on a table without metrics.
    """
    tracked = config.server.mlflow_tracking_uri
    server = tracked.rstrip("/") if tracked.startswith("http") else f"http://{config.ui.host}:{config.ui.port}"
    experiment = config.tracking.experiment._experiment.experiment_id
    return f"{server}/#/experiments/{experiment}/runs?workflowType=machine_learning&viewStateShareKey={_VIEW}"


def git_commit(run_params: dict[str, Any]) -> str:
    """Returns the checked-out commit, marked as dirty where files differ from it, or why there is none."""
    command = ["git", "-C", str(run_params["project_path"]), "describe", "--always", "--dirty", "--abbrev=40"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=10)
    except (OSError, subprocess.SubprocessError):
        return "no git repository"
    return done.stdout.strip()
