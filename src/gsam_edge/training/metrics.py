"""Logging of metrics during training."""

from collections.abc import Callable
from typing import TypeAlias

#: Called with a metric's name such as "grounding_dino/train_loss", its value and the step it belongs to.
MetricLogger: TypeAlias = Callable[[str, float, int], None]


def discard_metric(name: str, value: float, step: int) -> None:
    """Does nothing: a `MetricLogger` for callers that keep no curves."""
