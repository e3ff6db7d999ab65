"""What every training carries beside its data and its configuration."""

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
        log: takes the training's metrics while it goes on.
        checkpoints: where the state lives between interruptions; cleared by the caller once the result is stored.
        seed: of everything random.
        device: where to train.
    """

    log: MetricLogger
    checkpoints: "CheckpointStore"
    seed: int
    device: "torch.device"

    @classmethod
    def on(cls, device: DeviceName, *, log: MetricLogger, checkpoints: "CheckpointStore", seed: int) -> Self:
        """A run on the device that a configured name means.

        Raises:
            SettingError: see `resolve_device`.
        """
        return cls(log, checkpoints, seed, resolve_device(device))

    def opened(self, fingerprint: str) -> Self:
        """The same run with the state of the computation that has this fingerprint."""
        return replace(self, checkpoints=self.checkpoints.open(fingerprint))
