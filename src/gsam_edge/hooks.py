"""What surrounds a run: tracking, reports, the summary at the end, and errors that a user can read."""

import logging
import random
import re
import subprocess
import sys
from difflib import get_close_matches
from importlib.metadata import version
from pathlib import Path
from types import TracebackType
from typing import Any

import mlflow
import numpy as np
from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl
from kedro.framework.project import settings
from kedro.io import DataCatalog, DatasetError
from kedro.pipeline import Pipeline
from kedro.pipeline.node import Node
from kedro.validation import ParameterValidationError
from kedro_mlflow.framework.hooks.mlflow_hook import MlflowHook
from matplotlib.figure import Figure
from pydantic import BaseModel
from rich.console import Console
from rich.panel import Panel
from rich.text import Text

from gsam_edge.evaluate.comparison import console_table

logger = logging.getLogger(__name__)

#: Errors whose message is written for the user, beside all that this package defines; others show their traceback.
USER_ERRORS = (DatasetError, ParameterValidationError, ValueError, OSError, ImportError)

#: Narrower than this, the table of results would hide its numbers; a file or a pipe counts as 80 columns wide.
TABLE_WIDTH = 120

#: What MLflow refuses in the name of a metric, and the dot, which separates the parts here.
NOT_IN_A_METRIC_NAME = re.compile(r"[^\w\- ]")

VIEWERS = ("kedro viz run      the pipelines and their artefacts", "kedro mlflow ui    parameters, curves and reports")

#: Reports that describe the data, not a result: a hundred counts would bury the figures that runs are compared by.
DESCRIPTIVE_REPORTS = {"validation_report"}

RECORDED_PACKAGES = ("gsam_edge", "kedro", "torch", "transformers", "peft", "ultralytics", "onnxruntime", "numpy")


def plain_parameters(inputs: dict[str, Any]) -> dict[str, Any]:
    """A node's inputs with every typed parameter as the plain values that it was built from."""
    return {name: value.model_dump() if isinstance(value, BaseModel) else value for name, value in inputs.items()}


def numeric_leaves(value: Any, prefix: str) -> dict[str, float]:
    """The numbers in nested mappings and in lists of rows, by dotted path.

    A row of a list is named by its `artefact`, or left out where it has none: a position is no name. A class may be
    called anything, a metric of MLflow's may not: other characters become underscores.
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
    for key, item in items.items():
        leaves |= numeric_leaves(item, f"{prefix}.{NOT_IN_A_METRIC_NAME.sub('_', str(key))}")
    return leaves


class TrackingHooks(MlflowHook):
    """kedro-mlflow's hook, with typed parameters flattened, and a record of the environment on every run."""

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
            mlflow.set_tags({f"version.{name}": version(name) for name in RECORDED_PACKAGES})
            mlflow.set_tags({"version.python": sys.version.split()[0], "git_commit": _git_commit(run_params)})
            if "raw_annotations" in catalog and catalog.exists("raw_annotations"):
                mlflow.set_tag("data_digest", catalog["raw_annotations"].digest())

    @hook_impl
    def on_pipeline_error(
        self, error: Exception, run_params: dict[str, Any], pipeline: Pipeline, catalog: DataCatalog
    ) -> None:
        """Marks the run as failed, also where it is not active in the thread that hears of the error."""
        if self._is_mlflow_enabled and self.run_id is not None and not self._already_active_mlflow:
            while mlflow.active_run() is not None:
                mlflow.end_run("FAILED")
            mlflow.MlflowClient().set_terminated(self.run_id, "FAILED")


def _git_commit(run_params: dict[str, Any]) -> str:
    """The checked-out commit, with a mark where files differ from it, or why there is none."""
    command = ["git", "-C", str(run_params["project_path"]), "describe", "--always", "--dirty", "--abbrev=40"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=10)
    except (OSError, subprocess.SubprocessError):
        return "no git repository"
    return done.stdout.strip()


class ReportHooks:
    """Reports and plots, as they are saved, on the MLflow run."""

    @hook_impl
    def after_dataset_saved(self, dataset_name: str, data: Any) -> None:
        """Logs a report as an artefact and its numbers as metrics, a figure as a picture."""
        if mlflow.active_run() is None:
            return
        if dataset_name.endswith("_report") or dataset_name == "comparison":
            mlflow.log_dict(data, f"reports/{dataset_name}.json")
            if dataset_name not in DESCRIPTIVE_REPORTS:
                mlflow.log_metrics(numeric_leaves(data, dataset_name))
        elif isinstance(data, Figure):
            mlflow.log_figure(data, f"plots/{dataset_name.removeprefix('plot_')}.png")


