"""Dataset of live metrics: keeps a training's metrics while it goes on, in a file and on the MLflow run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kedro.io import AbstractDataset

from gsam_edge.datasets.atomic import write_bytes
from gsam_edge.vision.errors import FileError, writing

if TYPE_CHECKING:
    from gsam_edge.training.metrics import Curves, MetricLogger


class LiveMetrics:
    """A `MetricLogger`: each training has a file of JSON lines [metric, step, value], which plots read.

    A training that continues from a checkpoint logs some steps again, and one that begins anew all of them: with its
    first metric, whatever the file holds of that step and later ones is dropped.

    Args:
        folder: the files' folder; it appears with the first metric.
        tracked: receives every metric, too.
    """

    def __init__(self, folder: Path, tracked: MetricLogger) -> None:
        self._folder, self._tracked = folder, tracked
        self._begun: set[Path] = set()

    def __call__(self, name: str, value: float, step: int) -> None:
        """Keeps a value of the metric `<training>/<metric>`."""
        training, metric = name.split("/", 1)
        path = self._path(training)
        if path not in self._begun:
            earlier = [line for line in self._lines(path) if line[1] < step]
            write_bytes(path, b"".join(map(_line, earlier)))
            self._begun.add(path)
        with writing(path), path.open("ab") as file:
            file.write(_line((metric, step, float(value))))
        self._tracked(name, value, step)

    def curves(self, training: str) -> Curves:
        """Returns what a training logged, by metric in steps of rising number; nothing if there is none."""
        curves: dict[str, dict[int, float]] = {}
        for metric, step, value in self._lines(self._path(training)):
            curves.setdefault(metric, {})[step] = value
        return {metric: sorted(values.items()) for metric, values in curves.items()}

    def _path(self, training: str) -> Path:
        return self._folder / f"{training}.jsonl"

    @staticmethod
    def _lines(path: Path) -> list[tuple[str, int, float]]:
        """Returns the lines of a file; the last one is left out where a killed run did not finish it."""
        if not path.exists():
            return []
        *lines, _ = path.read_bytes().split(b"\n")
        try:
            return [(str(metric), int(step), float(value)) for metric, step, value in map(json.loads, lines)]
        except (ValueError, TypeError, RecursionError) as error:
            raise FileError(
                f"{path}: expected lines of [metric, step, value] in JSON, got another file: {error}; delete it"
            ) from error


def _line(values: tuple[str, int, float]) -> bytes:
    return json.dumps(values).encode() + b"\n"


class LiveMetricsDataset(AbstractDataset[None, LiveMetrics]):
    """Loads as a function (name, value, step) that also logs to the active MLflow run, if there is one.

    Args:
        filepath: folder of a file for each training.
        metadata: ignored here; kedro-viz reads the layer from it.
    """

    def __init__(self, *, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        self._filepath = Path(filepath)
        self.metadata = metadata

    def load(self) -> LiveMetrics:
        """Returns the logging function, bound to the run that is active now."""
        import mlflow

        from gsam_edge.training.metrics import discard_metric

        run = mlflow.active_run()
        if run is None:
            return LiveMetrics(self._filepath, discard_metric)
        client, run_id = mlflow.MlflowClient(), run.info.run_id
        return LiveMetrics(
            self._filepath, lambda name, value, step: client.log_metric(run_id, name, float(value), step=step)
        )

    def save(self, data: None) -> None:
        """Raises TypeError: metrics are logged through the loaded function."""
        raise TypeError("live metrics are logged through the loaded function, not by a node's output")

    def _exists(self) -> bool:
        return True

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._filepath)}
