"""Adapters of teachers: a tuned teacher is its unchanged base plus one `Adapter`, which names its base by digest."""

import copy
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch
from pydantic import BaseModel, ConfigDict
from torch import Tensor, nn

from gsam_edge.teachers.errors import AdapterError
from gsam_edge.teachers.lora.config import LoraConfig
from gsam_edge.teachers.lora.layers import ADAPTER_NAME, Model, adapter_parameters, put_on, weights_digest
from gsam_edge.teachers.lora.merging import merge_lora
from gsam_edge.teachers.lora.targets import adaptable_layers, with_all_names
from gsam_edge.training.device import DeviceName, resolve_device


class AdapterConfig(BaseModel):
    """Metadata of an adapter: family, classes, base and LoRA settings.

    Attributes:
        kind: the family of teacher, a name of `teachers.table.TEACHERS`.
        class_names: the classes it was tuned for, by class id.
        base_name: the name of the base it was trained on, for people.
        base_digest: `weights_digest` of the base it was trained on.
        lora: rank, scale and targets; None for a base that is used as it is.
        split: digest of how the images were split that tuned it and that did not (`Annotations.split_digest`);
            None where they were no part of a split.
        facts: what else the family must know to ask its base, JSON values; None where class names are enough.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: str
    class_names: tuple[str, ...]
    base_name: str
    base_digest: str
    lora: LoraConfig | None
    split: str | None = None
    facts: dict[str, Any] | None = None


@dataclass(frozen=True)
class Adapter:
    """Trained low-rank matrices of one teacher, or none for a base that is used as it is.

    Attributes:
        tensors: `<layer>.lora_A` float32 [r, in] and `<layer>.lora_B` float32 [out, r], on the CPU; those of a
            convolution are [r, in, h, w] and [out, r, 1, 1]. A layer that the model has under several names stands here
            once, under the first of them.
        config: kind, classes, base and LoRA settings.
        shared: the other names of such layers, each with the name under which its matrices stand.
    """

    tensors: dict[str, Tensor]
    config: AdapterConfig
    shared: Mapping[str, str] = field(default_factory=dict)

    def __repr__(self) -> str:
        """Says whose it is, without its matrices."""
        rank = "as it is" if self.config.lora is None else f"rank {self.config.lora.r}"
        return f"Adapter({self.config.kind}, {rank}, {len(self.tensors)} matrices)"

    @property
    def changes_nothing(self) -> bool:
        """Whether every B is zero, so that the adapted model is the base."""
        return not any(bool(tensor.any()) for name, tensor in self.tensors.items() if name.endswith(".lora_B"))

    @property
    def is_tuned(self) -> bool:
        """Whether there are matrices; else the base is used as it is."""
        return self.config.lora is not None

    @property
    def untuned(self) -> "Adapter":
        """The same base as it is, asked the same way."""
        return Adapter({}, self.config.model_copy(update={"lora": None}))

    @cached_property
    def digest(self) -> str:
        """SHA-256 of config and tensors (names, shapes and bytes), hexadecimal."""
        digest = hashlib.sha256(self.config.model_dump_json().encode())
        for name in sorted(self.tensors):
            tensor = self.tensors[name].contiguous()
            digest.update(f"\n{name} {tuple(tensor.shape)}\n".encode())
            digest.update(tensor.numpy().data)
        return digest.hexdigest()


def _portable(name: str) -> str:
    """Returns a parameter's name without peft's adapter name and `.weight`."""
    return name.removesuffix(f".{ADAPTER_NAME}.weight")


def extract_adapter(model: nn.Module, config: AdapterConfig) -> Adapter:
    """Extracts the model's adapters, copied to the CPU as float32.

    Raises:
        AdapterError: if an adapter is not finite.
        ValueError: if the model has no adapters, or if the base weights do not match `config.base_digest`, that is, if
            training changed them.
    """
    parameters = adapter_parameters(model)
    if not parameters:
        raise ValueError("extract_adapter: expected a model with adapters, got one without")
    broken = [name for name, value in parameters.items() if not bool(torch.isfinite(value).all())]
    if broken:
        raise AdapterError(
            f"extract_adapter: expected finite weights, got NaN or infinity in {broken[:5]}; try a lower learning rate"
        )
    if fault := _base_fault(model, config):
        raise ValueError(f"extract_adapter: {fault}")
    tensors = {_portable(name): value.detach().float().cpu().clone() for name, value in parameters.items()}
    return Adapter(tensors, config, _shared_layers(model))


def _shared_layers(model: nn.Module) -> dict[str, str]:
    """Returns the further names of adapted layers, each with its layer's first name."""
    first: dict[int, str] = {}
    shared = {}
    for name, value in adapter_parameters(model, all_names=True).items():
        layer = _portable(name).rpartition(".")[0]
        if (known := first.setdefault(id(value), layer)) != layer:
            shared[layer] = known
    return shared


