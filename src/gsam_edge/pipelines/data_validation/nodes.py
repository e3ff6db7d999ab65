"""Nodes of `data_validation`."""

from collections.abc import MutableMapping
from typing import Any

from gsam_edge.augmentation import RuleAdditions, SceneDescription
from gsam_edge.coco import (
    Annotations,
    RawCoco,
    SplitConfig,
    ValidationConfig,
    audit,
    complete,
    split,
    validate,
    validation_report,
)
from gsam_edge.coco.health import health as coco_health
from gsam_edge.coco.health.cases import Inspected
from gsam_edge.coco.health.table import HealthConfig
from gsam_edge.coco.images.scan import ImageFiles
from gsam_edge.coco.provenance import HELD_BACK, images_digest
from gsam_edge.coco.splitting.grouping import related_images
from gsam_edge.distill.config import DistillationConfig
from gsam_edge.pipelines.types import Figure
from gsam_edge.report.contact_sheet import PreviewConfig, augmented_images
from gsam_edge.teachers.table import TeacherChoice
from gsam_edge.vision.images import ImageSource


def check_annotations(
    raw_annotations: RawCoco,
    images: ImageFiles,
    image_scan: MutableMapping[str, Any],
    validation: ValidationConfig,
    health: HealthConfig,
) -> tuple[Annotations, dict[str, Any], dict[str, Any]]:
    """Checks the annotations and adds missing boxes and areas; also returns the findings and the duplicate images."""
    checked = validate(raw_annotations.content, images, validation, source="annotations.json", seen=image_scan)
    completed = complete(checked.annotations)
    annotations = completed.annotations.with_source(raw_annotations.digest)
    annotations = annotations.with_images_digest(images_digest(annotations.images, checked.image_facts))
    return annotations, audit(checked, completed), coco_health.image_duplicates(checked.image_facts, health)


def check_dataset_health(
    annotations: Annotations, duplicates: dict[str, Any], images: ImageSource, health: HealthConfig
) -> tuple[Annotations, dict[str, Any], Figure]:
    """Applies the health policies; also returns the health findings and a plot of the worst ones."""
    from gsam_edge.report.plots.health import plot_worst_findings

    found = coco_health.check_health(annotations, duplicates, health)
    return found.outcome.annotations, found.to_json(), plot_worst_findings(annotations, images, found.findings)


def draw_samples(annotations: Annotations, images: ImageSource) -> Figure:
    """Draws some images with their labels as they were read."""
    from gsam_edge.report.plots.samples import plot_labelled_samples

    return plot_labelled_samples(annotations, images)


def draw_augmentation(
    annotations: Annotations,
    images: ImageSource,
    scene: SceneDescription,
    additions: RuleAdditions,
    preview: PreviewConfig,
    distillation: DistillationConfig,
    seed: int,
) -> Figure:
    """Draws what the words of the scene do to some of these images in the training of the student."""
    return augmented_images(annotations, images, scene, additions, preview, distillation.augmentation, seed=seed)


def plot_health(annotations: Annotations, health: HealthConfig) -> tuple[Figure, Figure, Figure]:
    """Plots how large the objects are, how many images show each class, and where in the image the objects lie."""
    from gsam_edge.report.plots.health import plot_box_sizes, plot_heat_map, plot_images_per_class

    box_sizes = plot_box_sizes(annotations, health.smallest_box_side)
    return box_sizes, plot_images_per_class(annotations), plot_heat_map(annotations)


def split_annotations(
    annotations: Annotations,
    duplicates: dict[str, Any],
    split_store: MutableMapping[str, dict[str, Any]],
    split_config: SplitConfig,
    seed: int,
) -> tuple[Annotations, Annotations, Annotations, Annotations]:
    """Returns train, val and test split, stratified by class, and what is held back; related images stay together.

    Images that were split before with these settings stay where they are, however their labels were corrected.
    """
    parts = split(annotations, split_config, seed=seed, near_duplicates=duplicates["near"], earlier=split_store)
    return parts["train"], parts["val"], parts["test"], parts[HELD_BACK]


def report_validation(
    annotations: Annotations,
    findings: dict[str, Any],
    duplicates: dict[str, Any],
    health_findings: dict[str, Any],
    train: Annotations,
    val: Annotations,
    test: Annotations,
    held_back: Annotations,
    split_config: SplitConfig,
    health: HealthConfig,
    choice: TeacherChoice,
    seed: int,
) -> tuple[dict[str, Any], Figure]:
    """Returns the `validation_report` (keys: see `coco.report.validation_report`) and a plot of classes per split."""
    from gsam_edge.report.plots.classes import plot_class_distribution

    parts = {"train": train, "val": val, "test": test, HELD_BACK: held_back}
    related = related_images(annotations, split_config.group_by, duplicates["near"])
    report = validation_report(
        findings,
        annotations,
        parts,
        split_config,
        health=health_findings,
        of_splits=coco_health.split_findings(Inspected(annotations, duplicates, parts, related), health),
        duplicates=duplicates,
        teachers=choice.needs(annotations),
        seed=seed,
    )
    return report, plot_class_distribution(report["splits"])
