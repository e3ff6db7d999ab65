"""Nodes of `distillation`."""

from collections.abc import MutableMapping
from dataclasses import asdict
from typing import Any

from gsam_edge.augmentation import RuleAdditions, SceneDescription, rules_with
from gsam_edge.coco import Annotations
from gsam_edge.coco.images.scan import ImageFiles
from gsam_edge.coco.needs import is_not_needed
from gsam_edge.coco.provenance import require_one_split
from gsam_edge.distill.arms.table import DISTILLED, seeds_of
from gsam_edge.distill.config import DistillationConfig, LabellingConfig
from gsam_edge.distill.labels.pool import PooledImages
from gsam_edge.distill.labels.pool import collect_pool as pool_of
from gsam_edge.pipelines.templates import arm_data, composed_teacher, tuned_teachers
from gsam_edge.pipelines.types import (
    ArmRun,
    CheckpointStore,
    Figure,
    InteractiveFigure,
    Predictions,
    Start,
    StudentWeights,
)
from gsam_edge.report.plots.worst_images import WorstImagesConfig
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
    """Labels the training and validation images and the pool with the tuned teachers.

    With a teacher that the report calls useless it does not begin (`floor.below`).

    Returns:
        The labels of each, and by its name how many images' labels were in the store before (`hits`) or are `new`.
    """
    from gsam_edge.distill.labels.labelling import label_sets, require_labels
    from gsam_edge.teachers.judging.verdict import refuse_useless_teachers

    tuned = tuned_teachers(teachers, choice)
    refuse_useless_teachers(teacher_report, tuned, floor)
    parts = {"train": train, "val": val, "pool": pool}
    require_one_split({f"annotations_{name}": part for name, part in parts.items()})
    # Composed for the training images alone: what the pool lacks, which is all objects, says nothing of the data.
    teacher = composed_teacher(
        train, tuned, choice, labelling, teacher_report, device, detection=labelling.label_detection, features=features
    )
    labelled = label_sets(
        teacher.factory,
        teacher.description,
        parts,
        PooledImages(images, unlabelled),
        batch_size=labelling.detection.batch_size,
        store=store,
        workers=labelling.workers,
    )
    labels = {name: each.labels for name, each in labelled.items()}
    counts = {name: asdict(each.counts) for name, each in labelled.items()}
    require_labels(labels, floor)
    return labels["train"], labels["val"], labels["pool"], counts


def label_test_images(
    train: Annotations,
    test: Annotations,
    images: ImageSource,
    store: MutableMapping[str, dict[str, Any]],
    features: FeatureStore,
    choice: TeacherChoice,
    labelling: LabellingConfig,
    teacher_report: dict[str, Any],
    floor: FloorConfig,
    device: DeviceName,
    **teachers: Any,
) -> Predictions:
    """Lets the tuned teachers find what is on the test images, for reports alone.

    They find it down to the score from which detections are measured, as a student's are, so that they have one figure
    in all reports. Useless ones are not asked, as in `label_with_teachers`.
    """
    from gsam_edge.distill.labels.labelling import label_images
    from gsam_edge.teachers.judging.verdict import refuse_useless_teachers

    tuned = tuned_teachers(teachers, choice)
    refuse_useless_teachers(teacher_report, tuned, floor)
    require_one_split({"annotations_train": train, "annotations_test": test})
    detection = labelling.detection
    teacher = composed_teacher(
        train, tuned, choice, labelling, teacher_report, device, detection=detection, features=features
    )
    return label_images(
        teacher.factory,
        teacher.description,
        test,
        images,
        batch_size=detection.batch_size,
        store=store,
        workers=labelling.workers,
    ).labels


def check_labels(
    train: Annotations,
    val: Annotations,
    pool: Annotations,
    held_back: Annotations,
    teacher_labels: Predictions,
    teacher_labels_val: Predictions,
    teacher_labels_pool: Predictions,
    counts: dict[str, dict[str, int]],
    images: ImageSource,
    labelling: LabellingConfig,
    floor: FloorConfig,
    shown: WorstImagesConfig,
) -> tuple[dict[str, Any], dict[str, Any], Figure]:
    """Fits the gate on the labels of the validation images, and reports all labels before and behind it.

    Of `held_back` the report alone reads the truth.

    Returns:
        The gate (`Gate.to_dict`), the report (keys: see `distill.label_report.label_report`), and a plot of the images
        on which labels and truth disagree most.
    """
    from gsam_edge.distill.labels.checking import check_labels as checked_labels
    from gsam_edge.distill.labels.disagreement import LEGEND
    from gsam_edge.report.plots.worst_images import plot_worst_images

    checked = checked_labels(
        {"train": train, "val": val, "pool": pool},
        {"train": train, "val": val, "pool": held_back},
        {"train": teacher_labels, "val": teacher_labels_val, "pool": teacher_labels_pool},
        labelling,
        floor,
        store={key: sum(each[key] for each in counts.values()) for key in ("hits", "new")},
        count=shown.count,
    )
    sheet = plot_worst_images(
        [each.row(images) for each in checked.disagreements],
        train.class_names,
        title="Images on which truth and the teacher's labels disagree most: look for mistakes of either",
        image_width=shown.image_width,
        legend=LEGEND,
    )
    return checked.gate.to_dict(), checked.report, sheet


