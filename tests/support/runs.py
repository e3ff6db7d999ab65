"""The run that tests give a training."""

import torch

from gsam_edge.training.checkpoints import CheckpointStore, NoCheckpoints
from gsam_edge.training.metrics import MetricLogger, discard_metric
from gsam_edge.training.run import Run


def a_run(*, log: MetricLogger = discard_metric, checkpoints: CheckpointStore | None = None, seed: int = 0) -> Run:
    """Returns a run on the CPU, without logging and checkpoints unless they are given."""
    return Run(log, checkpoints or NoCheckpoints(), seed, torch.device("cpu"))
