"""Low-rank adapters (LoRA, Hu et al. 2021, arXiv:2106.09685) on the layers of any teacher, through peft.

The adapted layer computes W x + (alpha / r) B A x; of a convolution, A is one of the same kernel and B one of 1 x 1.
W is frozen; B starts at zero, so a fresh adapter changes nothing.
"""

import hashlib
import re
from difflib import get_close_matches
from typing import TypeVar

import torch
from torch import Tensor, nn

from gsam_edge.teachers.errors import AdapterError
from gsam_edge.teachers.lora.config import LoraConfig

Model = TypeVar("Model", bound=nn.Module)

ADAPTER_NAME = "default"
_BASE_LAYER = ".base_layer."
_LORA_PARAMETER = re.compile(rf"\.lora_[AB]\.{ADAPTER_NAME}\.weight$")


def adaptable_layers(model: nn.Module) -> list[str]:
    """Dotted names of the layers that an adapter fits: plain linear ones and convolutions.

    Subclasses, whose owners may bypass `forward`, are left out, and so are convolutions in groups or with dilation, to
    which peft has no adapter of the same shape.
    """
    return [name for name, module in model.named_modules() if type(module) is nn.Linear or _is_plain_conv(module)]


def _is_plain_conv(module: nn.Module) -> bool:
    return type(module) is nn.Conv2d and module.groups == 1 and module.dilation == (1, 1)


def add_lora(model: Model, config: LoraConfig, *, seed: int) -> Model:
    """Puts adapters on the matching layers, in place, and freezes everything else.

    Args:
        model: any module without adapters; its outputs do not change, since every B starts at zero.
        config: rank, scale and the names to adapt.
        seed: fixes the random A matrices; the global random state is left as it was.

    Returns:
        The same module, for chaining.

    Raises:
        AdapterError: if no layer matches, with the nearest names.
        ValueError: if the model has adapters already.
    """
    if adapter_parameters(model):
        raise ValueError("add_lora: expected a model without adapters, got one that has them")
    names = adaptable_layers(model)
    matched = [name for name in names if re.fullmatch(config.targets, name)]
    if not matched:
        plain = re.sub(r"[\\^$()?*+|\[\]]", "", config.targets)
        near = get_close_matches(plain, names, n=5, cutoff=0) or ["the model has no such layer at all"]
        raise AdapterError(f"LoRA targets {config.targets!r} match none of {len(names)} layers; nearest: {near}")
    _inject(model, config, matched, seed)
    return model


def _inject(model: nn.Module, config: LoraConfig, layers: list[str], seed: int) -> None:
    import peft

    peft_config = peft.LoraConfig(
        r=config.r,
        lora_alpha=config.alpha,
        lora_dropout=config.dropout,
        target_modules="|".join(re.escape(name) for name in layers),
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        peft.inject_adapter_in_model(peft_config, model, adapter_name=ADAPTER_NAME)


def adapter_parameters(model: nn.Module) -> dict[str, nn.Parameter]:
    """Returns the adapters' parameters by their names in the model; empty for a model without adapters."""
    return {name: value for name, value in model.named_parameters() if _LORA_PARAMETER.search(name)}


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