def distil(
    initial: Start | dict[str, str],
    label_report: dict[str, Any],
    floor: FloorConfig,
    student: StudentConfig,
    labelling: LabellingConfig,
    distillation: DistillationConfig,
    choice: TeacherChoice,
    features: FeatureStore,
    scene: SceneDescription,
    additions: RuleAdditions,
    checkpoints: CheckpointStore,
    log: MetricLogger,
    seed: int,
    device: DeviceName,
    **inputs: Any,
) -> tuple[tuple[ArmRun, ...], StudentWeights]:
    """Trains the distilled student with the first seed; returns what it finds on the test images, and its weights.

    With labels that their report calls useless it does not begin (`floor.below`).
    """
    from gsam_edge.distill.arms import distillation as arms
    from gsam_edge.distill.arms.stage import ArmSettings
    from gsam_edge.teachers.judging.verdict import refuse_useless

    refuse_useless({"the labels": label_report}, floor)
    start = None if is_not_needed(initial) else initial
    settings = ArmSettings(student, distillation, labelling, scene, rules_with(additions), start)
    data = arm_data(inputs, settings, choice, features, device)
    run = Run.on(device, log=log, checkpoints=checkpoints, seed=seeds_of(distillation.seeds, seed)[0])
    trained = arms.train_arm(DISTILLED, data, settings, run)
    return (arms.arm_run(DISTILLED, trained, data, run),), trained.weights


def train_controls(
    initial: Start | dict[str, str],
    label_report: dict[str, Any],
    floor: FloorConfig,
    student: StudentConfig,
    labelling: LabellingConfig,
    distillation: DistillationConfig,
    choice: TeacherChoice,
    features: FeatureStore,
    scene: SceneDescription,
    additions: RuleAdditions,
    checkpoints: CheckpointStore,
    log: MetricLogger,
    seed: int,
    device: DeviceName,
    **inputs: Any,
) -> tuple[ArmRun, ...]:
    """Trains the controls, and the distilled student with other seeds; returns what they find on the test images.

    With labels that their report calls useless it does not begin (`floor.below`).
    """
    from gsam_edge.distill.arms import distillation as arms
    from gsam_edge.distill.arms.stage import ArmSettings
    from gsam_edge.teachers.judging.verdict import refuse_useless

    refuse_useless({"the labels": label_report}, floor)
    start = None if is_not_needed(initial) else initial
    settings = ArmSettings(student, distillation, labelling, scene, rules_with(additions), start)
    data = arm_data(inputs, settings, choice, features, device)
    run = Run.on(device, log=log, checkpoints=checkpoints, seed=seed)
    return tuple(arms.train_controls(data, settings, run))


def report_distillation(
    distilled_runs: tuple[ArmRun, ...],
    control_runs: tuple[ArmRun, ...],
    train: Annotations,
    test: Annotations,
    held_back: Annotations,
    pool: Annotations,
    pool_report: dict[str, Any],
    teacher_labels_test: Predictions,
    distillation: DistillationConfig,
) -> tuple[dict[str, Any], InteractiveFigure]:
    """Compares the distilled student with its controls on the test images: as a report and as a plot."""
    from gsam_edge.distill.arms.reports import distillation_report
    from gsam_edge.report.plots.arms import plot_distillation_arms

    report = distillation_report(
        test,
        (*distilled_runs, *control_runs),
        None if teacher_labels_test.predictor.prompted_with_boxes else teacher_labels_test,
        data={"labelled": len(train.images), "pool": len(pool.images), "held_back": len(held_back.images)},
        no_pool=pool_report.get("why"),
        control=distillation.control,
        listens=distillation.losses.listens,
    )
    return report, plot_distillation_arms(report)
