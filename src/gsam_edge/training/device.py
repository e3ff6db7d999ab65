"""Choice of the device that models run on, and of the precision that they are trained in."""

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal, TypeAlias

from gsam_edge.training.errors import SettingError

if TYPE_CHECKING:
    import torch

DeviceName = Literal["cpu", "cuda", "auto"]
#: "no" is float32.
Precision: TypeAlias = Literal["no", "bf16", "fp16"]
#: "auto" is bf16 where the device computes it itself, and float32 elsewhere.
PrecisionName: TypeAlias = Literal["auto", "no", "bf16", "fp16"]
#: What reports and logs call them.
PRECISION_TITLES: Mapping[Precision, str] = {"no": "float32", "bf16": "bfloat16", "fp16": "float16"}


def resolve_device(name: DeviceName) -> "torch.device":
    """Returns the device for a configured name, decided once per run.

    Args:
        name: "cpu", "cuda", or "auto" for CUDA where a device is available and the CPU otherwise.

    Raises:
        SettingError: for another name, or for "cuda" where PyTorch finds no CUDA device.
    """
    if name not in ("cpu", "cuda", "auto"):
        raise SettingError(f"device: expected 'cpu', 'cuda' or 'auto', got {name!r}")
    import torch

    available = torch.cuda.is_available()
    if name == "cuda" and not available:
        raise SettingError(
            "device: expected a CUDA device because the parameters ask for 'cuda', but PyTorch finds none; set device "
            "to auto or cpu"
        )
    if not available or name == "cpu":
        return torch.device("cpu")
    # Of several processes on one machine (`accelerate launch`) each has a GPU of its own.
    local = os.environ.get("LOCAL_RANK")
    return torch.device("cuda") if local is None else torch.device("cuda", int(local))


def resolve_precision(name: PrecisionName, device: "torch.device") -> Precision:
    """Returns the precision that a configured name means on a device.

    Args:
        name: "auto" for bf16 where the device has instructions for it and float32 elsewhere; others are themselves.
        device: where the training runs.
    """
    if name != "auto":
        return name
    return "bf16" if _computes_bfloat16(device) else "no"


def _computes_bfloat16(device: "torch.device") -> bool:
    """Returns whether a device has instructions for bfloat16, so that it is faster than float32 and not emulated.

    Of CPUs those with AMX or AVX512_BF16 (torch.cpu.get_capabilities; PyTorch's documentation of autocast says that
    without them bfloat16 is the slower). AVX2's own bfloat16 does not count: oneDNN has no backward pass for it
    (pytorch issue 148861); nor does ARM's, which nobody has measured here.
    """
    import torch

    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    capabilities = torch.cpu.get_capabilities()
    return device.type == "cpu" and bool(capabilities.get("amx_bf16") or capabilities.get("avx512_bf16"))
