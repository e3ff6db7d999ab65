"""The training loop of all models that Ultralytics does not train."""

import logging
import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeVar

import torch
from accelerate import Accelerator
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch import Tensor, nn

from gsam_edge.training.config import LoopConfig
from gsam_edge.training.errors import TrainingError
from gsam_edge.training.run import Run
from gsam_edge.training.seed import derived_seed, seed_everything

logger = logging.getLogger(__name__)

Batch = TypeVar("Batch")
Model = TypeVar("Model", bound=nn.Module)
State = dict[str, Tensor]

_AUTOCAST = {"bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass(frozen=True)
class TrainResult:
    """Result of a training run; the model itself has the best weights.

    Attributes:
        steps: optimiser steps taken, fewer than configured where it stopped early.
        best_step: the step whose weights the model now has.
        best_value: the validation value of those weights, None without validation.
        seconds: wall-clock time of this process's part of the run.
    """

    steps: int
    best_step: int
    best_value: float | None
    seconds: float


def train(
    model: Model,
    batches: Callable[[int], Batch],
    step_loss: Callable[[Model, Batch], Mapping[str, Tensor]],
    config: LoopConfig,
    *,
    name: str,
    run: Run,
    validate: Callable[[Model], float] | None = None,
    trainable_only: bool = False,
) -> TrainResult:
    """Trains a model in place (AdamW, one-cycle rate, clipped gradients) and keeps the best weights by validation.

    Of equally good weights the later ones are kept: where validation never rises above zero, there is no reason to
    prefer the first.

    Step s uses `batches(s)` and seeds its random draws (dropout) with (seed, s) alone, so that a run continued from a
    checkpoint ends in the same weights as one that was never interrupted.

    Args:
        model: its parameters with `requires_grad` are trained; left on `run.device`, in evaluation mode.
        batches: the batch of a step 0..steps-1, the same for the same step, with its tensors on `run.device`.
        step_loss: named scalar losses, already weighted; their sum is minimised, each is logged.
        config: the schedule.
        name: what is trained, for the progress bar and the metrics `<name>/train_loss`, `<name>/val_score`.
        run: its log receives the metrics.
        validate: higher is better, e.g. AP50 or a negative loss; without it the last weights are the best.
        trainable_only: keep only trainable parameters in checkpoints (an adapter on a large frozen model).

    Raises:
        TrainingError: if a loss is NaN or infinite, or `step_loss` raises one.
        ValueError: if no parameter is trainable.
    """
    started = time.monotonic()
    precision = _precision(name, config, run.device)
    autocast = torch.autocast(run.device.type, _AUTOCAST.get(precision), enabled=precision in _AUTOCAST)
    scaler = _scaler(precision, run.device)
    optimizer = torch.optim.AdamW(_parameter_groups(model, config), lr=config.learning_rate)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, config.learning_rate, total_steps=config.steps + 1, pct_start=config.warmup_fraction
    )
    model.to(run.device)
    # With fp16, the loss scale changes during training and is part of the state, like the optimiser's moments.
    schedule: dict[str, Any] = {"optimizer": optimizer, "scheduler": scheduler}
    schedule |= {"scaler": scaler} if scaler.is_enabled() else {}
    step, best = _resume(run.checkpoints.load(), model, schedule)
    if step:
        logger.info("%s: continues after step %d of %d, where an earlier run stopped", name, step, config.steps)

    with _prepared(optimizer) as (accelerator, prepared), _progress() as progress:
        task = progress.add_task(name, total=config.steps, completed=step, note="")
        while step < config.steps and not _out_of_patience(best, config):
            seed_everything(derived_seed(run.seed, step))
            model.train()
            with autocast, _named(name, step):
                losses = step_loss(model, batches(step))
            total = torch.stack(list(losses.values())).sum()
            _check_finite(name, step, total, losses)
            accelerator.backward(scaler.scale(total))
            scaler.unscale_(prepared)
            accelerator.clip_grad_norm_(model.parameters(), config.gradient_clip)
            scaler.step(prepared)
            scaler.update()
            scheduler.step()
            prepared.zero_grad()
            step += 1

            run.log(f"{name}/train_loss", total.item(), step)
            for part, value in losses.items():
                run.log(f"{name}/{part}", value.item(), step)
            progress.update(task, completed=step, note=f"loss {total.item():.3f}")
            if validate and (step % config.validate_every == 0 or step == config.steps):
                best = _validated(best, validate, model, step, trainable_only)
                run.log(f"{name}/val_score", best["last"], step)
                logger.info("%s: step %d of %d, validation %.4g", name, step, config.steps, best["last"])
            if step % config.checkpoint_every == 0 and step < config.steps:
                state = {name: part.state_dict() for name, part in schedule.items()}
                run.checkpoints.save({"step": step, "model": _weights(model, trainable_only), "best": best, **state})

    if best["state"]:
        model.load_state_dict(best["state"], strict=False)
    model.eval()
    taken = best["step"] if validate else step
    return TrainResult(step, taken, best["value"] if validate else None, time.monotonic() - started)


