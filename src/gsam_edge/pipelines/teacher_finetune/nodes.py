"""Nodes of `teacher_finetune` beside those that `templates` builds for each teacher."""

from typing import Any

from gsam_edge.coco import Annotations
from gsam_edge.coco.needs import is_not_needed
from gsam_edge.distill.config import LabellingConfig
from gsam_edge.pipelines.templates import tuned_teachers
from gsam_edge.pipelines.types import Adapter, Figure, InteractiveFigure, LiveMetrics
from gsam_edge.report.plots.worst_images import WorstImagesConfig
from gsam_edge.teachers.config import FloorConfig
from gsam_edge.teachers.table import TeacherChoice
from gsam_edge.training.device import DeviceName
from gsam_edge.vision.images import ImageSource


def report_teachers(
    val: Annotations,
    images: ImageSource,
    choice: TeacherChoice,
    labelling: LabellingConfig,
    floor: FloorConfig,
    worst: WorstImagesConfig,
    device: DeviceName,
    **teachers: Any,
) -> tuple[dict[str, Any], Figure, Figure]:
    """Measures each teacher before and after tuning; keys: see `teachers.report.teacher_report`.

    Also plots the figures of each class, and the images that the tuned teachers label worst.
    """
    from gsam_edge.report.plots.teachers import plot_teacher_classes
    from gsam_edge.report.plots.worst_images import plot_worst_images, worst_rows
    from gsam_edge.teachers.judging.report import LabelRule, teacher_report

    rule = LabelRule(floor.score_threshold, labelling.match_iou)
    measured = teacher_report(
        val,
        images,
        tuned_teachers(teachers, choice),
        choice,
        detection=labelling.detection,
        labelling=rule,
        floor=floor,
        device=device,
    )
    rows, ranked_by = worst_rows(
        val, images, measured.found, **rule._asdict(), prompted=measured.prompted, count=worst.count
    )
    title = f"Worst validation images\n{ranked_by}"
    sheet = plot_worst_images(rows, val.class_names, title=title, image_width=worst.image_width, legend={})
    return measured.content, plot_teacher_classes(measured.content), sheet


def plot_curves(log: LiveMetrics, **adapters: Adapter | dict[str, str]) -> InteractiveFigure:
    """Plots what the trainings of the teachers logged; of a teacher that was not tuned, the reason is written."""
    from gsam_edge.report.plots.curves import plot_teacher_curves

    absent = {name: adapter["why"] for name, adapter in adapters.items() if is_not_needed(adapter)}
    absent |= {
        name: "is used as it is"
        for name, adapter in adapters.items()
        if not is_not_needed(adapter) and not adapter.is_tuned
    }
    return plot_teacher_curves({name: log.curves(name) for name in adapters if name not in absent}, absent)
