"""Records a run in MLflow: its life from start to end, parameters and environment."""

import atexit
import os
import random
import subprocess
import sys
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

import mlflow
import numpy as np
from kedro.config import MissingConfigException
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

from gsam_edge.datasets.tracking import LiveMetrics
from gsam_edge.hooks.abandoned import end_abandoned, process_tags
from gsam_edge.hooks.place import PlaceError, tracking_in_project
from gsam_edge.vision.text import visible

RECORDED_PACKAGES = ("gsam_edge", "kedro", "torch", "transformers", "peft", "ultralytics", "onnxruntime", "numpy")

#: What of the command line leaves a part of the pipelines out.
_SELECTIONS = ("pipeline_names", "tags", "node_names", "from_nodes", "to_nodes", "from_inputs", "to_outputs")


def plain_parameters(inputs: dict[str, Any]) -> dict[str, Any]:
    """Returns a node's inputs with every typed parameter as plain values."""
    return {name: value.model_dump() if isinstance(value, BaseModel) else value for name, value in inputs.items()}


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
        place_tracking(context)
        super().after_context_created(context)
        if not self._already_active_mlflow:
            require_known_run(os.environ)
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
        client = mlflow.MlflowClient()
        while (active := mlflow.active_run()) is not None and active.info.run_id in self._begun:
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
        """Marks the run as killed that Ctrl-C took this process out of."""
        if self._open:
            self._end("KILLED")

    def _end(self, status: str) -> None:
        while mlflow.active_run() is not None:
            mlflow.end_run(status)
        mlflow.MlflowClient().set_terminated(self.run_id, status)
        self._open.clear()


def place_tracking(context: KedroContext) -> None:
    """Has kedro-mlflow find in mlflow.yml the places that it means, see `tracking_in_project`."""
    loader = context.config_loader
    loader.config_patterns.setdefault("mlflow", ["mlflow*", "mlflow*/**", "**/mlflow*"])
    try:
        conf = loader["mlflow"]
    except MissingConfigException:
        conf = {}
    loader["mlflow"] = tracking_in_project(conf, context.project_path, os.environ)


def require_known_run(environ: Mapping[str, str]) -> None:
    """Checks the run that the environment says to go on with.

    Raises:
        PlaceError: if it is none of the tracked ones, as after the store was deleted or another one is in use.
    """
    run_id = environ.get("MLFLOW_RUN_ID")
    if not run_id:
        return
    try:
        mlflow.MlflowClient().get_run(run_id)
    except MlflowException as error:
        raise PlaceError(
            f"MLFLOW_RUN_ID: expected a run of {mlflow.get_tracking_uri()}, got {visible(run_id)!r}; to begin a new "
            "run: unset MLFLOW_RUN_ID"
        ) from error


def _flush(inputs: dict[str, Any]) -> None:
    for value in inputs.values():
        if isinstance(value, LiveMetrics):
            value.flush()


def runs_address(config: KedroMlflowConfig) -> str:
    """Returns where `kedro mlflow ui` shows the runs: MLflow opens on language-model applications where not told."""
    tracked = config.server.mlflow_tracking_uri
    server = tracked.rstrip("/") if tracked.startswith("http") else f"http://{config.ui.host}:{config.ui.port}"
    experiment = config.tracking.experiment._experiment.experiment_id
    return f"{server}/#/experiments/{experiment}/runs?workflowType=machine_learning"


def git_commit(run_params: dict[str, Any]) -> str:
    """Returns the checked-out commit, marked as dirty where files differ from it, or why there is none."""
    command = ["git", "-C", str(run_params["project_path"]), "describe", "--always", "--dirty", "--abbrev=40"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=10)
    except (OSError, subprocess.SubprocessError):
        return "no git repository"
    return done.stdout.strip()