@cache
def _accelerator() -> Accelerator:
    """Returns the accelerator of this process.

    Accelerate keeps one device and one precision per process, but a pipeline trains several models in a row. So the
    loop moves tensors to the device, and each training has its own autocast and gradient scaler.
    """
    return Accelerator(mixed_precision="no", device_placement=False)


@contextmanager
def _prepared(optimizer: torch.optim.Optimizer) -> Iterator[tuple[Accelerator, torch.optim.Optimizer]]:
    """Prepares the optimiser with the accelerator and releases it at the end; otherwise the model would stay in memory.

    The model itself stays unwrapped, since losses reach into its parts.
    """
    accelerator = _accelerator()
    try:
        yield accelerator, accelerator.prepare(optimizer)
    finally:
        accelerator.free_memory()


def _precision(name: str, config: LoopConfig, device: torch.device) -> str:
    """Returns the precision for a device: the configured one, except that fp16 without CUDA is float32."""
    if config.precision == "fp16" and device.type != "cuda":
        logger.warning("%s: precision fp16 needs a CUDA device; on %s it trains in float32", name, device.type)
        return "no"
    return config.precision


def _scaler(precision: str, device: torch.device) -> torch.amp.GradScaler:
    """Returns a scaler that keeps small gradients from vanishing in fp16; in other precisions it is disabled."""
    return torch.amp.GradScaler(device.type, enabled=precision == "fp16")


def _parameter_groups(model: nn.Module, config: LoopConfig) -> list[dict[str, Any]]:
    """Groups the trainable parameters: matrices with weight decay; biases, norms and scales without."""
    trainable = [parameter for parameter in model.parameters() if parameter.requires_grad]
    if not trainable:
        raise ValueError("training: expected at least one parameter with requires_grad, got none")
    return [
        {"params": [p for p in trainable if p.ndim > 1], "weight_decay": config.weight_decay},
        {"params": [p for p in trainable if p.ndim <= 1], "weight_decay": 0.0},
    ]


def _weights(model: nn.Module, trainable_only: bool) -> State:
    """Copies weights to the CPU: all of them (with buffers) or only the trainable ones."""
    named = {key: p for key, p in model.named_parameters() if p.requires_grad} if trainable_only else model.state_dict()
    return {key: tensor.detach().to("cpu", copy=True) for key, tensor in named.items()}


def _resume(state: dict[str, Any] | None, model: nn.Module, schedule: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:
    if state is None:
        return 0, {"value": -math.inf, "last": -math.inf, "step": 0, "stale": 0, "state": {}}
    model.load_state_dict(state["model"], strict=False)
    for name, part in schedule.items():
        part.load_state_dict(state[name])
    return state["step"], state["best"]


def _validated(
    best: dict[str, Any], validate: Callable[[Model], float], model: Model, step: int, trainable_only: bool
) -> dict[str, Any]:
    model.eval()
    with torch.no_grad():
        value = validate(model)
    if value >= best["value"]:
        stale = 0 if value > best["value"] else best["stale"] + 1
        return {"value": value, "last": value, "step": step, "stale": stale, "state": _weights(model, trainable_only)}
    return {**best, "last": value, "stale": best["stale"] + 1}


def _out_of_patience(best: dict[str, Any], config: LoopConfig) -> bool:
    return 0 < config.patience <= best["stale"]


@contextmanager
def _named(name: str, step: int) -> Iterator[None]:
    """Adds name and step to the message of a training error."""
    try:
        yield
    except TrainingError as error:
        raise TrainingError(f"{name}: step {step}: {error}") from error


def _check_finite(name: str, step: int, total: Tensor, losses: Mapping[str, Tensor]) -> None:
    if not torch.isfinite(total):
        parts = ", ".join(f"{part}={value.item():g}" for part, value in losses.items())
        raise TrainingError(f"{name}: expected a finite loss at step {step}, got {parts}; try a lower learning rate")


def _progress() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
    )
