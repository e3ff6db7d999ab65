"""The precision of a student's training: bfloat16 within the network alone."""

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any

import torch
from torch import Tensor, nn

from gsam_edge.training.device import Precision


def lay_out(network: nn.Module, device: torch.device) -> None:
    """Lays out a network's weights channels last where it is trained on a CPU, in place.

    oneDNN computes convolutions in that order: otherwise the inputs and outputs of each are copied into it and back
    (benchmarks/student_step.py). On CUDA, Ultralytics lays them out itself.
    """
    if device.type == "cpu":
        network.to(memory_format=torch.channels_last)


def computed_in(predict: Callable[..., Any], precision: Precision, device: torch.device) -> Callable[..., Any]:
    """Returns a network's `predict`, computed in a precision; what it returns, and so every loss, is float32.

    Args:
        predict: of an Ultralytics model.
        precision: "no" or "bf16".
        device: where it is trained.
    """
    if precision == "no":
        return predict

    @wraps(predict)
    def predict_in_bfloat16(*args: Any, **options: Any) -> Any:
        with torch.autocast(device.type, torch.bfloat16):
            outputs = predict(*args, **options)
        return _float32(outputs)

    return predict_in_bfloat16


def _float32(outputs: Any) -> Any:
    """Returns nested mappings and sequences of tensors as float32."""
    if isinstance(outputs, Tensor):
        return outputs.float()
    if isinstance(outputs, Mapping):
        return {name: _float32(value) for name, value in outputs.items()}
    return type(outputs)(_float32(value) for value in outputs)
