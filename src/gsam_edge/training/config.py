"""Parameters of the training loop."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class LoopConfig(BaseModel):
    """How long and how fast to train."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    steps: int = Field(gt=0, description="optimiser steps of the whole one-cycle schedule")
    learning_rate: float = Field(gt=0, description="peak of the one-cycle schedule (AdamW)")
    weight_decay: float = Field(ge=0, description="AdamW's decoupled weight decay, on matrices only")
    warmup_fraction: float = Field(gt=0, lt=1, description="share of the steps in which the rate rises to its peak")
    gradient_clip: float = Field(gt=0, description="largest L2 norm of all gradients together")
    precision: Literal["no", "bf16", "fp16"] = Field(
        description="autocast of the forward pass; 'no', and fp16 without CUDA, is float32"
    )
    validate_every: int = Field(gt=0, description="steps between validations; the last step always validates")
    patience: int = Field(ge=0, description="validations without a new best before training stops; 0 never stops early")
    checkpoint_every: int = Field(gt=0, description="steps between checkpoints")
