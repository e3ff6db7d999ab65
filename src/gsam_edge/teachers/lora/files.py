"""An adapter as the files of a folder: as peft saves one, with what this project must know in `adapter_config.json`."""

import re
from collections.abc import Mapping
from typing import Literal

import torch
from pydantic import BaseModel, ConfigDict
from pydantic_core import from_json
from torch import Tensor

from gsam_edge.teachers.errors import AdapterError
from gsam_edge.teachers.lora.adapter import Adapter, AdapterConfig
from gsam_edge.training.sealed import DamagedTensorsError, require_intact, sealed

CONFIG_FILE = "adapter_config.json"
WEIGHTS_FILE = "adapter_model.safetensors"
#: The most bytes that each file may have; larger files are not read. A full-size SAM's adapter has under a megabyte at
#: rank 8, Grounding DINO's 11 MB at rank 16.
MOST_BYTES: Mapping[str, int] = {CONFIG_FILE: 4 * 2**20, WEIGHTS_FILE: 2**30}

#: peft's name for the model that it wraps.
_WRAPPED = "base_model.model."
_MATRIX = re.compile(rf"{re.escape(_WRAPPED)}(?P<layer>.+)\.(?P<matrix>lora_[AB])\.weight")


class _Ours(BaseModel):
    """What peft does not know: kind, classes, fingerprint of the base and so on, and layers with several names."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    config: AdapterConfig
    shared: dict[str, str]


class _AsItIs(BaseModel):
    """`adapter_config.json` of a base that is used as it is."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    gsam_edge: _Ours


class _Tuned(_AsItIs):
    """`adapter_config.json` of trained matrices: the settings by which peft builds the layers, and ours."""

    peft_type: Literal["LORA"]
    task_type: None
    inference_mode: Literal[True]
    bias: Literal["none"]
    base_model_name_or_path: str
    r: int
    lora_alpha: float
    lora_dropout: float
    target_modules: str


def adapter_files(adapter: Adapter) -> dict[str, bytes]:
    """Returns the files of an adapter by name, equal for equal adapters.

    `adapter_model.safetensors` holds float32 matrices, those of a shared layer under each of its names, since peft
    knows no sharing. It is absent for a base that is used as it is.
    """
    from safetensors.torch import save

    config = _described(adapter).model_dump_json(indent=2).encode() + b"\n"
    if not adapter.is_tuned:
        return {CONFIG_FILE: config}
    tensors = {_file_name(name): tensor.contiguous() for name, tensor in adapter.tensors.items()}
    for other, layer in adapter.shared.items():
        for matrix in ("lora_A", "lora_B"):
            tensors[_file_name(f"{other}.{matrix}")] = adapter.tensors[f"{layer}.{matrix}"].clone()
    return {CONFIG_FILE: config, WEIGHTS_FILE: sealed(save(tensors, metadata={"format": "pt"}))}


def read_adapter(files: Mapping[str, bytes]) -> Adapter:
    """Reads the adapter that `adapter_files` wrote; nothing in the files is trusted, and no pickle is read.

    Raises:
        AdapterError: if a file is missing or damaged, names anything else, or the two do not agree.
    """
    saved = _config(files)
    config, shared = saved.gsam_edge.config, saved.gsam_edge.shared
    tensors = _matrices(files, config) if config.lora is not None else {}
    for other, layer in shared.items():
        for matrix in ("lora_A", "lora_B"):
            one, same = tensors.pop(f"{other}.{matrix}", None), tensors.get(f"{layer}.{matrix}")
            if one is None or same is None or not torch.equal(one, same):
                raise AdapterError(
                    f"{WEIGHTS_FILE}: expected one {matrix} of {layer!r} and {other!r}, which are one layer, got others"
                )
    adapter = Adapter(tensors, config, shared)
    if saved != _described(adapter):
        raise AdapterError(
            f"{CONFIG_FILE}: expected settings of peft that agree with `gsam_edge` and with the layers in "
            f"{WEIGHTS_FILE}, got others; tune the teacher again"
        )
    return adapter


