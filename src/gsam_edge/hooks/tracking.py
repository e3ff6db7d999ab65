"""Records a run in MLflow: parameters, environment, reports and plots."""

import random
import re
import subprocess
import sys
from collections.abc import Iterable
from importlib.metadata import version
from typing import Any

import mlflow
import numpy as np
from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl
from kedro.io import DataCatalog
from kedro.pipeline import Pipeline
from kedro.pipeline.node import Node
from kedro_mlflow.framework.hooks.mlflow_hook import MlflowHook
from pydantic import BaseModel

from gsam_edge.datasets.inference.served import Serving, model_arguments

#: Characters that MLflow refuses in the name of a metric, and the dot, which separates the parts here.
NOT_IN_A_METRIC_NAME = re.compile(r"[^\w\- ]")

#: MLflow takes names of 250 characters. A report's own keys are short (under 60 in all, and the longest path of today
#: has four of them), so that two parts of any length, a class and one more, still fit when each is cut to this.
LONGEST_PART = 90

#: Reports of many numbers, which would hide the figures by which runs are compared: of the data, and every detail of an
#: evaluation, whose figures are those of `comparison`.
DESCRIPTIVE_REPORTS = {"validation_report", "import_report", "evaluation_report"}

#: Reports that are texts, and their files in the run.
PAGES = {"report": "report.html", "model_card": "model_card.md"}

RECORDED_PACKAGES = ("gsam_edge", "kedro", "torch", "transformers", "peft", "ultralytics", "onnxruntime", "numpy")


def plain_parameters(inputs: dict[str, Any]) -> dict[str, Any]:
    """Returns a node's inputs with every typed parameter as plain values."""
    return {name: value.model_dump() if isinstance(value, BaseModel) else value for name, value in inputs.items()}


def numeric_leaves(value: Any, prefix: str) -> dict[str, float]:
    """Returns the numbers in nested mappings and in lists of rows, by dotted path.

    A row of a list is named by its `artefact`, and left out where it has none. Keys become valid names of MLflow
    metrics (see `metric_parts`).
    """
    if isinstance(value, bool):
        return {}
    if isinstance(value, int | float):
        return {prefix: float(value)}
    if isinstance(value, list):
        items = {row["artefact"]: row for row in value if isinstance(row, dict) and "artefact" in row}
    else:
        items = value if isinstance(value, dict) else {}
    leaves: dict[str, float] = {}
    for part, item in zip(metric_parts(items), items.values(), strict=True):
        leaves |= numeric_leaves(item, f"{prefix}.{part}")
    return leaves


def metric_parts(keys: Iterable[object]) -> list[str]:
    """Returns the keys of one mapping as parts of metric names, all different.

    Characters that MLflow refuses, and the dot, become underscores; what is longer than `LONGEST_PART` is cut. Where
    that makes two keys equal, the later one gets a number: `a/b` and `a.b` become `a_b` and `a_b-2`.
    """
    parts: dict[str, None] = {}
    for key in keys:
        plain = NOT_IN_A_METRIC_NAME.sub("_", str(key))
        part, number = plain[:LONGEST_PART], 1
        while part in parts:
            number += 1
            suffix = f"-{number}"
            part = plain[: LONGEST_PART - len(suffix)] + suffix
        parts[part] = None
    return list(parts)


class TrackingHooks(MlflowHook):
    """kedro-mlflow's hook, with typed parameters flattened, and a record of the environment on every run."""

    def __init__(self) -> None:
        super().__init__()
        self._begun: set[str] = set()

    @hook_impl
    def after_context_created(self, context: KedroContext) -> None:
        """Sets MLflow up for a run, which under `kedro server` may not be the first of this process."""
        self._leave_earlier_runs()
        super().after_context_created(context)

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
        super().before_node_run(node, catalog, plain_parameters(inputs), is_async)

    @hook_impl
    def before_pipeline_run(self, run_params: dict[str, Any], pipeline: Pipeline, catalog: DataCatalog) -> None:
        """Starts the run and records versions, commit and data digest on it."""
        super().before_pipeline_run(run_params, pipeline, catalog)
        if self._is_mlflow_enabled:
            if not self._already_active_mlflow:
                self._begun.add(self.run_id)
            mlflow.set_tags({f"version.{name}": version(name) for name in RECORDED_PACKAGES})
            mlflow.set_tags({"version.python": sys.version.split()[0], "git_commit": git_commit(run_params)})
            if "raw_annotations" in catalog and catalog.exists("raw_annotations"):
                mlflow.set_tag("data_digest", catalog["raw_annotations"].digest())

    @hook_impl
    def on_pipeline_error(
        self, error: Exception, run_params: dict[str, Any], pipeline: Pipeline, catalog: DataCatalog
    ) -> None:
        """Marks the run as failed, also where it is not active in the thread that handles the error."""
        if self._is_mlflow_enabled and self.run_id is not None and not self._already_active_mlflow:
            while mlflow.active_run() is not None:
                mlflow.end_run("FAILED")
            mlflow.MlflowClient().set_terminated(self.run_id, "FAILED")


def git_commit(run_params: dict[str, Any]) -> str:
    """Returns the checked-out commit, marked as dirty where files differ from it, or why there is none."""
    command = ["git", "-C", str(run_params["project_path"]), "describe", "--always", "--dirty", "--abbrev=40"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=10)
    except (OSError, subprocess.SubprocessError):
        return "no git repository"
    return done.stdout.strip()


class ReportHooks:
    """Logs reports, plots and served students on the MLflow run as they are saved."""

    @hook_impl
    def after_dataset_saved(self, dataset_name: str, data: Any) -> None:
        """Logs a report as artefact and metrics, a figure as an image, a page as text, a served student as a model."""
        if mlflow.active_run() is None:
            return
        from matplotlib.figure import Figure  # late: it would take a fifth of the time of `kedro registry list`

        if dataset_name.endswith("_report") or dataset_name in ("comparison", "recommendation"):
            mlflow.log_dict(data, f"reports/{dataset_name}.json")
            if dataset_name not in DESCRIPTIVE_REPORTS:
                mlflow.log_metrics(numeric_leaves(data, dataset_name))
        elif isinstance(data, Figure):
            mlflow.log_figure(data, f"plots/{dataset_name.removeprefix('plot_')}.png")
        elif isinstance(data, Serving):
            with model_arguments(data) as arguments:
                mlflow.pyfunc.log_model(name=data.exported.name, **arguments)
        elif dataset_name in PAGES:
            mlflow.log_text(data, PAGES[dataset_name])
