"""Logs reports, plots, pages and served students on the MLflow run as they are saved."""

import re
from collections.abc import Iterable
from typing import Any

import mlflow
from kedro.framework.hooks import hook_impl
from mlflow.entities import Metric
from mlflow.utils.time import get_current_time_millis
from mlflow.utils.validation import MAX_METRICS_PER_BATCH

from gsam_edge.datasets.inference.served import Serving, model_arguments

#: Characters that MLflow refuses in the name of a metric, and the dot, which separates the parts here.
NOT_IN_A_METRIC_NAME = re.compile(r"[^\w\- ]")

#: MLflow takes names of 250 characters. A report's own keys are short (under 60 in all, and the longest path of today
#: has four of them), so that two parts of any length, a class and one more, still fit when each is cut to this.
LONGEST_PART = 90

#: Reports by whose numbers runs are compared, without what they say of single classes. The others describe, in many
#: numbers that would hide these. The figures of artefacts come from `comparison`, see `StudentHooks`; what the student
#: misses and invents (`failure_report`) are among them, per 100 images. What `review_report` and `next_to_label` count
#: depends on how many images were looked at and handed out, and is no figure of a student.
COMPARED_REPORTS = {
    "teacher_report",
    "label_report",
    "distillation_report",
    "optimization_report",
    "optimization_pruned_report",
    "pruning_report",
    "pretrain_grounding_dino_report",
    "pretrain_sam_report",
    "pretrain_student_report",
}
#: Parts of these that are described class by class or layer by layer, that count, or that say how sure a figure is: by
#: none of them one would choose between two runs. They stay in the report. As metrics each would be a chart of one bar.
DETAILS = {
    "per_class", "gate", "start", "interval", "ci95", "parity", "gated", "store", "losses", "image_size", "parameters",
    "images", "objects", "found", "trainable", "total", "calls", "threads", "fp32_ms", "empty_masks", "in_crowds",
}  # fmt: skip

#: What is logged as JSON beside the reports.
_AS_JSON = {"comparison", "recommendation", "pruning_comparison"}

#: Reports that are texts, and their files in the run.
PAGES = {"report": "report.html", "model_card": "model_card.md"}


def numeric_leaves(value: Any, prefix: str) -> dict[str, float]:
    """Returns the numbers in nested mappings and in lists of rows, by path: `prefix/key.key`.

    MLflow makes a section of its charts of what stands before the slash. A row of a list is named by its `artefact`,
    and left out where it has none; so are `DETAILS`. Keys become valid names of MLflow metrics (see `metric_parts`).
    """
    return {f"{prefix}/{path}": number for path, number in _leaves(value)}


def _leaves(value: Any, path: str = "") -> Iterable[tuple[str, float]]:
    if isinstance(value, int | float) and not isinstance(value, bool):
        yield path, float(value)
        return
    if isinstance(value, list):
        items = {row["artefact"]: row for row in value if isinstance(row, dict) and "artefact" in row}
    else:
        items = value if isinstance(value, dict) else {}
    items = {key: item for key, item in items.items() if key not in DETAILS}
    for part, item in zip(metric_parts(items), items.values(), strict=True):
        yield from _leaves(item, f"{path}.{part}" if path else part)


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


def _log_metrics(figures: dict[str, float]) -> None:
    """Logs figures on the active run alone; `mlflow.log_metrics` adds them to the model that was made last, too."""
    now = get_current_time_millis()
    metrics = [Metric(name, value, now, 0) for name, value in figures.items()]
    for start in range(0, len(metrics), MAX_METRICS_PER_BATCH):
        batch = metrics[start : start + MAX_METRICS_PER_BATCH]
        mlflow.MlflowClient().log_batch(mlflow.active_run().info.run_id, metrics=batch)


class ReportHooks:
    """Logs reports, plots and served students on the MLflow run as they are saved."""

    @hook_impl
    def after_dataset_saved(self, dataset_name: str, data: Any) -> None:
        """Logs a report as artefact and metrics, a plot as image or live page, a page as text, a served student."""
        if mlflow.active_run() is None:
            return
        # late: they would take a fifth of the time of `kedro registry list`
        from matplotlib.figure import Figure
        from plotly.basedatatypes import BaseFigure

        if dataset_name.endswith("_report") or dataset_name in _AS_JSON:
            mlflow.log_dict(data, f"reports/{dataset_name}.json")
            if dataset_name in COMPARED_REPORTS:
                _log_metrics(numeric_leaves(data, dataset_name))
        elif isinstance(data, Figure):
            mlflow.log_figure(data, f"plots/{dataset_name.removeprefix('plot_')}.png")
        elif isinstance(data, BaseFigure):
            # with plotly's script inside, 5 MB: MLflow's own way asks a host on the internet for it
            mlflow.log_figure(
                data, f"plots/{dataset_name.removeprefix('plot_')}.html", save_kwargs={"include_plotlyjs": True}
            )
        elif isinstance(data, Serving):
            with model_arguments(data) as arguments:
                mlflow.pyfunc.log_model(name=data.exported.name, **arguments)
        elif dataset_name in PAGES:
            mlflow.log_text(data, PAGES[dataset_name])
