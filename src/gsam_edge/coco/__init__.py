"""COCO annotations: checking, completing, splitting and counting."""

from gsam_edge.coco.annotations import Annotations
from gsam_edge.coco.checks.table import ValidationConfig
from gsam_edge.coco.checks.validate import CocoValidation, validate
from gsam_edge.coco.complete import Completion, complete
from gsam_edge.coco.errors import InvalidDatasetError
from gsam_edge.coco.report import audit, validation_report
from gsam_edge.coco.splitting.grouping import Grouping, group_images
from gsam_edge.coco.splitting.split import SplitConfig, split
from gsam_edge.coco.statistics import statistics
from gsam_edge.coco.table.raw import RawCoco

__all__ = [
    "Annotations",
    "CocoValidation",
    "Completion",
    "Grouping",
    "InvalidDatasetError",
    "RawCoco",
    "SplitConfig",
    "ValidationConfig",
    "audit",
    "complete",
    "group_images",
    "split",
    "statistics",
    "validate",
    "validation_report",
]
