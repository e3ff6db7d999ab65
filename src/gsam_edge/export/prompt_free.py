"""Checks that an artefact takes an image and nothing else."""

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gsam_edge.runtime.tasks.table import INPUT_NAME, input_fault

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class PromptFreeCheck:
    """The inputs of an artefact, and what is wrong with them.

    Attributes:
        inputs: names of everything that has to be fed.
        fault: what is wrong, or None if the artefact is prompt-free.
    """

    inputs: tuple[str, ...]
    fault: str | None

    @property
    def prompt_free(self) -> bool:
        """Whether nothing is wrong."""
        return self.fault is None


def check_prompt_free(inputs: Sequence[str]) -> PromptFreeCheck:
    """Checks the inputs of an artefact, as its format reads them from the file."""
    return PromptFreeCheck(tuple(inputs), input_fault(inputs))


def check_module_prompt_free(module: "nn.Module") -> PromptFreeCheck:
    """Checks that a module's `forward` takes exactly `images`, without a way to pass anything beside it."""
    inputs = tuple(inspect.signature(module.forward).parameters)
    fault = None if inputs == (INPUT_NAME,) else f"expected forward({INPUT_NAME}), got forward({', '.join(inputs)})"
    return PromptFreeCheck(inputs, fault)
