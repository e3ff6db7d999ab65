"""What a student's loss says each channel is worth."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from gsam_edge.students.ultralytics.pruning.channels import Channels
from gsam_edge.students.ultralytics.training.task import TrainingTask
from gsam_edge.students.ultralytics.training.trainer import MemoryTraining


def mean_importance(task: TrainingTask, options: dict[str, Any], channels: Channels) -> NDArray[np.float64]:
    """Returns the importance of each channel by number, the mean over the batches of a training that learns nothing.

    Args:
        task: network, images, labels and losses, as a training gets them; its steps are the batches.
        options: Ultralytics', of the task.
        channels: of its network.
    """
    listening = _Listening(task, options, channels)
    listening.train()
    return listening.importance / task.config.steps


def batch_importance(network: nn.Module, channels: Channels) -> NDArray[np.float64]:
    """Returns the importance of each channel by number, from the gradients of one batch.

    It is the square of the change of the loss, to the first order, if all that makes the channel were 0 (Molchanov et
    al. 2019, arXiv:1906.10771, equation 8, with a gate on each channel).
    """
    parameters: Mapping[str, Tensor] = dict(network.named_parameters())
    change = np.zeros(channels.count)
    for axis in channels.making:
        parameter = parameters[axis.tensor]
        if parameter.grad is not None:
            others = [dimension for dimension in range(parameter.dim()) if dimension != axis.dimension]
            products = (parameter.detach() * parameter.grad).double()
            of_slices = products.sum(others) if others else products
            change += np.bincount(channels.axes[axis], of_slices.cpu().numpy(), minlength=len(change))
    return change**2


class _Listening(MemoryTraining):
    """A training that computes gradients and changes no weight."""

    def __init__(self, task: TrainingTask, options: dict[str, Any], channels: Channels) -> None:
        super().__init__(task, options)
        self._channels = channels
        self.importance = np.zeros(channels.count)

    def optimizer_step(self) -> None:
        """Adds up the importance instead of a step."""
        self.importance += batch_importance(self.model, self._channels)
        self.optimizer.zero_grad()
        self._step += 1
