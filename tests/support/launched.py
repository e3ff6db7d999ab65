"""One of several processes that train together, as `accelerate launch` starts it; each writes what it ended with."""

import os
import sys
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from gsam_edge.training.checkpoints import FolderCheckpoints
from gsam_edge.training.config import LoopConfig
from gsam_edge.training.errors import TrainingError
from gsam_edge.training.loop import train
from support.loops import loop_config
from support.runs import a_run


class Net(nn.Module):
    """Draws at random; one layer is used by every second batch only, one by none."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.always, self.sometimes, self.never = nn.Linear(3, 8), nn.Linear(8, 8), nn.Linear(8, 8)
        self.last, self.dropout = nn.Linear(8, 1), nn.Dropout(0.5)

    def forward(self, x: Tensor, number: int) -> Tensor:
        hidden = self.dropout(self.always(x).tanh())
        return self.last(self.sometimes(hidden) if number % 2 else hidden)


def batch(number: int) -> tuple[Tensor, int]:
    """Returns inputs [8, 3] and the number."""
    return torch.randn(8, 3, generator=torch.Generator().manual_seed(number)), number


def squares(model: Net, of: tuple[Tensor, int]) -> dict[str, Tensor]:
    """Returns the mean squared error of the sums of the inputs."""
    return {"squares": (model(*of) - of[0].sum(1, keepdim=True)).square().mean()}


def trained(folder: Path, *, accumulate: int, refuse: int | None = None) -> dict[str, Any]:
    """Trains for twelve steps of sixteen images, with a checkpoint of each; returns weights and what was logged.

    Args:
        folder: of the checkpoints.
        accumulate: batches of a step in each process.
        refuse: number of the batch whose loss is an error.
    """
    logged: list[tuple[str, int, float]] = []
    seen: list[int] = []
    model = Net()
    config = loop_config(
        LoopConfig,
        epochs=6,
        learning_rate=0.05,
        weight_decay=0.1,
        accumulate=accumulate,
        monitor="score",
        patience=3,
        checkpoint_every=1,
    )

    def batches(number: int) -> tuple[Tensor, int]:
        if number == refuse:
            raise TrainingError("expected finite boxes, got 3 of 12 that are not")
        seen.append(number)
        return batch(number)

    result = train(
        model,
        batches,
        squares,
        config,
        name="net",
        run=a_run(
            log=lambda name, value, step: logged.append((name, step, value)),
            checkpoints=FolderCheckpoints(folder, keep=2),
        ),
        epoch_images=32,
        batch_size=8,
        # Each process has a score of its own: that of the first one must decide for all.
        validate=lambda _: {"score": float(max(seen) if os.environ.get("RANK", "0") == "0" else -max(seen))},
    )
    return {"weights": model.state_dict(), "logged": logged, "seen": seen, "best_step": result.best_step}


if __name__ == "__main__":
    out = Path(sys.argv[1])
    rank = os.environ["RANK"]
    refuse = int(sys.argv[2]) if len(sys.argv) > 2 else None
    torch.save(trained(out / f"state_{rank}", accumulate=1, refuse=refuse), out / f"{rank}.pt")
