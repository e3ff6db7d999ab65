"""Nodes of `distillation`."""

from collections.abc import MutableMapping
from dataclasses import asdict
from functools import cache
from typing import Any

from gsam_edge.augmentation import RuleAdditions, SceneDescription, rules_with
from gsam_edge.coco import Annotations
from gsam_edge.coco.images.scan import ImageFiles
from gsam_edge.distill.config import DistillationConfig, LabellingConfig
from gsam_edge.distill.pool import PooledImages
from gsam_edge.distill.pool import collect_pool as pool_of
from gsam_edge.pipelines.templates import tuned_teachers
from gsam_edge.pipelines.types import CheckpointStore, Predictions, StudentWeights
from gsam_edge.students.choice import StudentConfig
from gsam_edge.teachers.config import FloorConfig
from gsam_edge.teachers.features import FeatureStore
from gsam_edge.teachers.table import TeacherChoice
from gsam_edge.training.device import DeviceName
from gsam_edge.training.metrics import MetricLogger
from gsam_edge.training.run import Run
from gsam_edge.vision.images import ImageSource


def collect_pool(
    held_back: Annotations,
    train: Annotations,
    val: Annotations,
    test: Annotations,
    images: ImageSource,
    unlabelled: ImageFiles,
    image_scan: MutableMapping[str, Any],
    choice: TeacherChoice,
) -> tuple[Annotations, dict[str, Any]]:
    """Collects the images without used labels; also returns the `pool_report` (keys: see `distill.pool.collect_pool`).

    Of `held_back` it takes the images alone.
    """
    pool = pool_of(
        held_back,
        {"train": train, "val": val, "test": test},
        images,
        unlabelled,
        finder=choice.need(choice.finder, train),
        scanned=image_scan,
    )
    return pool.annotations, pool.report


def label_with_teachers(
    train: Annotations,
    val: Annotations,
    pool: Annotations,
    images: ImageSource,
    unlabelled: ImageSource,
    store: MutableMapping[str, dict[str, Any]],
    features: FeatureStore,
    choice: TeacherChoice,
    labelling: LabellingConfig,
    teacher_report: dict[str, Any],
    floor: FloorConfig,
    device: DeviceName,
    **teachers: Any,
) -> tuple[Predictions, Predictions, Predictions, dict[str, dict[str, int]]]:
    """Labels training images, validation images and pool with the tuned teachers.

    With a teacher that the report calls useless it does not begin (`floor.below`).

    Returns:
        The labels of each, and by its name how many images' labels were in the store before (`hits`) or are `new`.
    """
    from gsam_edge.distill.labels import label_images, require_labels
    from gsam_edge.teachers.compose import compose_teacher
    from gsam_edge.teachers.verdict import refuse_useless_teachers

    tuned = tuned_teachers(teachers, choice)
    refuse_useless_teachers(teacher_report, tuned, floor)
    # Composed for the training images alone: what the pool lacks, which is all objects, says nothing of the data.
    teacher = compose_teacher(
        train, tuned, choice, detection=labelling.label_detection, device=device, features=features
    )
    predictor = cache(teacher.factory)  # it applies the adapters to the bases, once for all three
    source = PooledImages(images, unlabelled)
    labels, counts = {}, {}
    for name, part in (("train", train), ("val", val), ("pool", pool)):
        labels[name], counted = label_images(
            predictor, teacher.description, part, source, batch_size=labelling.detection.batch_size, store=store
        )
        counts[name] = asdict(counted)
    require_labels(labels, floor)
    return labels["train"], labels["val"], labels["pool"], counts


def check_labels(
    train: Annotations,
    teacher_labels: Predictions,
    counts: dict[str, dict[str, int]],
    labelling: LabellingConfig,
    floor: FloorConfig,
) -> dict[str, Any]:
    """Returns how the labels of the training images, from `floor.score_threshold` on, compare with the annotations."""
    from gsam_edge.distill.labels import StoreCounts
    from gsam_edge.distill.reports import label_report
    from gsam_edge.teachers.verdict import label_verdict

    stored = StoreCounts(*(sum(each[key] for each in counts.values()) for key in ("hits", "new")))
    report = label_report(train, teacher_labels.at_least(floor.score_threshold), stored, labelling)
    return report | label_verdict(report, floor)


def distil(
    initial: StudentWeights,
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
        initial=initial,
        run=Run.on(device, log=log, checkpoints=checkpoints, seed=seed),
    )
    return distilled.weights, distilled.report
