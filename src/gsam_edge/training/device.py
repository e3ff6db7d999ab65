"""Choice of the device that models run on."""

import os
from typing import TYPE_CHECKING, Literal

from gsam_edge.training.errors import SettingError

if TYPE_CHECKING:
    import torch

DeviceName = Literal["cpu", "cuda", "auto"]


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
