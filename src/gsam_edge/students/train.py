"""Training of a student, from labelled images to weights."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from rich.progress import Progress
from torch import Tensor

from gsam_edge.students.choice import Architecture, StudentConfig
from gsam_edge.students.images import LabelledImages
from gsam_edge.students.predictor import StudentPredictor
from gsam_edge.students.raw import WeightedLosses
from gsam_edge.students.ultralytics.config import StudentTrainingConfig
from gsam_edge.students.ultralytics.dataset import collect_labels
from gsam_edge.students.ultralytics.network import Transfer, new_network, start_from
from gsam_edge.students.ultralytics.task import StudentValidation, TrainingTask
from gsam_edge.students.ultralytics.trainer import build_trainer
from gsam_edge.students.weights import StudentWeights
from gsam_edge.training.run import Run
from gsam_edge.training.seed import derived_seed, seed_everything

if TYPE_CHECKING:
    from gsam_edge.augmentation.augmentation import Augmentation

__all__ = ["StudentTraining", "StudentValidation", "train_student"]


@dataclass(frozen=True)
class StudentTraining:
    """A trained student and how it came about.

    Attributes:
        weights: the best averaged weights (EMA).
        history: one mapping per epoch: `epoch`, losses `train_...`, figures `val_...`, `learning_rate`.
        transfer: how many tensors began with trained weights; None where all began at random.
        without_area: labelled objects left out because their box has no area.
    """

    weights: StudentWeights
    history: list[dict[str, float]]
    transfer: Transfer | None
    without_area: int


def train_student(
    images: LabelledImages,
    architecture: Architecture,
    student: StudentConfig,
    training: StudentTrainingConfig,
    *,
    losses: WeightedLosses,
    augmentation: "Augmentation | None",
    initial: StudentWeights | None,
    validate: Callable[[StudentPredictor], StudentValidation] | None,
    run: Run,
) -> StudentTraining:
    """Train a student with Ultralytics' recipe on images in memory.

    Args:
        images: what to learn from.
        architecture: as `choose_student` gives it.
        student: size, input and what happens behind the network.
        training: schedule and gains.
        losses: by which the student listens to a teacher; none where it has none.
        augmentation: changes each image before Ultralytics mixes it with others, or None.
        initial: weights to start from as far as they fit, or None for random ones.
        validate: scores a predictor (score threshold 0); decides which epoch is the best. Without it the last one is.
        run: its log takes `student/train_box_loss`, `student/val_...` and the like once an epoch;
            its seed is that of initial weights, order and augmentation.

    Raises:
        InvalidDatasetError: if the labels hold no object.
        ValueError: if they hold unknown classes.
        TrainingError: if the loss becomes NaN or infinite, or a batch does not fit into memory.
    """
    collected = collect_labels(images)
    class_names = images.class_names
    seed_everything(derived_seed(run.seed, 0))
    network = new_network(architecture, student.size, len(class_names))
    transfer = None if initial is None else start_from(network, class_names, initial)

    def as_weights(state: Mapping[str, Tensor], facts: Mapping[str, Any]) -> StudentWeights:
        return StudentWeights(architecture, student.size, class_names, student.image_size, student.edge, state, facts)

    def score(state: Mapping[str, Tensor]) -> StudentValidation:
        predictor = StudentPredictor(as_weights(state, {}), score_threshold=0.0, device=run.device)
        return validate(predictor)  # type: ignore[misc]

    with TemporaryDirectory(prefix="gsam-edge-student-") as scratch, Progress() as progress:
        bar = progress.add_task("student", total=training.epochs)
        task = TrainingTask(
            network=network,
            labels=collected,
            images=images.images,
            augmentation=augmentation,
            class_names=class_names,
            image_size=student.image_size,
            config=training,
            losses=losses,
            seed=run.seed,
            validate=score if validate else None,
            log=run.log,
            on_epoch=lambda done: progress.update(bar, completed=done),
            checkpoints=run.checkpoints,
        )
        state = run.checkpoints.load()
        if state is not None and state["finished"]:
            best, history = state["best"], state["history"]
        else:
            trainer = build_trainer(task, architecture, run.device, Path(scratch))
            trainer.train()
            best, history = trainer.best, trainer.history

    facts = {
        "epochs": len(history),
        "seed": run.seed,
        "images": len(collected.records),
        "objects": len(collected.table.class_ids),
        "tensors_taken_over": 0 if transfer is None else transfer.taken,
        "tensors": len(best),
    }
    return StudentTraining(as_weights(best, facts), history, transfer, collected.without_area)
