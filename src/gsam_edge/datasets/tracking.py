"""Dataset of live metrics: logs a training's metrics on the MLflow run while it goes on."""

from typing import Any

from kedro.io import AbstractDataset

from gsam_edge.training.metrics import MetricLogger, discard_metric


class LiveMetricsDataset(AbstractDataset[None, MetricLogger]):
    """Loads as a function (name, value, step) that logs to the active MLflow run; without one it discards the value."""

    def __init__(self, *, metadata: dict[str, Any] | None = None) -> None:
        self.metadata = metadata

    def load(self) -> MetricLogger:
        """Returns the logging function, bound to the run that is active now."""
        import mlflow

        run = mlflow.active_run()
        if run is None:
            return discard_metric
        client, run_id = mlflow.MlflowClient(), run.info.run_id
        return lambda name, value, step: client.log_metric(run_id, name, float(value), step=step)

    def save(self, data: None) -> None:
        """Raises TypeError: metrics are logged through the loaded function."""
        raise TypeError("live metrics are logged through the loaded function, not by a node's output")

    def _exists(self) -> bool:
        return True

    def _describe(self) -> dict[str, Any]:
        return {}
