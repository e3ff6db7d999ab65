"""The best weights of a run by a metric of its validation, and when to stop waiting for better ones."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from torch import Tensor

from gsam_edge.training.config import LoopConfig
from gsam_edge.training.errors import SettingError

State = Mapping[str, Tensor]


@dataclass(frozen=True)
class Best:
    """The best weights so far. Of equally good ones the later are kept: nothing speaks for the less trained.

    Attributes:
        value: their value of the monitored metric; NaN before the first validation.
        step: optimiser steps after which they were reached.
        weights: on the CPU.
        reference: the value that the next one must surpass by `min_delta` to count as better for patience.
        stale: validations in a row that did not.
    """

    value: float = math.nan
    step: int = 0
    weights: State = field(default_factory=dict)
    reference: float = math.nan
    stale: int = 0

    def after(self, value: float, step: int, weights: State, config: LoopConfig) -> "Best":
        """Returns the best weights after a validation; a value that is no number is never better."""
        sign = 1 if config.mode == "max" else -1
        kept = self
        if math.isnan(self.value) or sign * value >= sign * self.value:
            kept = replace(self, value=value, step=step, weights=weights)
        better = sign * (value - self.reference) > config.min_delta
        if better or (math.isnan(self.reference) and not math.isnan(value)):
            return replace(kept, reference=value, stale=0)
        return replace(kept, stale=self.stale + 1)

    def waited_enough(self, config: LoopConfig) -> bool:
        """Returns whether patience is at its end."""
        return 0 < config.patience <= self.stale

    def state(self) -> dict[str, Any]:
        """Returns plain values and tensors for a checkpoint; `Best(**state)` reads them."""
        return dict(vars(self))


def monitored(metrics: Mapping[str, float], monitor: str, name: str) -> float:
    """Returns the metric that chooses the best weights.

    Raises:
        SettingError: if the validation has no metric of that name.
    """
    if monitor not in metrics:
        raise SettingError(f"{name}: loop.monitor: expected one of {sorted(metrics)}, got {monitor!r}")
    return metrics[monitor]
