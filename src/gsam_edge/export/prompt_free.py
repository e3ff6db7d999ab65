"""Checks that an artefact takes an image and nothing else."""

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gsam_edge.runtime.card import Card
from gsam_edge.runtime.tasks.table import INPUT_NAME, input_fault
from gsam_edge.runtime.tensors import InputTensor

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class PromptFreeCheck:
    """The inputs of an artefact, and what is wrong with them.

    Attributes:
        inputs: names of everything that can be fed, also of what has a default.
        fault: what is wrong, or None if the artefact is prompt-free.
    """

    inputs: tuple[str, ...]
    fault: str | None

    @property
    def prompt_free(self) -> bool:
        """Whether nothing is wrong."""
        return self.fault is None


def check_prompt_free(inputs: Sequence[InputTensor], card: Card) -> PromptFreeCheck:
    """Checks name, shape and dtype of an artefact's inputs, as its format reads them from the file, by its card."""
    return PromptFreeCheck(tuple(tensor.name for tensor in inputs), input_fault(inputs, card))


def check_module_prompt_free(module: "nn.Module") -> PromptFreeCheck:
    """Checks that a module's `forward` takes exactly `images`, without a way to pass anything beside it."""
    inputs = tuple(inspect.signature(module.forward).parameters)
    fault = None if inputs == (INPUT_NAME,) else f"expected forward({INPUT_NAME}), got forward({', '.join(inputs)})"
    return PromptFreeCheck(inputs, fault)