def _described(adapter: Adapter) -> _AsItIs:
    ours = _Ours(config=adapter.config, shared=dict(adapter.shared))
    lora = adapter.config.lora
    if lora is None:
        return _AsItIs(gsam_edge=ours)
    layers = {name.rpartition(".")[0] for name in adapter.tensors} | set(adapter.shared)
    return _Tuned(
        gsam_edge=ours,
        peft_type="LORA",
        task_type=None,
        inference_mode=True,
        bias="none",
        base_model_name_or_path=adapter.config.base_name,
        r=lora.r,
        lora_alpha=lora.alpha,
        lora_dropout=lora.dropout,
        target_modules="|".join(re.escape(layer) for layer in sorted(layers)),
    )


def _config(files: Mapping[str, bytes]) -> _AsItIs:
    if CONFIG_FILE not in files:
        raise AdapterError(f"adapter: expected {CONFIG_FILE}, got {sorted(files)}")
    try:
        content = from_json(files[CONFIG_FILE])
        kind = _Tuned if isinstance(content, dict) and "peft_type" in content else _AsItIs
        saved = kind.model_validate(content)
    except ValueError as error:  # not JSON, or pydantic's
        raise AdapterError(f"{CONFIG_FILE}: expected the settings of an adapter as JSON: {error}") from error
    tuned = saved.gsam_edge.config.lora is not None
    if not tuned == isinstance(saved, _Tuned) == (WEIGHTS_FILE in files):
        raise AdapterError(
            f"adapter: expected {WEIGHTS_FILE} (a pickle such as adapter_model.bin is never read) and the settings of "
            f"peft for a tuned teacher alone, got {sorted(files)}"
        )
    return saved


def _matrices(files: Mapping[str, bytes], config: AdapterConfig) -> dict[str, Tensor]:
    """Returns the file's tensors by their names in an adapter, each one sound for itself."""
    from safetensors import SafetensorError
    from safetensors.torch import load

    content = files[WEIGHTS_FILE]
    try:
        stored = load(content)
        require_intact(content)
    except DamagedTensorsError as error:
        raise AdapterError(f"{WEIGHTS_FILE}: {error}") from error
    except (SafetensorError, KeyError) as error:  # KeyError: of a type of number that PyTorch lacks
        raise AdapterError(f"{WEIGHTS_FILE}: expected a safetensors file, got {len(content)} bytes: {error}") from error
    tensors = {}
    for name, tensor in stored.items():
        found = _MATRIX.fullmatch(name)
        if found is None:
            raise AdapterError(f"{WEIGHTS_FILE}: expected matrices of LoRA alone, got {name!r}")
        rank = tensor.shape[found["matrix"] == "lora_B"] if tensor.ndim in (2, 4) else None
        if config.lora is None or tensor.dtype != torch.float32 or rank != config.lora.r:
            raise AdapterError(
                f"{WEIGHTS_FILE}: expected float32 matrices of rank {config.lora and config.lora.r}, got {name!r} of "
                f"{tensor.dtype} {tuple(tensor.shape)}"
            )
        if not bool(torch.isfinite(tensor).all()):
            raise AdapterError(f"{WEIGHTS_FILE}: expected finite numbers, got NaN or infinity in {name!r}")
        tensors[f"{found['layer']}.{found['matrix']}"] = tensor
    halves = [{name.rpartition(".")[0] for name in tensors if name.endswith(matrix)} for matrix in ("_A", "_B")]
    if not tensors or halves[0] != halves[1]:
        raise AdapterError(
            f"{WEIGHTS_FILE}: expected lora_A and lora_B of each layer, got one alone of "
            f"{sorted(halves[0] ^ halves[1])[:5]}, of {len(tensors)} matrices"
        )
    return tensors


def _file_name(name: str) -> str:
    return f"{_WRAPPED}{name}.weight"
