"""Training of a student, from labelled images to weights."""

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rich.progress import Progress
from torch import Tensor

from gsam_edge.students.choice import StudentChoice
from gsam_edge.students.family import StudentTraining, StudentValidation, Validate
from gsam_edge.students.images import LabelledImages
from gsam_edge.students.maps import WeightedLosses
from gsam_edge.students.predictor import StudentPredictor
from gsam_edge.students.start import Start, announce
from gsam_edge.students.ultralytics.architectures import ARCHITECTURES
from gsam_edge.students.ultralytics.config import StudentTrainingConfig
from gsam_edge.students.ultralytics.labels import collect_labels
from gsam_edge.students.ultralytics.network import new_network, start_from
from gsam_edge.students.ultralytics.plain.losses import add_projector
from gsam_edge.students.ultralytics.plain.targets import BatchMaps
from gsam_edge.students.ultralytics.training.options import ultralytics_options
from gsam_edge.students.ultralytics.training.task import TrainingTask
from gsam_edge.students.ultralytics.training.trainer import MemoryTraining
from gsam_edge.students.weights import StudentWeights
from gsam_edge.training.device import PRECISION_TITLES
from gsam_edge.training.run import Run
from gsam_edge.training.seed import derived_seed, seed_everything


def train_student(
    data: LabelledImages,
    choice: StudentChoice,
    config: StudentTrainingConfig,
    *,
    losses: WeightedLosses,
    pseudo_weight: float,
    initial: Start | None,
    validate: Validate | None,
    run: Run,
) -> StudentTraining:
    """Trains a student with Ultralytics' trainer on images in memory; keeps the best averaged weights (EMA).

    Arguments and errors are those of `StudentFamily.train`.
    """
    architecture, student = choice.architecture, choice.student
    collected = collect_labels(data)
    class_names = data.class_names
    seed_everything(derived_seed(run.seed, 0))
    network = new_network(architecture, student.size, len(class_names), choice.widths)
    transfer = start_from(network, class_names, initial)
    announce(transfer, architecture, student)
    maps, plain_share = None, 0.0
    if losses:
        if data.maps is None:
            raise ValueError(f"student: expected the teachers' maps for the losses {list(losses)}, got none")
        maps, plain_share = BatchMaps(data.maps, collected), data.maps.plain_share
        if channels := maps.channels():
            add_projector(network, channels)

    def as_weights(state: Mapping[str, Tensor], facts: Mapping[str, Any]) -> StudentWeights:
        return StudentWeights(
            architecture,
            student.size,
            class_names,
            student.image_size,
            student.edge,
            state,
            facts,
            widths=choice.widths,
        )

    def score(state: Mapping[str, Tensor]) -> StudentValidation:
        predictor = StudentPredictor(as_weights(state, {}), score_threshold=0.0, device=run.device)
        return validate(predictor)  # type: ignore[misc]

    with TemporaryDirectory(prefix="gsam-edge-student-") as scratch, Progress() as progress:
        bar = progress.add_task("student", total=config.steps)
        task = TrainingTask(
            network=network,
            labels=collected,
            images=data.images,
            augmentation=data.augmentation,
            class_names=class_names,
            image_size=student.image_size,
            config=config,
            losses=losses,
            maps=maps,
            plain_share=plain_share,
            pseudo_weight=pseudo_weight,
            seed=run.seed,
            validate=score if validate else None,
            log=run.log,
            on_step=lambda done: progress.update(bar, completed=done),
            checkpoints=run.checkpoints,
        )
        state = run.checkpoints.load()
        if state is not None and state["finished"]:
            best, history, precision = state["best"], state["history"], state["precision"]
            for line in history:  # the curves of this run, too
                for name, value in line.items():
                    if name != "step":
                        run.log(f"student/{name}", value, int(line["step"]))
        else:
            masks = ARCHITECTURES[architecture].masks
            options = ultralytics_options(task, masks=masks, device=run.device, scratch=Path(scratch))
            trainer = MemoryTraining(task, options)
            trainer.train()
            best, history, precision = trainer.best, trainer.history, trainer.precision

    facts = {
        "steps": int(history[-1]["step"]),
        "seed": run.seed,
        "precision": PRECISION_TITLES[precision],
        "images": len(collected.records),
        "objects": len(collected.table.class_ids),
        "tensors_taken_over": transfer.tensors_taken,
        "tensors": len(best),
    }
    return StudentTraining(as_weights(best, facts), history, transfer, collected.without_area)
