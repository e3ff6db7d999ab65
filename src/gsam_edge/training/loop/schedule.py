"""Steps, epochs and learning rate of a run: all of them follow from the number of a step, so no state is kept."""

import math
from dataclasses import dataclass
from typing import Self

from gsam_edge.training.config import LoopConfig


@dataclass(frozen=True)
class Schedule:
    """The course of a run.

    Attributes:
        config: epochs, warm-up and decay.
        epoch_images: images of an epoch.
        step_images: images of one optimiser step: those of all its batches in all processes.
    """

    config: LoopConfig
    epoch_images: int
    step_images: int

    @classmethod
    def of(cls, config: LoopConfig, *, images: int, step_images: int) -> Self:
        """Returns the schedule for a number of training images; few make longer epochs, see `LoopConfig.min_steps`.

        Raises:
            ValueError: if there are no images, or a step has none.
        """
        if images < 1 or step_images < 1:
            raise ValueError(f"training: expected at least 1 image an epoch and a step, got {images} and {step_images}")
        return cls(config, max(images, math.ceil(config.min_steps * step_images / config.epochs)), step_images)

    @property
    def steps(self) -> int:
        """Optimiser steps of the whole run."""
        return math.ceil(self.config.epochs * self.epoch_images / self.step_images)

    def epochs_after(self, step: int) -> int:
        """Returns how many epochs are complete after so many steps; a step may end one epoch and begin the next."""
        return min(self.config.epochs, step * self.step_images // self.epoch_images)

    def validates_after(self, step: int) -> bool:
        """Returns whether the step with which so many are done (1..steps) is followed by a validation."""
        every = self.config.validate_every
        return step == self.steps or self.epochs_after(step) // every > self.epochs_after(step - 1) // every

    def told(self, step: int) -> str:
        """Returns in words how far a run is after so many steps."""
        return f"step {step} of {self.steps} (epoch {self.epochs_after(step)} of {self.config.epochs})"

    def rate(self, step: int) -> float:
        """Returns the learning rate of a step 0..steps-1: it rises linearly, then falls like half a cosine."""
        config = self.config
        longest = config.warmup_share * self.steps
        warmup = math.floor(min(config.warmup_epochs * self.epoch_images / self.step_images, longest))
        if step < warmup:
            share = config.warmup_from + (1 - config.warmup_from) * step / warmup
        else:
            fallen = (1 + math.cos(math.pi * (step - warmup) / (self.steps - warmup))) / 2
            share = config.final_share + (1 - config.final_share) * fallen
        return config.learning_rate * share
