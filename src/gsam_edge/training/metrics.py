"""Logging of metrics during training."""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

#: Called with a metric's name such as "grounding_dino/train_loss", its value and the step it belongs to.
MetricLogger: TypeAlias = Callable[[str, float, int], None]

#: What one training logged: a metric's name, without the training's, to its (step, value) in rising order.
Curves: TypeAlias = Mapping[str, Sequence[tuple[int, float]]]


def discard_metric(name: str, value: float, step: int) -> None:
    """Does nothing: a `MetricLogger` for callers that keep no curves."""
