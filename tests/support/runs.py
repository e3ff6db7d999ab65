"""The run and the base that tests give a training."""

import torch

from gsam_edge.teachers.family import Base, BaseSource
from gsam_edge.training.checkpoints import CheckpointStore, NoCheckpoints
from gsam_edge.training.metrics import MetricLogger, discard_metric
from gsam_edge.training.run import Run


def a_run(*, log: MetricLogger = discard_metric, checkpoints: CheckpointStore | None = None, seed: int = 0) -> Run:
    """Returns a run on the CPU, without logging and checkpoints unless they are given."""
    return Run(log, checkpoints or NoCheckpoints(), seed, torch.device("cpu"))


def source_of(base: Base) -> BaseSource:
    """Returns a source that gives this base."""

    class Loaded:
        def load(self, source: str, *, allow_download: bool) -> Base:
            return base

    return BaseSource(Loaded(), "here", allow_download=False)  # type: ignore[arg-type]
