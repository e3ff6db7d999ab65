"""Merging adapters into the weights that they change: W + (alpha / r) B A, in the place of both."""

from typing import TypeVar

import torch
from torch import nn

from gsam_edge.teachers.errors import AdapterError

Model = TypeVar("Model", bound=nn.Module)


def merge_lora(model: Model) -> Model:
    """Adds every adapter's update to its layer's weight and removes the adapters, in place.

    The weight of a layer with several names is changed once. (peft's own merging adds the update for each name.)

    Args:
        model: a module from `add_lora`.

    Returns:
        The same module, with the layers and names of its base.

    Raises:
        AdapterError: if no weight changes, as by an adapter that has learnt nothing, or without any adapter.
    """
    from peft.tuners.lora import LoraLayer

    layers = {
        name: module for name, module in model.named_modules(remove_duplicate=False) if isinstance(module, LoraLayer)
    }
    changed, done = False, set()
    for layer in layers.values():
        weight = layer.get_base_layer().weight
        if id(weight) in done:
            continue
        done.add(id(weight))
        before = weight.detach().clone()
        with torch.no_grad():
            for adapter in layer.active_adapters:
                weight.add_(layer.get_delta_weight(adapter))
        changed = changed or not torch.equal(weight, before)
    if not changed:
        raise AdapterError(
            f"merging: expected adapters that change the weights, got {len(layers)} adapted layers that change none; "
            "tune again with a higher learning rate or more steps"
        )
    for name, layer in layers.items():
        model.set_submodule(name, layer.get_base_layer())
    return model
