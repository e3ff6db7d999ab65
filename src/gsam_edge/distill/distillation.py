"""Training of a student on annotations and teacher labels, and its metrics on the validation split."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gsam_edge.augmentation import AugmentationRules, SceneDescription, build, description_for, identity
from gsam_edge.coco import Annotations
from gsam_edge.coco.errors import InvalidDatasetError
from gsam_edge.coco.packed import PackedDetections
from gsam_edge.coco.predictions import Predictions, by_image
from gsam_edge.coco.provenance import require_made_from
from gsam_edge.distill.config import DistillationConfig
from gsam_edge.distill.losses import weighted_losses
from gsam_edge.distill.reports import distillation_report
from gsam_edge.metrics.detection import coco_metrics
from gsam_edge.students.choice import StudentConfig, choose_student
from gsam_edge.students.family import StudentValidation
from gsam_edge.students.images import LabelledImages
from gsam_edge.students.predictor import StudentPredictor
from gsam_edge.students.table import family_of
from gsam_edge.students.weights import StudentWeights
from gsam_edge.training.checkpoints import fingerprint
from gsam_edge.training.run import Run
from gsam_edge.vision import Detections
from gsam_edge.vision.images import ImageSource


def distillation_fingerprint(
    train: Annotations,
    val: Annotations,
    teacher: Predictions,
    *,
    student: StudentConfig,
    config: DistillationConfig,
    scene: SceneDescription,
    rules: AugmentationRules,
    initial: StudentWeights | None,
    seed: int,
) -> str:
    """Returns the key of a distillation's checkpoints: a digest of all that decides its outcome but the images.

    The arguments are those of `distil_student`.
    """
    data = [train.digest, val.digest, teacher.digest, None if initial is None else initial.digest]
    changes = identity(description_for(config.augmentation, scene, rules), rules)
    return fingerprint(data, student.model_dump(), config.model_dump(), changes, seed)


@dataclass(frozen=True)
class Distillation:
    """A distilled student.

    Attributes:
        weights: those of the best epoch.
        report: see `distillation_report`.
    """

    weights: StudentWeights
    report: dict[str, Any]


def distil_student(
    train: Annotations,
    val: Annotations,
    images: ImageSource,
    teacher: Predictions,
    *,
    student: StudentConfig,
    config: DistillationConfig,
    scene: SceneDescription,
    rules: AugmentationRules,
    initial: StudentWeights | None,
    run: Run,
) -> Distillation:
    """Trains the student that the data calls for on its annotations.

    The epoch with the best fitness on the validation split is kept, see `score_student`.

    Args:
        train: training split.
        val: validation split; not used for training.
        images: images of both by `file_name`.
        teacher: labels of the training split.
        student: architecture, size and input.
        config: losses and training.
        scene: object and scene in words; the config's `augmentation` says which of them are applied.
        rules: the transforms of each word.
        initial: weights to start from as far as they fit, or None for random ones.
        run: logs `student/...` once an epoch; checkpoints are stored under `distillation_fingerprint`.

    Raises:
        StudentChoiceError: if the data lacks what the requested student is trained on.
        InvalidDatasetError: if no object is labelled in either split.
        InvalidDatasetError: if the labels come from another split or have other classes.
        TrainingError: if the loss becomes NaN or infinite, or a batch does not fit into memory.
    """
    _require_objects(val)
    require_made_from(
        train,
        what="teacher_labels",
        class_names=teacher.class_names,
        split_digest=teacher.split,
        remedy="run the pipeline distillation from its beginning",
    )
    choice = choose_student(train, student)
    description = description_for(config.augmentation, scene, rules)
    state = distillation_fingerprint(
        train,
        val,
        teacher,
        student=student,
        config=config,
        scene=scene,
        rules=rules,
        initial=initial,
        seed=run.seed,
    )
    augmentation = None if description is None else build(description, rules)
    trained = family_of(choice.architecture).train(
        LabelledImages.of_split(train, images, augmentation),
        choice,
        config.training,
        losses=weighted_losses(config.losses),
        pseudo_weight=config.losses.detection,
        initial=initial,
        validate=lambda predict: score_student(predict, val, images),
        run=run.opened(state),
    )
    predictor = StudentPredictor(trained.weights, score_threshold=0.0, device=run.device)
    figures = score_student(predictor, val, images).metrics
    report = distillation_report(choice, trained, figures, loss_weights=config.losses.model_dump(), seed=run.seed)
    return Distillation(replace(trained.weights, split=train.split_digest), report)


def score_student(
    predict: Callable[[NDArray[np.uint8]], Detections], split: Annotations, images: ImageSource
) -> StudentValidation:
    """Returns COCO's mAP50 and mAP50-95 of boxes and, where annotations and student have them, of masks.

    The fitness is the mAP50-95, the mean of both where there are both.

    Raises:
        InvalidDatasetError: if the split holds no object.
    """
    _require_objects(split)
    packed = [PackedDetections.pack(predict(images[image["file_name"]])) for image in split.images]
    found = by_image(split, packed)
    metrics: dict[str, float] = {}
    for prefix, iou_type in (("box", "bbox"), ("mask", "segm")):
        figures = coco_metrics(split, found, iou_type)  # type: ignore[arg-type]
        metrics |= {f"{prefix}_{name}": figures[name] for name in ("map50", "map50_95") if name in figures}
    strict = [value for name, value in metrics.items() if name.endswith("map50_95")]
    return StudentValidation(sum(strict) / len(strict), metrics)


def _require_objects(split: Annotations) -> None:
    if split.columns.is_crowd.all():
        raise InvalidDatasetError(
            f"validation split: expected at least one object, crowd regions aside, in its {len(split.images)} images, "
            "got none; no student can be judged by it: split the images anew, or label some of these"
        )
