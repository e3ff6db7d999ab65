"""COCO annotations as a value: read with suspicion, completed, split, counted."""

from gsam_edge.coco.annotations import Annotations
from gsam_edge.coco.checks import ValidationConfig
from gsam_edge.coco.complete import Completion, complete
from gsam_edge.coco.errors import DatasetError
from gsam_edge.coco.grouping import Grouping, group_images
from gsam_edge.coco.raw import RawCoco
from gsam_edge.coco.report import audit, validation_report
from gsam_edge.coco.split import SplitConfig, split
from gsam_edge.coco.statistics import statistics
from gsam_edge.coco.validate import Validation, validate

__all__ = [
    "Annotations",
    "Completion",
    "DatasetError",
    "Grouping",
    "RawCoco",
    "SplitConfig",
    "Validation",
    "ValidationConfig",
    "audit",
    "complete",
    "group_images",
    "split",
    "statistics",
    "validate",
    "validation_report",
]
