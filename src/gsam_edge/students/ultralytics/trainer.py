"""Ultralytics' trainer on data in memory, without files."""

import logging
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor

from gsam_edge.students.ultralytics.architectures import ARCHITECTURES
from gsam_edge.students.ultralytics.dataset import MemoryDataset
from gsam_edge.students.ultralytics.imports import DetectionTrainer, InfiniteDataLoader, seed_worker
from gsam_edge.students.ultralytics.loss import DetectionLoss, SegmentationLoss
from gsam_edge.students.ultralytics.task import TrainingTask
from gsam_edge.students.weights import full_precision
from gsam_edge.training.errors import TrainingError
from gsam_edge.training.seed import derived_seed, seed_everything

logger = logging.getLogger(__name__)


class MemoryTraining(DetectionTrainer):  # type: ignore[misc]
    """Ultralytics' trainer of boxes and, by its task, masks, with our data, validation, checkpoints and logs.

    Its name lacks "Trainer" on purpose: Ultralytics adds its integrations to classes with that word in their name.
    Each epoch is seeded with (seed, epoch) alone, so that a resumed run ends in the same weights.
    """

    best_fitness: float | None

    def __init__(self, task: TrainingTask, options: dict[str, Any]) -> None:
        """Prepares Ultralytics' trainer with its options; `save_dir` is a temporary folder."""
        self._task = task
        self._is_built = False
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

    def get_dataloader(self, dataset_path: str, batch_size: int = 16, rank: int = 0, mode: str = "train") -> Any:
        """Returns a loader of shuffled training images in any mode, since our validation needs no second loader."""
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
        return InfiniteDataLoader(
            dataset,
            batch_size=min(batch_size, len(dataset)),
            shuffle=True,
            num_workers=self.args.workers,
            collate_fn=dataset.collate_fn,
            worker_init_fn=seed_worker,
            generator=torch.Generator(),
            # batch normalisation in training cannot take a last batch of one image
            drop_last=len(dataset) % batch_size == 1 and len(dataset) > batch_size,
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
        """Replaces each object's row number in `cls` by its class; adds whether it has a mask."""
        batch = super().preprocess_batch(batch)
        table = self._task.labels.table
        rows = batch["cls"].flatten().long().cpu()
        batch["cls"] = table.class_ids[rows, None].float().to(self.device)
        batch["has_mask"] = table.has_mask[rows].to(self.device)
        return batch

    def get_validator(self) -> Any:
        """Returns an empty list of metric names, all that Ultralytics reads."""
        return SimpleNamespace(metrics=SimpleNamespace(keys=[]))

    def validate(self) -> tuple[dict[str, float], float | None]:
        """Validates the averaged weights (EMA) with the task, in epochs that are to be validated."""
        done = self.epoch + 1
        due = done % self._task.config.validate_every == 0 or done >= self.epochs
        self._check_finite()
        if not due:
            return {}, None
        state = full_precision(self.ema.ema.state_dict())
        if self._task.validate is None:
            self.best = state
            return {}, None
        result = self._task.validate(state)
        figures = ", ".join(f"{name} {value:.4g}" for name, value in result.metrics.items())
        logger.info("student: epoch %d of %d, validation %s", done, self.epochs, figures)
        if self.best_fitness is None or result.fitness > self.best_fitness:
            self.best_fitness, self.best = result.fitness, state
        return {f"val_{name}": value for name, value in result.metrics.items()}, result.fitness

    def save_metrics(self, metrics: Mapping[str, float]) -> None:
        """Appends the epoch's metrics to the history and logs them."""
        named = {name.replace("train/", "train_").replace("lr/pg0", "learning_rate"): v for name, v in metrics.items()}
        line = {name: float(value) for name, value in named.items() if "/" not in name}
        self.history.append({"epoch": float(self.epoch + 1), **line})
        for name, value in line.items():
            self._task.log(f"student/{name}", value, self.epoch + 1)
        self._task.on_epoch(self.epoch + 1)

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
        logger.info(
            "student: continues after epoch %d of %d, where an earlier run stopped", self.start_epoch, self.epochs
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
                f"student: expected finite losses and weights in epoch {self.epoch + 1}, got {parts}; "
                "try a lower learning rate"
            )

    def _start_training(self) -> None:
        loss = SegmentationLoss if self.args.task == "segment" else DetectionLoss
        self.model.criterion = loss(self.model, self._task.losses)

    def _start_epoch(self) -> None:
        seed = derived_seed(self._task.seed, self.epoch)
        seed_everything(seed)
        self.train_loader.generator.manual_seed(seed)
        self.train_loader.reset()


def build_trainer(task: TrainingTask, architecture: str, device: torch.device, scratch: Path) -> MemoryTraining:
    """Builds Ultralytics' trainer for a task.

    Args:
        task: what to train.
        architecture: decides between detection and segmentation.
        device: where to train.
        scratch: a temporary folder; Ultralytics writes its arguments there.
    """
    masks = ARCHITECTURES[architecture].masks
    config = task.config
    options = {
        "task": "segment" if masks else "detect",
        "mode": "train",
        "model": "memory.yaml",
        "data": "memory",
        "epochs": config.epochs,
        "batch": config.batch_size,
        "nbs": config.batch_size,  # one optimiser step per batch
        "imgsz": task.image_size,
        "optimizer": config.optimizer,
        "lr0": config.learning_rate,
        "lrf": config.final_learning_rate,
        "cos_lr": True,
        "momentum": config.momentum,
        "weight_decay": config.weight_decay,
        "warmup_epochs": config.warmup_epochs,
        "warmup_bias_lr": 0.0,
        "box": config.box_gain,
        "cls": config.class_gain,
        "dfl": config.distribution_gain,
        "patience": config.patience,
        "workers": config.workers,
        "amp": "bf16" if config.mixed_precision and device.type == "cuda" else False,
        "device": str(device),
        "seed": task.seed,
        "deterministic": True,
        "plots": False,
        "overlap_mask": False,  # one mask per object: overlapping objects keep their pixels
        "augmentations": [],  # Ultralytics' hidden blur and greyscale, off
        "save_dir": str(scratch),
        **config.ultralytics.model_dump(),
    }
    if not masks:
        options["copy_paste"] = 0.0
    return MemoryTraining(task, options)
