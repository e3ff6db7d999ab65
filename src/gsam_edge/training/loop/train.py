"""The loop: steps, validations and checkpoints."""

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch import Tensor

from gsam_edge.training.config import LoopConfig
from gsam_edge.training.errors import TrainingError
from gsam_edge.training.loop.best import Best, monitored
from gsam_edge.training.loop.learner import Batch, Learner, Model
from gsam_edge.training.loop.memory import fits_into_memory, what_to_lower
from gsam_edge.training.loop.precision import Precision
from gsam_edge.training.loop.processes import average_gradients, averaged, from_first, processes
from gsam_edge.training.loop.schedule import Schedule
from gsam_edge.training.metrics import MetricLogger, discard_metric
from gsam_edge.training.run import Run

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class TrainResult:
    """Result of a training run; the model itself has the best weights.

    Attributes:
        steps: optimiser steps taken, fewer than scheduled where it stopped early.
        images: images shown in these steps, each as often as it was shown.
        best_step: the step whose weights the model now has.
        best_value: the monitored metric of those weights, None without validation.
        seconds: wall-clock time of this process's part of the run.
    """

    steps: int
    images: int
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
    epoch_images: int,
    batch_size: int,
    validate: Callable[[Model], Mapping[str, float]] | None = None,
    trainable_only: bool = False,
) -> TrainResult:
    """Trains a model in place (AdamW, warm-up and cosine, clipped gradients) and keeps the best weights by validation.

    The learning rate follows from the number of the step, and the random draws of a batch (dropout) from the seed and
    the number of the batch. So a run that was killed continues from weights, moments and loss scale alone, and ends in
    the same weights as one that was never interrupted; and two processes, which take turns with the batches, compute
    what one process does that accumulates over two.

    Started by `accelerate launch`, each process trains on its own batches with the mean of all gradients. The first
    one alone logs, shows the progress and writes checkpoints.

    Args:
        model: its parameters with `requires_grad` are trained; the same in all processes. Left on `run.device`, in
            evaluation mode.
        batches: batch number 0, 1, 2, ... of the run, the same for the same number, with its tensors on `run.device`.
        step_loss: named scalar losses of a batch, already weighted; their sum is minimised, each is logged.
        config: the schedule.
        name: what is trained, for the progress bar and the metrics `<name>/train_loss`, `<name>/<loss>` (means over
            all batches of the step) and `<name>/learning_rate` in each step, and `<name>/val_<metric>`.
        run: its log receives the metrics.
        epoch_images: images of an epoch: those of the training set, or a number where they are drawn without end.
        batch_size: images of a batch.
        validate: metrics by name; `config.monitor` is the one that chooses the weights. Without it the last are best.
        trainable_only: the tuning of a model that otherwise stays as it is: only trainable parameters are kept in
            checkpoints, and batch normalisation keeps its statistics.

    Raises:
        TrainingError: if a loss or gradient is NaN or infinite, memory is short, or the checkpoint is of a run in
            another number of processes or another model; also what `step_loss` raises as one.
        SettingError: if the validation has no metric `config.monitor`.
        ValueError: if no parameter is trainable.
    """
    started = time.monotonic()
    team = processes(run.device.type)
    step_batches = config.accumulate * team.num_processes
    schedule = Schedule.of(config, images=epoch_images, step_images=batch_size * step_batches)
    precision = Precision.of(config, run.device, name)
    learner = Learner(model, config, precision=precision, device=run.device, trainable_only=trainable_only)
    log = run.log if team.is_main_process else discard_metric
    state = from_first(run.checkpoints.load() if team.is_main_process else None)
    step, best = _resume(state, learner, schedule, name)

    with _progress(name, schedule.steps, step, hidden=not team.is_main_process) as show:
        while step < schedule.steps and not best.waited_enough(config):
            rate = schedule.rate(step)
            learner.set_rate(rate)
            numbers = range(step * step_batches + team.process_index, (step + 1) * step_batches, team.num_processes)
            with _told(f"{name}: step {step}"), fits_into_memory(what_to_lower(batch_size, config), run.device):
                losses = averaged(learner.backward(batches, step_loss, numbers, seed=run.seed), team)
                average_gradients(learner.trained.values(), team)
                learner.step()
            step += 1
            _log(log, name, {**losses, "learning_rate": rate}, step)
            show(step, losses["train_loss"], rate, schedule.step_images)
            if validate and schedule.validates_after(step):
                where = f"{name}: validation after {schedule.told(step)}"
                metrics = from_first(_validation(model, validate, where, run.device))
                best = best.after(monitored(metrics, config.monitor, name), step, learner.weights(), config)
                _log(log, name, {f"val_{metric}": value for metric, value in metrics.items()}, step)
            ends = step == schedule.steps or best.waited_enough(config)
            if team.is_main_process and (ends or step % config.checkpoint_every == 0):
                place = {"step": step, "epoch": schedule.epochs_after(step), "step_images": schedule.step_images}
                run.checkpoints.save({**place, **learner.state(), "best": best.state()})

    if best.weights:
        learner.load_weights(best.weights)
    model.eval()
    taken, value = (best.step, best.value) if validate else (step, None)
    return TrainResult(step, step * schedule.step_images, taken, value, time.monotonic() - started)


def _resume(state: dict[str, Any] | None, learner: Learner[Any], schedule: Schedule, name: str) -> tuple[int, Best]:
    """Returns the step to continue with, and the best weights so far, which each checkpoint holds."""
    if state is None:
        return 0, Best()
    if state["step_images"] != schedule.step_images:
        raise TrainingError(
            f"{name}: expected to continue with {schedule.step_images} images a step, got a checkpoint of a run with "
            f"{state['step_images']}; start as many processes as before, or delete the checkpoint to begin anew"
        )
    with _told(name):
        learner.load(state)
    logger.info("%s: continues after %s, where an earlier run stopped", name, schedule.told(state["step"]))
    return state["step"], Best(**state["best"])


def _validation(
    model: Model, validate: Callable[[Model], Mapping[str, float]], where: str, device: torch.device
) -> dict[str, float]:
    smaller = "To mend it, validate fewer images at once, where the model has a batch size for that, or smaller ones"
    model.eval()
    with torch.no_grad(), _told(where), fits_into_memory(smaller, device):
        metrics = dict(validate(model))
    logger.info("%s: %s", where, ", ".join(f"{metric} {value:.4g}" for metric, value in metrics.items()))
    return metrics


def _log(log: MetricLogger, prefix: str, values: Mapping[str, float], step: int) -> None:
    for name, value in values.items():
        log(f"{prefix}/{name}", value, step)


@contextmanager
def _told(where: str) -> Iterator[None]:
    """Adds the place to the message of a training error."""
    try:
        yield
    except TrainingError as error:
        raise TrainingError(f"{where}: {error}") from error


@contextmanager
def _progress(name: str, steps: int, done: int, *, hidden: bool) -> Iterator[Callable[[int, float, float, int], None]]:
    """Shows a bar; yields the function that moves it: steps done, loss, learning rate, images of a step."""
    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[note]}"), TimeRemainingColumn())
    with Progress(TextColumn("{task.description}"), *columns, disable=hidden) as progress:
        task = progress.add_task(name, total=steps, completed=done, note="")

        def show(step: int, loss: float, rate: float, images: int) -> None:
            speed = (progress.tasks[task].speed or 0) * images
            note = f"loss {loss:.3f}  lr {rate:.1e}  {speed:.1f} images/s"
            progress.update(task, completed=step, note=note)

        yield show
