"""Nodes of `distillation`."""

from collections.abc import MutableMapping
from typing import Any

from gsam_edge.augmentation import RuleAdditions, SceneDescription, rules_with
from gsam_edge.coco import Annotations
from gsam_edge.coco.needs import is_not_needed
from gsam_edge.distill.config import DistillationConfig, LabellingConfig
from gsam_edge.pipelines.templates import tuned_teachers
from gsam_edge.pipelines.types import CheckpointStore, Predictions, Start, StudentWeights
from gsam_edge.students.choice import StudentConfig
from gsam_edge.teachers.config import FloorConfig
from gsam_edge.teachers.features import FeatureStore
from gsam_edge.teachers.table import TeacherChoice
from gsam_edge.training.device import DeviceName
from gsam_edge.training.metrics import MetricLogger
from gsam_edge.training.run import Run
from gsam_edge.vision.images import ImageSource


def label_training_images(
    train: Annotations,
    images: ImageSource,
    store: MutableMapping[str, dict[str, Any]],
    features: FeatureStore,
    choice: TeacherChoice,
    labelling: LabellingConfig,
    teacher_report: dict[str, Any],
    floor: FloorConfig,
    device: DeviceName,
    **teachers: Any,
) -> tuple[Predictions, dict[str, Any]]:
    """Labels the training images with the tuned teachers; also returns how the labels compare with the annotations.

    With a teacher that the report calls useless it does not begin (`floor.below`).
    """
    from gsam_edge.distill.labels import label_images
    from gsam_edge.distill.reports import label_report
    from gsam_edge.teachers.compose import compose_teacher
    from gsam_edge.teachers.verdict import label_verdict, refuse_useless_teachers

    tuned = tuned_teachers(teachers, choice)
    refuse_useless_teachers(teacher_report, tuned, floor)
    teacher = compose_teacher(
        train, tuned, choice, detection=labelling.label_detection, device=device, features=features
    )
    batch_size = labelling.detection.batch_size
    labels, counts = label_images(
        teacher.factory, teacher.description, train, images, batch_size=batch_size, store=store
    )
    report = label_report(train, labels, counts, labelling)
    return labels, report | label_verdict(report, floor)


def distil(
    initial: Start | dict[str, str],
    train: Annotations,
    val: Annotations,
    images: ImageSource,
    teacher_labels: Predictions,
    label_report: dict[str, Any],
    floor: FloorConfig,
    student: StudentConfig,
    distillation: DistillationConfig,
    scene: SceneDescription,
    additions: RuleAdditions,
    checkpoints: CheckpointStore,
    log: MetricLogger,
    seed: int,
    device: DeviceName,
) -> tuple[StudentWeights, dict[str, Any]]:
    """Trains the student that the data calls for; returns the weights of its best epoch and the report.

    With labels that their report calls useless it does not begin (`floor.below`).
    """
    from gsam_edge.distill.distillation import distil_student
    from gsam_edge.teachers.verdict import refuse_useless

    refuse_useless({"the labels": label_report}, floor)
    distilled = distil_student(
        train,
        val,
        images,
        teacher_labels,
        student=student,
        config=distillation,
        scene=scene,
        rules=rules_with(additions),
        initial=None if is_not_needed(initial) else initial,
        run=Run.on(device, log=log, checkpoints=checkpoints, seed=seed),
    )
    return distilled.weights, distilled.report
