"""Which layers of a model get adapters, and which of them are one layer under several names."""

import re
from collections import defaultdict
from collections.abc import Iterable
from difflib import get_close_matches

from torch import nn

from gsam_edge.teachers.errors import AdapterError
from gsam_edge.teachers.lora.config import LoraConfig


def adaptable_layers(model: nn.Module) -> list[str]:
    """Dotted names of the layers that an adapter fits: plain linear ones and convolutions; all names of a shared one.

    Subclasses, whose owners may bypass `forward`, are left out, and so are convolutions in groups or with dilation, to
    which peft has no adapter of the same shape.
    """
    layers = model.named_modules(remove_duplicate=False)
    return [name for name, module in layers if type(module) is nn.Linear or _is_plain_conv(module)]


def _is_plain_conv(module: nn.Module) -> bool:
    return type(module) is nn.Conv2d and module.groups == 1 and module.dilation == (1, 1)


def layers_to_adapt(model: nn.Module, config: LoraConfig) -> list[tuple[str, ...]]:
    """Returns the layers that the targets match, each as all the names that the model has for its weight.

    A layer that is shared is adapted under all of its names, also where the targets match only one of them.

    Raises:
        AdapterError: if the targets match no layer or one inside of a frozen part, or if there is no such part; the
            message lists what the model has. Also see `with_all_names`.
    """
    names = adaptable_layers(model)
    matched = [name for name in names if re.fullmatch(config.targets, name)]
    if not matched:
        plain = re.sub(r"[\\^$()?*+|\[\]]", "", config.targets)
        near = get_close_matches(plain, names, n=5, cutoff=0)
        raise AdapterError(
            f"LoRA targets {config.targets!r} match none of {len(names)} layers; nearest: {near}; {_listed(names)}"
        )
    layers = with_all_names(model, matched)
    adapted = [name for layer in layers for name in layer]
    _check_frozen(model, config, adapted, names)
    return layers


def with_all_names(model: nn.Module, layers: Iterable[str]) -> list[tuple[str, ...]]:
    """Returns each layer once, as all the names that the model has for its weight, in the model's order.

    Raises:
        AdapterError: if a layer shares its weight with a module that no adapter fits.
    """
    owners = _owners(model)
    named = list(dict.fromkeys(owners[id(model.get_submodule(name).weight)] for name in layers))
    if odd := sorted({name for names in named for name in names}.difference(adaptable_layers(model))):
        raise AdapterError(
            f"LoRA: expected layers of their own, got some that share their weight with {odd[:5]}, to which no adapter "
            "fits; leave them out of `targets`"
        )
    return named


def _owners(model: nn.Module) -> dict[int, tuple[str, ...]]:
    """Returns the names of all modules that hold a parameter, by the parameter's id, in the order of the model."""
    owners: dict[int, list[str]] = defaultdict(list)
    for name, module in model.named_modules(remove_duplicate=False):
        for parameter in module.parameters(recurse=False):
            owners[id(parameter)].append(name)
    return {key: tuple(names) for key, names in owners.items()}


def _check_frozen(model: nn.Module, config: LoraConfig, adapted: Iterable[str], names: list[str]) -> None:
    parts = {name for name, _ in model.named_modules(remove_duplicate=False)}
    if unknown := sorted(set(config.frozen) - parts):
        near = {name: get_close_matches(name, parts, n=3, cutoff=0) for name in unknown}
        raise AdapterError(f"LoRA: expected frozen parts that the model has, got {unknown}; nearest: {near}")
    touched = [name for name in adapted if any(name == part or name.startswith(f"{part}.") for part in config.frozen)]
    if touched:
        raise AdapterError(
            f"LoRA targets {config.targets!r}: expected none of the frozen parts {list(config.frozen)}, got "
            f"{len(touched)} layers in them, {touched[:5]}; narrow the targets, or take the part out of `frozen`; "
            f"{_listed(names)}"
        )


def _listed(names: list[str]) -> str:
    """Returns the layers for a message, those that differ in a number alone as one."""
    kinds = dict.fromkeys(".".join("*" if part.isdigit() else part for part in name.split(".")) for name in names)
    return f"the model's layers: {list(kinds)}"
