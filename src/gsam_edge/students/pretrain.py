"""A student's start: what shapes and edges look like, learnt in the general world."""

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field

from gsam_edge.students.choice import StudentConfig
from gsam_edge.students.dataset import LabelledPictures
from gsam_edge.students.predictor import StudentPredictor
from gsam_edge.students.train import StudentTraining, Validation, train_student
from gsam_edge.students.training_config import StudentTrainingConfig
from gsam_edge.synthetic.general import GeneralWorldConfig, draw_general_scene
from gsam_edge.synthetic.scene import Scene
from gsam_edge.training.checkpoints import CheckpointStore
from gsam_edge.training.metrics import MetricLogger
from gsam_edge.training.seed import derived_seed
from gsam_edge.vision import Detections
from gsam_edge.vision.average_precision import average_precision
from gsam_edge.vision.masks import masks_to_xyxy

_ARCHITECTURE = "yolov8-seg"  # its tensors also start a detector, which has the same layers but for the masks
_TRAINING, _HELD_OUT = 0, 1


class PretrainStudentConfig(BaseModel):
    """How the start of all students is trained."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    pictures: int = Field(gt=0, description="drawn pictures of the general world to learn from")
    held_out: int = Field(gt=0, description="further drawn pictures to choose the best epoch by")
    student: StudentConfig = Field(description="size and input of the network; the architecture is always YOLOv8-seg")
    training: StudentTrainingConfig = Field(description="schedule and losses")


def pretrain_student(
    config: PretrainStudentConfig,
    world: GeneralWorldConfig,
    *,
    log: MetricLogger,
    checkpoints: CheckpointStore,
    seed: int,
    device: torch.device,
) -> StudentTraining:
    """Train a YOLOv8-seg on the general world; its classes are the shapes (the last word of a phrase).

    Args:
        config: number of pictures, network and schedule.
        world: what is drawn.
        log: takes `student/...` once an epoch.
        checkpoints: where the state lives between interruptions; cleared by the caller once the result is stored.
        seed: of pictures, initial weights and order.
        device: where to train.

    Returns:
        The training with weights in half precision, a start for `train_student`.
    """
    scenes = [_scene(world, seed, _TRAINING, number) for number in range(config.pictures)]
    class_names = tuple(sorted({_shape(phrase) for scene in scenes for phrase in scene.phrases}))
    held_out = [_scene(world, seed, _HELD_OUT, number) for number in range(config.held_out)]
    truths = [_truth(scene, class_names) for scene in held_out]

    def validate(predict: StudentPredictor) -> Validation:
        ap50 = average_precision(truths, [predict(scene.image) for scene in held_out])
        return Validation(ap50, {"box_map50": ap50})

    named = {f"{number}": scene for number, scene in enumerate(scenes)}
    pictures = LabelledPictures(
        labels={name: _truth(scene, class_names) for name, scene in named.items()},
        image_hw={name: (scene.image.shape[0], scene.image.shape[1]) for name, scene in named.items()},
        images={name: scene.image for name, scene in named.items()},
        class_names=class_names,
    )
    trained = train_student(
        pictures,
        _ARCHITECTURE,
        config.student,
        config.training,
        initial=None,
        validate=validate,
        log=log,
        checkpoints=checkpoints,
        seed=seed,
        device=device,
    )
    return StudentTraining(trained.weights.half(), trained.history, trained.transfer, trained.without_area)


def _scene(world: GeneralWorldConfig, seed: int, part: int, number: int) -> Scene:
    return draw_general_scene(np.random.default_rng(derived_seed(seed, part, number)), world)


def _shape(phrase: str) -> str:
    return phrase.split()[-1]


def _truth(scene: Scene, class_names: tuple[str, ...]) -> Detections:
    """The objects of a scene whose shape is among the classes."""
    shapes = [_shape(phrase) for phrase in scene.phrases]
    kept = [row for row, shape in enumerate(shapes) if shape in class_names]
    masks = scene.masks[kept]
    return Detections(
        xyxy=masks_to_xyxy(masks),
        scores=np.ones(len(kept), np.float32),
        class_ids=np.array([class_names.index(shapes[row]) for row in kept], np.int64),
        masks=masks,
    )
