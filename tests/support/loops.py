"""The schedule of trainings in tests."""

from typing import Any, TypeVar

from gsam_edge.training.config import LoopConfig, ScalerConfig

Config = TypeVar("Config", bound=LoopConfig)


def loop_config(kind: type[Config], **changes: Any) -> Config:
    """Returns two epochs without warm-up, each with a validation, except for the changes."""
    values: dict[str, Any] = {
        "epochs": 2,
        "min_steps": 0,
        "learning_rate": 1e-3,
        "weight_decay": 0.0,
        "warmup_epochs": 0,
        "warmup_from": 0.1,
        "warmup_share": 0.5,
        "final_share": 0.0,
        "gradient_clip": 1.0,
        "precision": "no",
        "scaler": ScalerConfig(init_scale=65536, growth_interval=2000),
        "accumulate": 1,
        "validate_every": 1,
        "mode": "max",
        "min_delta": 0.0,
        "patience": 0,
        "checkpoint_every": 100,
    }
    return kind(**{**values, **changes})