def apply_adapter(model: Model, adapter: Adapter) -> Model:
    """Applies a trained adapter to its base, in place; the base's own weights are unchanged and frozen.

    Args:
        model: the base the adapter was trained on, without adapters. Deep-copy it first if the bare base is needed too.
        adapter: names and shapes must match the model's exactly.

    Returns:
        The same module in evaluation mode, nothing trainable; its outputs equal those of the tuned model.

    Raises:
        AdapterError: if the base is another one, or if tensors are missing, unexpected or of another shape, or
            shared otherwise.
    """
    if fault := _base_fault(model, adapter.config):
        raise AdapterError(f"apply_adapter: {fault}; run the pipeline teacher_finetune on this base")
    if adapter.config.lora is not None:
        # The layers are those of the tensors, not those that `targets` match: a pattern from a file is never run.
        put_on(model, adapter.config.lora, _fitting_layers(model, adapter, adapter.config.lora.r), seed=0)
    with torch.no_grad():
        for name, parameter in adapter_parameters(model).items():
            parameter.copy_(adapter.tensors[_portable(name)])
    return model.requires_grad_(False).eval()


def _fitting_layers(model: nn.Module, adapter: Adapter, r: int) -> list[tuple[str, ...]]:
    """Returns the layers of an adapter with all of their names in the model.

    Raises:
        AdapterError: if tensors are missing, unexpected or of another shape, or a layer has other names or shares its
            weight with a module that no adapter fits.
    """
    known = set(adaptable_layers(model))
    named = [name for name in dict.fromkeys(name.rpartition(".")[0] for name in adapter.tensors) if name in known]
    shapes: dict[str, tuple[int, ...]] = {}
    for name in named:
        out, *fan_in = model.get_submodule(name).get_parameter("weight").shape
        shapes[f"{name}.lora_A"] = (r, *fan_in)
        shapes[f"{name}.lora_B"] = (out, r, *[1] * (len(fan_in) - 1))
    missing = sorted(shapes.keys() - adapter.tensors.keys())
    unexpected = sorted(adapter.tensors.keys() - shapes.keys())
    other = [
        f"{name}: expected {shapes[name]}, got {tuple(tensor.shape)}"
        for name, tensor in adapter.tensors.items()
        if name in shapes and shapes[name] != tensor.shape
    ]
    if missing or unexpected or other:
        raise AdapterError(f"apply_adapter: missing {missing[:5]}, unexpected {unexpected[:5]}, shapes {other[:5]}")
    layers = with_all_names(model, named)
    shared = {name: first for first, *others in layers for name in others}
    if shared != adapter.shared:
        raise AdapterError(f"apply_adapter: expected layers of the names {shared}, got {dict(adapter.shared)}")
    return layers


def merged(model: Model, adapter: Adapter) -> Model:
    """Merges an adapter into its base, in place: the architecture of the base, the outputs of the tuned model.

    Args:
        model: the base the adapter was trained on; it is no base afterwards. Deep-copy it first if it is still needed.
        adapter: see `apply_adapter`.

    Returns:
        The same module in evaluation mode, nothing trainable, without adapters.

    Raises:
        AdapterError: see `apply_adapter` and `merge_lora`.
    """
    return merge_lora(apply_adapter(model, adapter))


def adapted(model: Model, adapter: Adapter | None, *, device: DeviceName, keep_base: bool) -> Model:
    """Returns a base with its adapter merged into it, ready to predict.

    Args:
        model: the base.
        adapter: see `merged`; None for the untuned base.
        device: where to predict.
        keep_base: whether to work on a copy of the base.

    Raises:
        AdapterError: see `merged`.
        SettingError: see `resolve_device`.
    """
    where = resolve_device(device)
    own = copy.deepcopy(model) if keep_base else model
    if adapter is not None:
        own = merged(own, adapter) if adapter.is_tuned else apply_adapter(own, adapter)
    return own.to(where)


def _base_fault(model: nn.Module, config: AdapterConfig) -> str | None:
    """Returns why a model is not the adapter's base; None if it is."""
    digest = weights_digest(model)
    if digest == config.base_digest:
        return None
    return (
        f"expected the {config.kind} base {config.base_name!r} with digest {config.base_digest[:12]}, got a model with "
        f"digest {digest[:12]}"
    )
