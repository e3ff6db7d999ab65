"""Dataset of live metrics, kept while a training goes on in a file and on the MLflow run; and MLflow's database."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kedro.io import AbstractDataset

from gsam_edge.training.durable import write_bytes
from gsam_edge.vision.errors import FileError, writing

if TYPE_CHECKING:
    from mlflow.entities import Metric

    from gsam_edge.training.metrics import Curves, MetricLogger


_SQLITE = "sqlite:///"


def make_database(uri: str | None) -> None:
    """Makes MLflow's database in a file, whole or not at all, where there is none yet.

    MLflow makes its tables one by one in dozens of steps: killed in between it leaves a database that it refuses.

    Args:
        uri: MLflow's; one that is not of SQLite is somebody else's, and None is none.

    Raises:
        FileError: if the disk is full or the permission is missing.
    """
    path = Path((uri or "").removeprefix(_SQLITE))
    if uri is None or not uri.startswith(_SQLITE) or path.exists():
        return
    from mlflow.store.db.utils import _initialize_tables, create_sqlalchemy_engine

    with tempfile.TemporaryDirectory() as folder:
        draft = Path(folder, "mlflow.db")
        engine = create_sqlalchemy_engine(f"{_SQLITE}{draft}")
        try:
            _initialize_tables(engine)
        finally:
            engine.dispose()
        write_bytes(path, draft.read_bytes())


class BatchedMetrics:
    """A `MetricLogger` on the active MLflow run that logs many values at once: one by one each costs a transaction.

    The run is the one that is active at the first value: a node's inputs are loaded before its thread has the run.
    Without any nothing is logged.

    Args:
        every_s: most seconds from a value to the next one that sends both; what is left is sent by `flush`.
    """

    def __init__(self, every_s: float) -> None:
        self._every_s = every_s
        self._waiting: list[Metric] = []
        self._run_id: str | None = None
        self._since: float | None = None

    def __call__(self, name: str, value: float, step: int) -> None:
        """Keeps a value, with the time of now, and sends what has waited long enough or is as much as MLflow takes."""
        import mlflow
        from mlflow.entities import Metric
        from mlflow.utils.time import get_current_time_millis
        from mlflow.utils.validation import MAX_METRICS_PER_BATCH

        if self._since is None:
            run = mlflow.active_run()
            self._run_id, self._since = (None if run is None else run.info.run_id), time.monotonic()
        if self._run_id is None:
            return
        self._waiting.append(Metric(name, float(value), get_current_time_millis(), step))
        if len(self._waiting) == MAX_METRICS_PER_BATCH or time.monotonic() - self._since >= self._every_s:
            self.flush()

    def flush(self) -> None:
        """Sends all that waits."""
        import mlflow

        if self._waiting and self._run_id is not None:
            mlflow.MlflowClient().log_batch(self._run_id, metrics=self._waiting)
            self._waiting, self._since = [], time.monotonic()


def _nothing_waits() -> None:
    """Does nothing: the `flush` of what keeps nothing back."""


class LiveMetrics:
    """A `MetricLogger`: each training has a file of JSON lines [metric, step, value], which plots read.

    A training that continues from a checkpoint logs some steps again, and one that begins anew all of them: with its
    first metric, whatever the file holds of that step and later ones is dropped.

    Args:
        folder: the files' folder; it appears with the first metric.
        tracked: receives every metric, too.
        flush: called when the node ends: sends what `tracked` keeps back.
    """

    def __init__(self, folder: Path, tracked: MetricLogger, flush: Callable[[], None] = _nothing_waits) -> None:
        self._folder, self._tracked, self.flush = folder, tracked, flush
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
    """Loads as a function (name, value, step) that also logs on the active MLflow run, if there is one.

    Args:
        filepath: folder of a file for each training.
        every_s: most seconds that a value waits for others to be logged on the MLflow run with it; see
            `BatchedMetrics`.
        metadata: ignored here; kedro-viz reads the layer from it.
    """

    def __init__(self, *, filepath: str, every_s: float, metadata: dict[str, Any] | None = None) -> None:
        self._filepath, self._every_s = Path(filepath), every_s
        self.metadata = metadata

    def load(self) -> LiveMetrics:
        """Returns the logging function; see `BatchedMetrics` for the run that it logs on."""
        tracked = BatchedMetrics(self._every_s)
        return LiveMetrics(self._filepath, tracked, tracked.flush)

    def save(self, data: None) -> None:
        """Raises TypeError: metrics are logged through the loaded function."""
        raise TypeError("live metrics are logged through the loaded function, not by a node's output")

    def _exists(self) -> bool:
        return True

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._filepath)}
