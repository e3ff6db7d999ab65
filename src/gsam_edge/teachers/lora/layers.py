"""Low-rank adapters (LoRA, Hu et al. 2021, arXiv:2106.09685) on the layers of any teacher, through peft.

The adapted layer computes W x + (alpha / r) B A x; of a convolution, A is one of the same kernel and B one of 1 x 1.
W is frozen; B starts at zero, so a fresh adapter changes nothing.
"""

import hashlib
import re
from collections.abc import Sequence
from typing import TypeVar

import torch
from torch import Tensor, nn

from gsam_edge.teachers.errors import AdapterError
from gsam_edge.teachers.lora.config import LoraConfig
from gsam_edge.teachers.lora.targets import layers_to_adapt

Model = TypeVar("Model", bound=nn.Module)

ADAPTER_NAME = "default"
_BASE_LAYER = ".base_layer."
_LORA_PARAMETER = re.compile(rf"\.lora_[AB]\.{ADAPTER_NAME}\.weight$")


def add_lora(model: Model, config: LoraConfig, *, seed: int) -> Model:
    """Puts adapters on the matching layers, in place, and freezes everything else.

    peft would give each name of a shared layer an adapter of its own, of which those that no loss reaches never learn.
    Here they stay one layer: all names have the same matrices.

    Args:
        model: any module without adapters; its outputs do not change, since every B starts at zero.
        config: rank, scale and the names to adapt.
        seed: fixes the random A matrices; the global random state is left as it was.

    Returns:
        The same module, for chaining.

    Raises:
        AdapterError: see `layers_to_adapt`; also if the adapters have more than `config.max_share` of all parameters,
            after which the model must not be used.
        ValueError: if the model has adapters already.
    """
    if adapter_parameters(model):
        raise ValueError("add_lora: expected a model without adapters, got one that has them")
    put_on(model, config, layers_to_adapt(model, config), seed=seed)
    trainable, total = count_parameters(model)
    if trainable / total > config.max_share:  # a product would round: 0.29 of 100 is less than 29
        raise AdapterError(
            f"LoRA: expected adapters with at most {config.max_share:.2%} of all parameters (`max_share`), got "
            f"{trainable:,} of {total:,}, {trainable / total:.2%}; lower `r`, narrow `targets` or allow more"
        )
    return model


def put_on(model: nn.Module, config: LoraConfig, layers: Sequence[tuple[str, ...]], *, seed: int) -> None:
    """Puts adapters on the given layers, in place, and freezes everything else.

    Args:
        model: any module without adapters.
        config: rank, scale and dropout.
        layers: each as all of its names, see `with_all_names`.
        seed: see `add_lora`.
    """
    import peft

    names = [name for layer in layers for name in layer]
    peft_config = peft.LoraConfig(
        r=config.r,
        lora_alpha=config.alpha,
        lora_dropout=config.dropout,
        target_modules="|".join(re.escape(name) for name in names),
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        peft.inject_adapter_in_model(peft_config, model, adapter_name=ADAPTER_NAME)
    for first, *others in layers:
        _share(model, first, others)


def _share(model: nn.Module, first: str, others: list[str]) -> None:
    """Gives the other names of a layer the matrices of its first one; peft adapted each module once."""
    from peft.tuners.lora import LoraLayer

    source = model.get_submodule(first)
    for name in others:
        layer = model.get_submodule(name)
        if isinstance(layer, LoraLayer):
            layer.lora_A, layer.lora_B = source.lora_A, source.lora_B
        else:  # the same module in another place, where peft left it as it was
            model.set_submodule(name, source)


def adapter_parameters(model: nn.Module, *, all_names: bool = False) -> dict[str, nn.Parameter]:
    """Returns the adapters' parameters by their names in the model; empty for a model without adapters.

    Args:
        model: any module.
        all_names: whether the matrices of a shared layer are given under all of its names, or under the first alone.
    """
    named = model.named_parameters(remove_duplicate=not all_names)
    return {name: value for name, value in named if _LORA_PARAMETER.search(name)}


def count_parameters(model: nn.Module) -> tuple[int, int]:
    """Returns the numbers of (trainable, all) parameters."""
    sizes = [(parameter.numel(), parameter.requires_grad) for parameter in model.parameters()]
    return sum(size for size, trainable in sizes if trainable), sum(size for size, _ in sizes)


def verify_only_adapters_trainable(model: nn.Module) -> None:
    """Checks that training would change every adapter and nothing else.

    Raises:
        ValueError: naming base parameters that are trainable, adapters that are frozen, or the lack of any adapter.
    """
    adapters = adapter_parameters(model)
    if not adapters:
        raise ValueError("expected a model with adapters, got one without")
    open_base = [n for n, value in model.named_parameters() if value.requires_grad and n not in adapters]
    frozen = [name for name, value in adapters.items() if not value.requires_grad]
    if open_base or frozen:
        raise ValueError(
            f"expected only adapters to be trainable, got {len(open_base)} trainable base parameters {open_base[:5]} "
            f"and {len(frozen)} frozen adapters {frozen[:5]}"
        )


def weights_digest(model: nn.Module) -> str:
    """Returns the SHA-256 (hex) of a model's base weights and buffers: names, types, shapes and bytes.

    Adapters are left out, also of the names. So the digest is the same before `add_lora`, after it and after training
    the adapters, unless the base was changed.
    """
    tensors: dict[str, Tensor] = {
        name.replace(_BASE_LAYER, "."): tensor
        for name, tensor in model.state_dict().items()
        if not _LORA_PARAMETER.search(name)
    }
    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu().contiguous()
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()
