"""Ultralytics' trainer on data in memory, without files."""

import logging
from collections import defaultdict
from collections.abc import Mapping
from functools import partial
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor

from gsam_edge.students.ultralytics.dataset import MemoryDataset
from gsam_edge.students.ultralytics.end_to_end import EndToEndLoss, own_loss
from gsam_edge.students.ultralytics.imports import DetectionTrainer, InfiniteDataLoader, seed_worker
from gsam_edge.students.ultralytics.plain.losses import PlainLosses, without_projector
from gsam_edge.students.ultralytics.training.loss import DetectionLoss, SegmentationLoss
from gsam_edge.students.ultralytics.training.pools import PooledLoss
from gsam_edge.students.ultralytics.training.precision import computed_in, lay_out
from gsam_edge.students.ultralytics.training.sampling import PoolSampler
from gsam_edge.students.ultralytics.training.schedule import average_decay, learning_rate_share
from gsam_edge.students.ultralytics.training.task import TrainingTask
from gsam_edge.students.weights import full_precision
from gsam_edge.training.device import PRECISION_TITLES, resolve_precision
from gsam_edge.training.errors import TrainingError
from gsam_edge.training.seed import derived_seed, seed_everything

logger = logging.getLogger(__name__)


class MemoryTraining(DetectionTrainer):  # type: ignore[misc]
    """Ultralytics' trainer of boxes and, by its task, masks, with our data, validation, checkpoints and logs.

    Its name lacks "Trainer" on purpose: Ultralytics adds its integrations to classes with that word in their name.
    Its epoch is the `validate_every` steps between two validations, whatever the number of images. Each is seeded with
    (seed, epoch) alone, so that a resumed run ends in the same weights.
    """

    best_fitness: float | None

    def __init__(self, task: TrainingTask, options: dict[str, Any]) -> None:
        """Prepares Ultralytics' trainer with its options; `save_dir` is a temporary folder."""
        self._task = task
        self._pseudo = {task.labels.records[index]["im_file"] for index in task.labels.pseudo}
        self._is_built = False
        self._step = 0
        self._items: dict[str, list[Tensor]] = {}
        self.best: dict[str, Tensor] = {}
        self.history: list[dict[str, float]] = []
        super().__init__(overrides=options)
        self.best = {}  # Ultralytics keeps a path here
        self.callbacks = defaultdict(list)  # none of its integrations
        self.callbacks["on_train_start"] = [MemoryTraining._start_training]
        self.callbacks["on_train_epoch_start"] = [MemoryTraining._start_epoch]

    def get_dataset(self) -> dict[str, Any]:
        """Returns the class names, without a dataset file."""
        names = dict(enumerate(self._task.class_names))
        return {"train": "memory", "val": "memory", "names": names, "nc": len(names), "channels": 3}

    def setup_model(self) -> None:
        """Sets the task's network as the model."""
        self.model = self._task.network
        self.precision = resolve_precision(self._task.config.precision, self.device)
        lay_out(self.model, self.device)

    def build_optimizer(self, *args: Any, **options: Any) -> torch.optim.Optimizer:
        """Builds Ultralytics' optimiser; AdamW's step in one pass over all weights, which Ultralytics asks of GPUs."""
        optimizer: torch.optim.Optimizer = super().build_optimizer(*args, **options)
        for group in optimizer.param_groups:
            if isinstance(optimizer, torch.optim.AdamW):
                group["fused"] = True
        return optimizer

    def get_dataloader(self, dataset_path: str, batch_size: int = 16, rank: int = 0, mode: str = "train") -> Any:
        """Returns a loader of the training's steps in any mode, since our validation needs no second loader."""
        if mode != "train":
            return self.train_loader
        dataset = MemoryDataset(
            self._task.labels,
            self._task.images,
            augmentation=self._task.augmentation,
            rare_below=self._task.config.rare_below,
            cache_megabytes=self._task.config.cache_megabytes,
            names=self.data["names"],
            imgsz=self.args.imgsz,
            batch_size=batch_size,
            augment=True,
            hyp=self.args,
            stride=self.stride,
            task=self.args.task,
        )
        if self.args.workers:
            dataset.fill_cache()  # once, for all workers of all epochs: each is forked from this process
        pseudo = self._task.labels.pseudo
        truth = [index for index in range(len(dataset)) if index not in pseudo]
        task = self._task
        sampler = PoolSampler(truth, sorted(pseudo), task.config, seed=task.seed, plain_share=task.plain_share)
        return InfiniteDataLoader(
            dataset,
            batch_size=batch_size,  # and every batch is full: batch normalisation cannot take one image
            sampler=sampler,
            num_workers=self.args.workers,
            collate_fn=dataset.collate_fn,
            worker_init_fn=seed_worker,
            generator=torch.Generator(),
        )

    def train(self) -> None:
        """Trains with the configured batch size, or raises an error.

        Raises:
            TrainingError: if a batch does not fit into memory, or a loss or weight is not finite.
        """
        try:
            super().train()
        except torch.OutOfMemoryError as error:
            raise self._batch_too_large() from error

    def _build_train_pipeline(self) -> None:
        """Builds the loaders; fails on the second call, by which Ultralytics would silently halve the batch."""
        if self._is_built:
            raise self._batch_too_large()
        self._is_built = True
        super()._build_train_pipeline()

    def _batch_too_large(self) -> TrainingError:
        return TrainingError(
            f"student: batch_size {self._task.config.batch_size} at {self._task.image_size} pixels does not fit into "
            f"the memory of {self.device}; lower distillation.training.batch_size or student.image_size"
        )

    def preprocess_batch(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Replaces each object's row in `cls` by its class; adds its weights, and which images have pseudo-labels."""
        batch = super().preprocess_batch(batch)
        table = self._task.labels.table
        rows = batch["cls"].flatten().long().cpu()
        batch["row"] = rows.to(self.device)
        batch["cls"] = table.class_ids[rows, None].float().to(self.device)
        for name in ("has_mask", "class_weight", "box_weight", "mask_weight", "ignored"):
            batch[name] = getattr(table, name)[rows].to(self.device)
        batch["pseudo"] = torch.tensor([name in self._pseudo for name in batch["im_file"]])  # read on the CPU only
        return batch

    def get_validator(self) -> Any:
        """Returns an empty list of metric names, all that Ultralytics reads."""
        return SimpleNamespace(metrics=SimpleNamespace(keys=[]))

    def validate(self) -> tuple[dict[str, float], float | None]:
        """Validates the averaged weights (EMA) with the task."""
        self._check_finite()
        state = without_projector(full_precision(self.ema.ema.state_dict()))
        if self._task.validate is None:
            self.best = state
            return {}, None
        result = self._task.validate(state)
        figures = ", ".join(f"{name} {value:.4g}" for name, value in result.metrics.items())
        logger.info("student: step %d of %d, validation %s", self._step, self._task.config.steps, figures)
        if self.best_fitness is None or result.fitness > self.best_fitness:
            self.best_fitness, self.best = result.fitness, state
        return {f"val_{name}": value for name, value in result.metrics.items()}, result.fitness

    def save_metrics(self, metrics: Mapping[str, float]) -> None:
        """Appends the metrics since the last validation to the history and logs them.

        The mean of each loss is that of the steps that have it; Ultralytics' own forgets one that the last lack.
        """
        line = {
            name if name.startswith("pseudo_") else f"train_{name}": float(torch.stack(values).mean())
            for name, values in self._items.items()
        }
        line |= {name: float(value) for name, value in metrics.items() if "/" not in name}
        line["learning_rate"] = float(metrics["lr/pg0"])
        self.history.append({"step": float(self._step), **line})
        for name, value in line.items():
            self._task.log(f"student/{name}", value, self._step)

    def save_model(self) -> bool:
        """Saves the whole state in the task's checkpoint store."""
        self._task.checkpoints.save(
            {
                "epoch": self.epoch,
                "finished": bool(self.stop),
                "model": self.model.state_dict(),
                "ema": self.ema.ema.state_dict(),
                "updates": self.ema.updates,
                "optimizer": self.optimizer.state_dict(),
                "scaler": self.scaler.state_dict(),
                "stopper": (self.stopper.best_fitness, self.stopper.best_epoch),
                "best_fitness": self.best_fitness,
                "best": self.best,
                "history": self.history,
                "precision": self.precision,
            }
        )
        return True

    def resume_training(self, ckpt: Any) -> None:
        """Continues from the task's checkpoint, if there is one."""
        state = self._task.checkpoints.load()
        if state is None:
            return
        self.model.load_state_dict(state["model"])
        self.ema.ema.load_state_dict(state["ema"])
        self.ema.updates = state["updates"]
        self.optimizer.load_state_dict(state["optimizer"])
        self.scaler.load_state_dict(state["scaler"])
        self.stopper.best_fitness, self.stopper.best_epoch = state["stopper"]
        self.best_fitness, self.best, self.history = state["best_fitness"], state["best"], state["history"]
        self.start_epoch = state["epoch"] + 1
        if state["precision"] != self.precision:
            logger.warning(
                "student: was trained in %s so far and continues in %s, since it is on another machine",
                PRECISION_TITLES[state["precision"]],
                PRECISION_TITLES[self.precision],
            )
        done = self.start_epoch * self._task.config.validate_every
        logger.info(
            "student: continues after step %d of %d, where an earlier run stopped", done, self._task.config.steps
        )

    def final_eval(self) -> None:
        """Does nothing: the best weights were validated already."""

    def _handle_nan_recovery(self, epoch: int) -> bool:
        """Returns False, no silent retry: `validate` raises an error where training cannot continue."""
        return False

    def _check_finite(self) -> None:
        """Raises an error if a loss or weight is not finite."""
        weights = all(bool(p.isfinite().all()) for p in self.model.parameters())
        if not (weights and self.loss.isfinite()):
            parts = ", ".join(f"{name}={float(value):g}" for name, value in self.loss_items.items())
            raise TrainingError(
                f"student: expected finite losses and weights up to step {self._step}, got {parts}; "
                "try a lower learning rate"
            )

    def _start_training(self) -> None:
        config, sampler = self._task.config, self.train_loader.sampler
        self._own_loss = own_loss(self.model, SegmentationLoss if self.args.task == "segment" else DetectionLoss)
        pooled = PooledLoss(self._own_loss, self._task.pseudo_weight)
        maps, losses = self._task.maps, self._task.losses
        self.model.criterion = (
            pooled
            if maps is None
            else PlainLosses(pooled, self.model, losses, maps, lambda: self._step / self._task.config.steps)
        )
        # Not before: the average of the weights is a copy of the network, whose `predict` must be its own.
        self.model.predict = computed_in(self.model.predict, self.precision, self.device)
        self.ema.decay = partial(average_decay, decay=config.ema_decay)
        pools = ("images", "images whose labels no person gave")
        passes = ", ".join(
            f"{count:.1f} passes over {len(pool)} {name}"
            for name, pool, count in zip(pools, sampler.pools, sampler.passes(), strict=True)
            if pool
        )
        told = config.steps, config.batch_size, PRECISION_TITLES[self.precision], passes
        logger.info("student: %d steps of %d images, in %s: %s", *told)

    def _start_epoch(self) -> None:
        seed = derived_seed(self._task.seed, self.epoch)
        seed_everything(seed)
        if isinstance(self._own_loss, EndToEndLoss):
            self._own_loss.start_epoch(self.epoch)
        self.train_loader.generator.manual_seed(seed)
        self.train_loader.sampler.epoch = self.epoch
        self.train_loader.reset()
        self._step = self.epoch * self._task.config.validate_every
        self._items = defaultdict(list)

    def optimizer_step(self) -> None:
        """Does a step with the learning rate of its number, and keeps its losses."""
        share = learning_rate_share(self._step, self._task.config)
        for group in self.optimizer.param_groups:
            group["lr"] = group["initial_lr"] * share
        super().optimizer_step()
        self._step += 1
        for name, value in self.loss_items.items():
            self._items[name].append(value)
        self._task.on_step(self._step)
