"""A model under training, with its optimiser: gradients, steps, and the state to continue from."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor, nn

from gsam_edge.training.config import LoopConfig
from gsam_edge.training.errors import TrainingError
from gsam_edge.training.loop.precision import Precision, check_gradients, check_loss
from gsam_edge.training.seed import derived_seed, seed_everything

Batch = TypeVar("Batch")
Model = TypeVar("Model", bound=nn.Module)

_BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm)


class Learner(Generic[Model]):
    """A model that is trained in place by AdamW.

    Attributes:
        trained: the parameters with `requires_grad`, by name.
    """

    def __init__(
        self, model: Model, config: LoopConfig, *, precision: Precision, device: torch.device, trainable_only: bool
    ) -> None:
        """Moves the model to the device; see `train` for the arguments.

        Raises:
            ValueError: if no parameter is trainable.
        """
        self.trained = {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}
        self._model, self._precision, self._trainable_only = model, precision, trainable_only
        self._largest_norm = config.gradient_clip
        self._optimizer = torch.optim.AdamW(_groups(list(self.trained.values()), config), lr=config.learning_rate)
        model.to(device)

    def set_rate(self, rate: float) -> None:
        """Sets the learning rate of the next step."""
        for group in self._optimizer.param_groups:
            group["lr"] = rate

    def backward(
        self,
        batches: Callable[[int], Batch],
        step_loss: Callable[[Model, Batch], Mapping[str, Tensor]],
        numbers: Sequence[int],
        *,
        seed: int,
    ) -> dict[str, float]:
        """Leaves the gradients of the mean loss of the batches with these numbers.

        Returns:
            The mean of each loss, and of their sum as `train_loss`.

        Raises:
            TrainingError: if a loss is NaN or infinite, or `step_loss` raises one.
        """
        set_training(self._model, keep_statistics=self._trainable_only)
        sums: dict[str, Tensor] = {}
        for number in numbers:
            seed_everything(derived_seed(seed, number))
            with self._precision.autocast():
                losses = step_loss(self._model, batches(number))
            total = torch.stack(list(losses.values())).sum()
            check_loss(losses, total)
            torch.autograd.backward(self._precision.scaler.scale(total / len(numbers)))
            for part, value in {"train_loss": total, **losses}.items():
                sums[part] = value.detach() + sums.get(part, 0)
        return {part: value.item() / len(numbers) for part, value in sums.items()}

    def step(self) -> None:
        """Clips the gradients by their true length, takes the step, unless fp16 overflowed, and clears the gradients.

        Raises:
            TrainingError: if a gradient is NaN or infinite, see `check_gradients`.
        """
        scaler = self._precision.scaler
        scaler.unscale_(self._optimizer)
        norm = nn.utils.get_total_norm([p.grad for p in self.trained.values() if p.grad is not None])
        check_gradients(self.trained, norm, scaler)
        nn.utils.clip_grads_with_norm_(self.trained.values(), self._largest_norm, norm)
        scaler.step(self._optimizer)
        scaler.update()
        self._optimizer.zero_grad()

    def state(self) -> dict[str, Any]:
        """Returns weights, moments and scale of the loss for a checkpoint."""
        scaler = self._precision.scaler.state_dict()
        return {"model": self.weights(), "optimizer": self._optimizer.state_dict(), "scaler": scaler}

    def load(self, state: Mapping[str, Any]) -> None:
        """Continues from a state; one that was written without a scale (on the CPU) begins with the first scale."""
        self.load_weights(state["model"])
        self._optimizer.load_state_dict(state["optimizer"])
        if state["scaler"]:
            self._precision.scaler.load_state_dict(state["scaler"])

    def load_weights(self, weights: Mapping[str, Tensor]) -> None:
        """Sets weights as `weights` returned them.

        Raises:
            TrainingError: if they are those of another model.
        """
        expected = set(self.trained if self._trainable_only else self._model.state_dict())
        if other := sorted(expected ^ weights.keys()):
            raise TrainingError(
                f"expected a checkpoint with the {len(expected)} weights that are trained, got {len(weights)}; "
                f"{len(other)} are in one of them alone, such as {other[0]}; delete the checkpoint to begin anew"
            )
        self._model.load_state_dict(weights, strict=False)

    def weights(self) -> dict[str, Tensor]:
        """Copies weights to the CPU: all of them (with buffers) or only the trained ones."""
        named = self.trained if self._trainable_only else self._model.state_dict()
        return {name: tensor.detach().to("cpu", copy=True) for name, tensor in named.items()}


def set_training(model: nn.Module, *, keep_statistics: bool) -> None:
    """Sets a model to training; if its statistics are kept, batch normalisation computes by them and leaves them."""
    model.train()
    if keep_statistics:
        for module in model.modules():
            if isinstance(module, _BATCH_NORMS):
                module.eval()


def _groups(trained: Sequence[nn.Parameter], config: LoopConfig) -> list[dict[str, Any]]:
    """Groups the trained parameters: matrices with weight decay; biases, norms and scales without."""
    if not trained:
        raise ValueError("training: expected at least one parameter with requires_grad, got none")
    return [
        {"params": [p for p in trained if p.ndim > 1], "weight_decay": config.weight_decay},
        {"params": [p for p in trained if p.ndim <= 1], "weight_decay": 0.0},
    ]
