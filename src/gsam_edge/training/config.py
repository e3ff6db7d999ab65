"""Parameters of the training loop."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from gsam_edge.training.device import PrecisionName


class ScalerConfig(BaseModel):
    """The scale of the loss in fp16 (`torch.amp.GradScaler`); other precisions do without."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    init_scale: float = Field(gt=0, description="first factor of the loss; halved whenever a gradient overflows")
    growth_interval: int = Field(gt=0, description="steps without an overflow after which the factor is doubled")


class LoopConfig(BaseModel):
    """How long and how fast to train: AdamW with linear warm-up and cosine decay."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    epochs: int = Field(gt=0, description="passes through the training images")
    min_steps: int = Field(
        ge=0,
        description="fewest optimiser steps of the run. 20 images are two steps of 12, and nine epochs of two steps "
        "teach nothing: with so few images an epoch passes through them several times, and all that is counted in "
        "epochs keeps its share of the run. 0: an epoch is always one pass",
    )
    learning_rate: float = Field(gt=0, description="peak of the schedule (AdamW)")
    weight_decay: float = Field(ge=0, description="AdamW's decoupled weight decay, on matrices only")
    warmup_epochs: float = Field(ge=0, description="epochs in which the rate rises to its peak, in equal steps")
    warmup_from: float = Field(gt=0, le=1, description="rate of the first step, share of the peak")
    warmup_share: float = Field(
        ge=0, le=1, description="longest warm-up, share of the run: a short run would spend its epochs below the peak"
    )
    final_share: float = Field(ge=0, le=1, description="rate at the end of the cosine, share of the peak")
    gradient_clip: float = Field(gt=0, description="largest L2 norm of all gradients together")
    precision: PrecisionName = Field(
        description="autocast of the forward pass: auto is bf16 where the device computes it itself, else 'no', "
        "which is float32; fp16 without CUDA is float32, too"
    )
    scaler: ScalerConfig = Field(description="scale of the loss, in fp16 only")
    accumulate: int = Field(
        gt=0, description="batches whose mean gradient makes one step: memory of one batch, step of several"
    )
    validate_every: int = Field(gt=0, description="epochs between validations; the last step always validates")
    monitor: str = Field(description="metric of the validation by which the best weights are chosen")
    mode: Literal["max", "min"] = Field(description="whether more or less of that metric is better")
    min_delta: float = Field(ge=0, description="change of that metric which counts as better for patience")
    patience: int = Field(
        ge=0, description="validations in a row that are no better before training stops; 0 never stops early"
    )
    checkpoint_every: int = Field(gt=0, description="optimiser steps between checkpoints")
