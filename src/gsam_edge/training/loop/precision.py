"""Mixed precision of one training, and the checks that its numbers are finite."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from gsam_edge.training.config import LoopConfig
from gsam_edge.training.device import PRECISION_TITLES, resolve_precision
from gsam_edge.training.errors import TrainingError

logger = logging.getLogger(__name__)

_AUTOCAST = {"bf16": torch.bfloat16, "fp16": torch.float16}

#: Names of parameters that a message lists.
_NAMED = 3


@dataclass(frozen=True)
class Precision:
    """Precision of the forward pass, with the scaler that keeps small gradients from vanishing in fp16.

    Each training has its own: accelerate would keep one for the whole process, but a pipeline trains several models.

    Attributes:
        dtype: of autocast, None for float32.
        device: "cpu" or "cuda".
        scaler: disabled unless the precision is fp16; its scale changes during training and belongs to the state.
    """

    dtype: torch.dtype | None
    device: str
    scaler: torch.amp.GradScaler

    @classmethod
    def of(cls, config: LoopConfig, device: torch.device, name: str) -> "Precision":
        """Returns the precision for a device: the configured one, except that fp16 without CUDA is float32.

        Args:
            config: names it.
            device: where the training runs.
            name: what is trained, for the log, which says what was chosen.
        """
        chosen = resolve_precision(config.precision, device)
        if chosen == "fp16" and device.type != "cuda":
            logger.warning("%s: precision fp16 needs a CUDA device; on %s it trains in float32", name, device.type)
            chosen = "no"
        if config.precision == "auto":
            logger.info("%s: trains in %s on %s", name, PRECISION_TITLES[chosen], device.type)
        return cls(_AUTOCAST.get(chosen), device.type, _scaler(config, device, enabled=chosen == "fp16"))

    def autocast(self) -> torch.autocast:
        """Returns a new context of the forward pass."""
        return torch.autocast(self.device, self.dtype, enabled=self.dtype is not None)


def _scaler(config: LoopConfig, device: torch.device, *, enabled: bool) -> torch.amp.GradScaler:
    return torch.amp.GradScaler(
        device.type,
        init_scale=config.scaler.init_scale,
        growth_interval=config.scaler.growth_interval,
        enabled=enabled,
    )


def check_loss(losses: Mapping[str, Tensor], total: Tensor) -> None:
    """Raises TrainingError with the value of each loss if their sum is NaN or infinite."""
    if not torch.isfinite(total):
        parts = ", ".join(f"{part}={value.item():g}" for part, value in losses.items())
        raise TrainingError(f"expected a finite loss, got {parts}; try a lower learning rate")


def check_gradients(named: Mapping[str, nn.Parameter], norm: Tensor, scaler: torch.amp.GradScaler) -> None:
    """Raises TrainingError with the names of the parameters whose gradient is NaN or infinite.

    In fp16 a gradient may overflow: the scaler then leaves the step out and halves its factor. At a factor of 1 or
    less, the overflow is not of the factor's making.

    Args:
        named: the trained parameters, with their gradients before clipping, which would spread NaN to all of them.
        norm: L2 norm of all gradients together.
        scaler: the scaler by which they were unscaled.
    """
    if torch.isfinite(norm) or (scaler.is_enabled() and scaler.get_scale() > 1):
        return
    broken = [name for name, p in named.items() if p.grad is not None and not torch.isfinite(p.grad).all()]
    told = ", ".join(broken[:_NAMED]) + (f" and {len(broken) - _NAMED} more" if len(broken) > _NAMED else "")
    raise TrainingError(
        f"expected finite gradients, got NaN or infinity in {len(broken)} of {len(named)} parameters ({told}); try a "
        "lower learning rate, or precision bf16 or no where it is fp16"
    )