class InputHooks:
    """What a run needs is looked for before the first node, and belongs together."""

    @hook_impl(tryfirst=True)
    def before_pipeline_run(self, run_params: dict[str, Any], pipeline: Pipeline, catalog: DataCatalog) -> None:
        """Refuses to start without an input, or with splits that another dataset left.

        Raises:
            DatasetError: if an input is missing (the dataset's own message), or the splits are not of this dataset.
        """
        inputs = sorted(name for name in pipeline.inputs() if not name.startswith("params:"))
        splits = [name for name in inputs if name.startswith("annotations_")]
        for name in ["raw_annotations"] * bool(splits) + inputs:
            if not catalog.exists(name):
                catalog.load(name)
        for name in splits:
            raw = catalog["raw_annotations"]
            if catalog.load(name).source != raw.digest():
                raise DatasetError(
                    f"{name}: expected a split of {raw._filepath}, got one of another dataset by an earlier run; "
                    "run the pipeline data_validation first, or give the same --params=dataset=... again"
                )


class CheckpointHooks:
    """The state of a training is kept until its result is safely stored."""

    def __init__(self) -> None:
        self._catalog: DataCatalog | None = None

    @hook_impl
    def before_pipeline_run(self, catalog: DataCatalog) -> None:
        """Keeps the catalog, from which checkpoints are reached."""
        self._catalog = catalog

    @hook_impl
    def after_dataset_saved(self, dataset_name: str, node: Node) -> None:
        """Clears a node's checkpoints once its last output is written."""
        if self._catalog is not None and dataset_name == node.outputs[-1]:
            for name in node.inputs:
                if name.endswith("_checkpoints"):
                    self._catalog.load(name).clear()


class SummaryHooks:
    """The last lines of a run: the table of results and where everything lies."""

    @hook_impl
    def after_pipeline_run(self, run_params: dict[str, Any], pipeline: Pipeline, catalog: DataCatalog) -> None:
        """Prints the comparison after an evaluation, and the places to look after any run."""
        console = Console(stderr=True)
        console.width = max(console.width, TABLE_WIDTH)
        outputs = pipeline.all_outputs()
        if "comparison" in outputs:
            console.print(console_table(catalog.load("comparison")))
        shown = [name for name in outputs if name.endswith("_report") or name.startswith("plot_")]
        places = sorted(_place(catalog, name) for name in shown)
        if places:
            console.print(Panel("\n".join([*places, "", *VIEWERS]), title="Where to look", expand=False))


def _place(catalog: DataCatalog, name: str) -> str:
    path = Path(str(catalog[name]._filepath))
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


class ErrorHooks:
    """Errors of the user's making end in one message; the traceback goes to the log file."""

    @hook_impl
    def after_context_created(self, context: KedroContext) -> None:
        """Shows errors in one message from here on, and refuses a parameter that nothing reads.

        Raises:
            ParameterValidationError: if `--params` names a top-level parameter that no configuration file has.
        """
        sys.excepthook = show_error
        known = _configured_parameters(context)
        for name in context._runtime_params or {}:
            if name not in known:
                near = get_close_matches(name, known, n=1)
                hint = f"did you mean {near[0]!r}?" if near else f"known are: {', '.join(sorted(known))}"
                raise ParameterValidationError(f"--params: no parameter is called {name!r}; {hint}")


def _configured_parameters(context: KedroContext) -> dict[str, Any]:
    """The parameters of the configuration files alone, without those of the command line."""
    loader = type(context.config_loader)(
        conf_source=context.config_loader.conf_source,
        env=context.env,
        **settings.CONFIG_LOADER_ARGS,
    )
    return loader["parameters"]


def show_error(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    """Prints one message for an error of the user's making, the whole traceback for any other (`sys.excepthook`)."""
    if not (isinstance(error, USER_ERRORS) or kind.__module__.startswith("gsam_edge.")):
        sys.__excepthook__(kind, error, traceback)
        return
    logger.debug("the run ended with an error", exc_info=(kind, error, traceback))
    console = Console(stderr=True)
    message = Text(str(error))  # not markup: a message may hold brackets
    console.print(Panel(message, title=kind.__name__, border_style="red", subtitle="traceback: logs/gsam_edge.log"))
