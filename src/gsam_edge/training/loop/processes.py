"""Several processes that train one model, started by `accelerate launch`; a process on its own is the case of one.

The model stays unwrapped, since losses reach into its parts. So gradients are averaged after the backward pass.
"""

import atexit
from collections.abc import Iterable, Mapping
from functools import cache
from typing import TypeVar

import torch
from accelerate import PartialState
from accelerate.utils import broadcast_object_list, gather_object, reduce
from torch import nn

Value = TypeVar("Value")


@cache
def processes(device_type: str) -> PartialState:
    """Returns what this process knows of the others: how many there are, and which one it is.

    Only accelerate's state of processes is used. An `Accelerator` would keep one precision for all trainings of a
    process, and take the accumulation from the launcher's configuration.

    Args:
        device_type: "cpu" or "cuda", on which all of them train.
    """
    state = PartialState(cpu=device_type == "cpu")
    atexit.register(state.destroy_process_group)
    return state


def from_first(value: Value) -> Value:
    """Returns the value that the first process has, in all of them."""
    return broadcast_object_list([value])[0]


def averaged(values: Mapping[str, float], others: PartialState) -> dict[str, float]:
    """Returns the mean of each value over all processes; one that only some have counts as zero in the others."""
    if others.num_processes == 1:
        return dict(values)
    gathered: list[Mapping[str, float]] = gather_object([dict(values)])
    names = dict.fromkeys(name for each in gathered for name in each)
    return {name: sum(each.get(name, 0.0) for each in gathered) / others.num_processes for name in names}


def average_gradients(parameters: Iterable[nn.Parameter], others: PartialState) -> None:
    """Replaces the gradients in each process by their mean over all processes.

    A parameter that only some processes used counts as zero in the others. One that none used keeps no gradient, as
    the optimiser then leaves it alone.
    """
    if others.num_processes == 1:
        return
    trained = list(parameters)
    used = torch.tensor([float(p.grad is not None) for p in trained], device=trained[0].device)
    shared = [p for p, count in zip(trained, reduce(used, "sum").tolist(), strict=True) if count]
    flat = torch.cat([(torch.zeros_like(p) if p.grad is None else p.grad).flatten() for p in shared])
    parts = reduce(flat, "mean").split([p.numel() for p in shared])
    for parameter, mean in zip(shared, parts, strict=True):
        parameter.grad = mean.view_as(parameter)
