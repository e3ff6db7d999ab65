"""Nodes of `data_validation`."""

from typing import Any

from matplotlib.figure import Figure

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
from gsam_edge.coco.check_images import ImageFiles


def check_annotations(
    raw_annotations: RawCoco, images: ImageFiles, validation: ValidationConfig
) -> tuple[Annotations, dict[str, Any]]:
    """Annotations that can be trusted, missing boxes and areas added, and the account of every record (see `audit`)."""
    checked = validate(raw_annotations.content, images, validation, source="annotations.json")
    completed = complete(checked.annotations)
    return completed.annotations.with_source(raw_annotations.digest), audit(checked, completed)


def split_annotations(
    annotations: Annotations, split_config: SplitConfig, seed: int
) -> tuple[Annotations, Annotations, Annotations]:
    """Training, validation and test split, stratified by class, related images kept together."""
    parts = split(annotations, split_config, seed=seed)
    return parts["train"], parts["val"], parts["test"]


def report_validation(
    annotations: Annotations,
    findings: dict[str, Any],
    train: Annotations,
    val: Annotations,
    test: Annotations,
    split_config: SplitConfig,
    seed: int,
) -> tuple[dict[str, Any], Figure]:
    """The `validation_report` (its keys: see `coco.report.validation_report`) and the classes per split as bars."""
    from gsam_edge.evaluate.plots import plot_class_distribution

    parts = {"train": train, "val": val, "test": test}
    report = validation_report(findings, annotations, parts, split_config, seed=seed)
    return report, plot_class_distribution(report["splits"])
