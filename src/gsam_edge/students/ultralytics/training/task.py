"""Inputs of a student's trainer."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from torch import Tensor

from gsam_edge.students.family import StudentValidation
from gsam_edge.students.maps import WeightedLosses
from gsam_edge.students.ultralytics.config import StudentTrainingConfig
from gsam_edge.students.ultralytics.labels import TrainingLabels
from gsam_edge.students.ultralytics.plain.targets import BatchMaps
from gsam_edge.training.checkpoints import CheckpointStore
from gsam_edge.training.metrics import MetricLogger
from gsam_edge.vision.images import ImageSource

if TYPE_CHECKING:
    from gsam_edge.augmentation.augmentation import Augmentation


@dataclass(frozen=True)
class TrainingTask:
    """All inputs of a trainer.

    Attributes:
        network: the Ultralytics model to train, in place.
        labels: labels of the training images.
        images: training images.
        augmentation: changes each image before Ultralytics mixes it with others, or None.
        class_names: class names by class id.
        image_size: side of the square network input in pixels.
        config: schedule and gains.
        losses: distillation losses.
        maps: what the teachers say about every place of an image, or None without distillation losses.
        plain_share: share of the images (0..1) that are shown alone and unwarped.
        pseudo_weight: weight of the loss on images whose labels no person gave.
        seed: seed of this run.
        validate: scores a network's state, or None for the last weights.
        log: receives the metrics `student/...`, one value per validation.
        on_step: called after each step with the number of steps done.
        checkpoints: store of the training's state.
    """

    network: Any
    labels: TrainingLabels
    images: ImageSource
    augmentation: "Augmentation | None"
    class_names: tuple[str, ...]
    image_size: int
    config: StudentTrainingConfig
    losses: WeightedLosses
    maps: BatchMaps | None
    plain_share: float
    pseudo_weight: float
    seed: int
    validate: Callable[[Mapping[str, Tensor]], StudentValidation] | None
    log: MetricLogger
    on_step: Callable[[int], None]
    checkpoints: CheckpointStore
