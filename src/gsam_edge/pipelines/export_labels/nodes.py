"""Nodes of `export_labels`."""

from typing import Any

from gsam_edge.coco import Annotations
from gsam_edge.datasets.images import ImageFolder
from gsam_edge.datasets.labels import ExportedImages
from gsam_edge.distill.config import LabellingConfig
from gsam_edge.pipelines.types import Predictions


def export_labels(
    pool: Annotations,
    val: Annotations,
    teacher_labels_pool: Predictions,
    teacher_labels_val: Predictions,
    pool_report: dict[str, Any],
    images: ImageFolder,
    unlabelled: ImageFolder,
    labelling: LabellingConfig,
) -> tuple[ExportedImages, dict[str, Any]]:
    """Gates the teachers' labels of the pool; also returns the `exported_labels_report` (see `ExportedLabels`)."""
    from gsam_edge.distill.labels.exported import exported_labels

    labels = exported_labels(
        pool, teacher_labels_pool, val, teacher_labels_val, labelling, no_pool=pool_report.get("why")
    )
    return ExportedImages(labels, images, unlabelled), labels.report
