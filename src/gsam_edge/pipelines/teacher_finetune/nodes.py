"""Nodes of `teacher_finetune` beside those that `templates` builds for each teacher."""

from typing import Any

from gsam_edge.coco import Annotations
from gsam_edge.distill.config import LabellingConfig
from gsam_edge.pipelines.templates import tuned_teachers
from gsam_edge.teachers.table import TeacherChoice
from gsam_edge.training.device import DeviceName
from gsam_edge.vision.images import ImageSource


def report_teachers(
    val: Annotations,
    images: ImageSource,
    choice: TeacherChoice,
    labelling: LabellingConfig,
    device: DeviceName,
    **teachers: Any,
) -> dict[str, Any]:
    """Measures each teacher before and after tuning; keys: see `teachers.report.teacher_report`."""
    from gsam_edge.teachers.report import teacher_report

    tuned = tuned_teachers(teachers)
    return teacher_report(val, images, tuned, choice, detection=labelling.detection, device=device)
