"""Proof that an artefact takes a picture and nothing else."""

import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gsam_edge.runtime.artefact import INPUT_NAME, interface_fault

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class PromptFreeCheck:
    """What an artefact takes and gives.

    Attributes:
        inputs: names of everything that has to be fed.
        outputs: names of its outputs in order; empty for a module, whose signature does not name them.
        fault: what is wrong, or None if the artefact is prompt-free.
    """

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    fault: str | None

    @property
    def prompt_free(self) -> bool:
        """Whether nothing is wrong."""
        return self.fault is None


def check_prompt_free(model: bytes) -> PromptFreeCheck:
    """The inputs and outputs of an ONNX file, read from the graph itself.

    Raises:
        google.protobuf.message.DecodeError: if the bytes are no ONNX file.
    """
    import onnx

    graph = onnx.load_from_string(model).graph
    weights = {weight.name for weight in graph.initializer}
    inputs = tuple(value.name for value in graph.input if value.name not in weights)
    outputs = tuple(value.name for value in graph.output)
    return PromptFreeCheck(inputs, outputs, interface_fault(inputs, outputs))


def check_module_prompt_free(module: "nn.Module") -> PromptFreeCheck:
    """The arguments of a module's `forward`: exactly `images`, without a way to pass anything beside it."""
    inputs = tuple(inspect.signature(module.forward).parameters)
    fault = None if inputs == (INPUT_NAME,) else f"expected forward({INPUT_NAME}), got forward({', '.join(inputs)})"
    return PromptFreeCheck(inputs, (), fault)
