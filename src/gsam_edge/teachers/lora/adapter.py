"""Adapters of teachers: a tuned teacher is its unchanged base plus one `Adapter`, which names its base by digest."""

import copy
import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import torch
from pydantic import BaseModel, ConfigDict, ValidationError
from torch import Tensor, nn

from gsam_edge.teachers.errors import AdapterError
from gsam_edge.teachers.lora.config import LoraConfig
from gsam_edge.teachers.lora.layers import ADAPTER_NAME, Model, adapter_parameters, add_lora, weights_digest
from gsam_edge.training.device import DeviceName, resolve_device

_METADATA_KEY = "gsam_edge_adapter"


class AdapterConfig(BaseModel):
    """Metadata of an adapter: family, classes, base and LoRA settings.

    Attributes:
        kind: the family of teacher, a name of `teachers.table.TEACHERS`.
        class_names: the classes it was tuned for, by class id.
        base_digest: `weights_digest` of the base it was trained on.
        lora: rank, scale and targets; None for a base that is used as it is.
        split: digest of how the images were split that tuned it and that did not (`Annotations.split_digest`);
            None where they were no part of a split.
        facts: what else the family must know to ask its base, JSON values; None where class names are enough.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: str
    class_names: tuple[str, ...]
    base_digest: str
    lora: LoraConfig | None
    split: str | None = None
    facts: dict[str, Any] | None = None


@dataclass(frozen=True)
class Adapter:
    """Trained low-rank matrices of one teacher, or none for a base that is used as it is.

    Attributes:
        tensors: `<layer>.lora_A` float32 [r, in] and `<layer>.lora_B` float32 [out, r], on the CPU; those of a
            convolution are [r, in, h, w] and [out, r, 1, 1].
        config: kind, classes, base and LoRA settings.
    """

    tensors: dict[str, Tensor]
    config: AdapterConfig

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
        """SHA-256 of `to_bytes`, hexadecimal."""
        return hashlib.sha256(self.to_bytes()).hexdigest()

    def to_bytes(self) -> bytes:
        """Returns a safetensors file's content with the config as JSON in its metadata."""
        from safetensors.torch import save

        absent = {"facts"} if self.config.facts is None else None
        return save(self.tensors, metadata={_METADATA_KEY: self.config.model_dump_json(exclude=absent)})

    @classmethod
    def from_bytes(cls, content: bytes) -> Self:
        """Reads the adapter that `to_bytes` wrote.

        Raises:
            AdapterError: if the bytes are not a safetensors file with a valid adapter config.
        """
        from safetensors import SafetensorError
        from safetensors.torch import load

        try:
            tensors = load(content)
        except SafetensorError as error:
            raise AdapterError(f"adapter: expected a safetensors file, got {len(content)} bytes: {error}") from error
        header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
        metadata = header.get("__metadata__", {})
        if _METADATA_KEY not in metadata:
            raise AdapterError(f"adapter: expected {_METADATA_KEY!r} in the file's metadata, got {sorted(metadata)}")
        try:
            config = AdapterConfig.model_validate_json(metadata[_METADATA_KEY])
        except ValidationError as error:
            raise AdapterError(
                f"adapter: expected a sound {_METADATA_KEY!r} in the file's metadata: {error}"
            ) from error
        return cls(tensors, config)


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
    return Adapter(tensors, config)


def apply_adapter(model: Model, adapter: Adapter) -> Model:
    """Applies a trained adapter to its base, in place; the base's own weights are unchanged and frozen.

    Args:
        model: the base the adapter was trained on, without adapters. Deep-copy it first if the bare base is needed too.
        adapter: names and shapes must match the model's exactly.

    Returns:
        The same module in evaluation mode, nothing trainable; its outputs equal those of the tuned model.

    Raises:
        AdapterError: if the base is another one, or if tensors are missing, unexpected or of another shape.
    """
    if fault := _base_fault(model, adapter.config):
        raise AdapterError(f"apply_adapter: {fault}; run the pipeline teacher_finetune on this base")
    if adapter.config.lora is not None:
        add_lora(model, adapter.config.lora, seed=0)
    parameters = {_portable(name): value for name, value in adapter_parameters(model).items()}
    missing = sorted(parameters.keys() - adapter.tensors.keys())
    unexpected = sorted(adapter.tensors.keys() - parameters.keys())
    shapes = [
        f"{name}: expected {tuple(parameters[name].shape)}, got {tuple(tensor.shape)}"
        for name, tensor in adapter.tensors.items()
        if name in parameters and parameters[name].shape != tensor.shape
    ]
    if missing or unexpected or shapes:
        raise AdapterError(f"apply_adapter: missing {missing[:5]}, unexpected {unexpected[:5]}, shapes {shapes[:5]}")
    with torch.no_grad():
        for name, parameter in parameters.items():
            parameter.copy_(adapter.tensors[name])
    return model.requires_grad_(False).eval()


def adapted(model: Model, adapter: Adapter | None, *, device: DeviceName, keep_base: bool) -> Model:
    """Returns a base with its adapter applied, ready to predict.

    Args:
        model: the base.
        adapter: see `apply_adapter`; None for the untuned base.
        device: where to predict.
        keep_base: whether to work on a copy of the base.

    Raises:
        AdapterError: see `apply_adapter`.
        SettingError: see `resolve_device`.
    """
    where = resolve_device(device)
    own = copy.deepcopy(model) if keep_base else model
    return (own if adapter is None else apply_adapter(own, adapter)).to(where)


def _base_fault(model: nn.Module, config: AdapterConfig) -> str | None:
    """Returns why a model is not the adapter's base; None if it is."""
    digest = weights_digest(model)
    if digest == config.base_digest:
        return None
    return (
        f"expected the {config.kind} base with digest {config.base_digest[:12]}, got a model with digest {digest[:12]}"
    )
