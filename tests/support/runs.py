"""A run of a training, as tests start one."""

import torch

from gsam_edge.training.checkpoints import CheckpointStore, NoCheckpoints
from gsam_edge.training.metrics import MetricLogger, discard_metric
from gsam_edge.training.run import Run


def a_run(*, log: MetricLogger = discard_metric, checkpoints: CheckpointStore | None = None, seed: int = 0) -> Run:
    """On the CPU, without curves and checkpoints unless they are given."""
    return Run(log, checkpoints or NoCheckpoints(), seed, torch.device("cpu"))
