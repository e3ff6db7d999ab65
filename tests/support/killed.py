"""A training that kills its own process, as the machine would."""

import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from gsam_edge.training.checkpoints import FolderCheckpoints
from gsam_edge.training.config import LoopConfig, ScalerConfig
from gsam_edge.training.loop import precision, train
from support.loops import loop_config
from support.runs import a_run

CONFIG = loop_config(
    LoopConfig,
    epochs=14,
    learning_rate=0.05,
    weight_decay=0.01,
    warmup_epochs=2,
    accumulate=2,
    scaler=ScalerConfig(init_scale=4.0, growth_interval=2),
    monitor="error",
    mode="min",
    min_delta=0.001,
    patience=4,
    checkpoint_every=3,
)


def network() -> nn.Module:
    """Returns a net with random draws and with statistics of its own."""
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 8), nn.Dropout(0.5), nn.BatchNorm1d(8), nn.Linear(8, 1))


def batch(number: int) -> tuple[Tensor, Tensor]:
    """Returns inputs [8, 3] and their sums [8, 1]."""
    x = torch.randn(8, 3, generator=torch.Generator().manual_seed(number))
    return x, x.sum(1, keepdim=True)


def squares(model: nn.Module, of: tuple[Tensor, Tensor]) -> dict[str, Tensor]:
    """Returns the mean squared error."""
    return {"squares": (model(of[0]) - of[1]).square().mean()}


def work(folder: Path, moment: str) -> None:
    """Trains with checkpoints in the folder, and writes what came out beside them, unless killed at a moment.

    Args:
        folder: of the state, and of `result.pt`, which a killed run does not write.
        moment: "step", "checkpoint", "validation" or "never".
    """
    # As with fp16 on a GPU: the scale of the loss grows every other step.
    precision._scaler = lambda config, device, *, enabled: torch.amp.GradScaler(  # type: ignore[assignment]
        device.type, **config.scaler.model_dump()
    )
    seen: list[int] = []
    values: list[float] = []
    save = torch.save

    def batches(number: int) -> tuple[Tensor, Tensor]:
        seen.append(number)
        if moment == "step" and number == 9:  # the second batch of step 4: half of its gradients are there
            os.kill(os.getpid(), signal.SIGKILL)
        return batch(number)

    def validate(model: nn.Module) -> Mapping[str, float]:
        if moment == "validation" and seen[-1] >= 19:
            os.kill(os.getpid(), signal.SIGKILL)
        error = squares(model, batch(1000))["squares"].item()
        values.append(error)
        return {"error": error, "steps": float(len(values))}

    def half_saved(state: dict[str, Any], file: Any) -> None:
        save(state, file)
        file.flush()
        file.truncate(file.tell() // 2)
        os.kill(os.getpid(), signal.SIGKILL)

    if moment == "checkpoint":
        count = iter(range(100))
        torch.save = lambda state, file: half_saved(state, file) if next(count) == 1 else save(state, file)
    model, store = network(), FolderCheckpoints(folder / "state", keep=2)
    result = train(
        model,
        batches,
        squares,
        CONFIG,
        name="net",
        run=a_run(checkpoints=store, seed=5),
        epoch_images=16,
        batch_size=8,
        validate=validate,
    )
    torch.save = save
    outcome = {"steps": result.steps, "best_step": result.best_step, "best_value": result.best_value}
    torch.save({**outcome, "seen": seen, "weights": model.state_dict(), "state": store.load()}, folder / "result.pt")


if __name__ == "__main__":
    work(Path(sys.argv[1]), sys.argv[2])
