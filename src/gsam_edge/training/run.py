"""Inputs of every training besides data and configuration: log, checkpoints, seed and device."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

from gsam_edge.training.device import DeviceName, resolve_device
from gsam_edge.training.metrics import MetricLogger

if TYPE_CHECKING:
    import torch

    from gsam_edge.training.checkpoints import CheckpointStore


@dataclass(frozen=True)
class Run:
    """One training of a pipeline run.

    Attributes:
        log: receives the training's metrics while it runs.
        checkpoints: store of the state; cleared by the caller once the result is stored.
        seed: seed of all random draws.
        device: where to train.
    """

    log: MetricLogger
    checkpoints: "CheckpointStore"
    seed: int
    device: "torch.device"

    @classmethod
    def on(cls, device: DeviceName, *, log: MetricLogger, checkpoints: "CheckpointStore", seed: int) -> Self:
        """Creates a run on the device with a configured name.

        Raises:
            SettingError: see `resolve_device`.
        """
        return cls(log, checkpoints, seed, resolve_device(device))

    def opened(self, fingerprint: str) -> Self:
        """Returns the same run with the checkpoints of the computation that has this fingerprint."""
        return replace(self, checkpoints=self.checkpoints.open(fingerprint))
