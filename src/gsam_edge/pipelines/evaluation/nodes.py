"""Nodes of `evaluation`: each measures one artefact on the test split in a fresh process."""

from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from gsam_edge.coco import Annotations
from gsam_edge.distill.config import LabellingConfig
from gsam_edge.evaluate.config import EvaluationConfig
from gsam_edge.pipelines.templates import tuned_teachers
from gsam_edge.teachers.table import TeacherChoice
from gsam_edge.training.device import DeviceName
from gsam_edge.vision.images import ImageSource

Row = dict[str, Any]


def measure_teacher(
    annotations_test: Annotations,
    images: ImageSource,
    choice: TeacherChoice,
    evaluation: EvaluationConfig,
    labelling: LabellingConfig,
    device: DeviceName,
    **teachers: Any,
) -> tuple[Row, Any]:
    """The tuned teachers that the data calls for, in PyTorch."""
    from gsam_edge.evaluate.artefacts import measure_teacher as measure
    from gsam_edge.teachers.compose import compose_teacher

    tuned = tuned_teachers(teachers)
    teacher = compose_teacher(annotations_test, tuned, choice, detection=labelling.detection, device=device)
    return measure(teacher, annotations_test, images, evaluation, device)


def measure_student(
    student_weights: Any,
    annotations_test: Annotations,
    images: ImageSource,
    evaluation: EvaluationConfig,
    device: DeviceName,
) -> tuple[Row, Any]:
    """The student in PyTorch."""
    from gsam_edge.evaluate.artefacts import measure_student as measure

    return measure(student_weights, annotations_test, images, evaluation, device)


def measure_student_onnx(
    student_onnx: bytes,
    student_weights: Any,
    annotations_test: Annotations,
    images: ImageSource,
    evaluation: EvaluationConfig,
) -> tuple[Row, Any]:
    """The exported student in ONNX Runtime."""
    from gsam_edge.evaluate.artefacts import measure_onnx

    return measure_onnx("student_onnx", student_onnx, student_weights, annotations_test, images, evaluation)


def measure_student_onnx_int8(
    student_onnx_int8: bytes,
    student_weights: Any,
    annotations_test: Annotations,
    images: ImageSource,
    evaluation: EvaluationConfig,
) -> tuple[Row, Any]:
    """The quantised student in ONNX Runtime."""
    from gsam_edge.evaluate.artefacts import measure_onnx

    return measure_onnx("student_onnx_int8", student_onnx_int8, student_weights, annotations_test, images, evaluation)


def compare(*measurements: Row) -> tuple[list[Row], pd.DataFrame, Figure]:
    """All artefacts side by side: as a report, as a table for kedro-viz, as bars."""
    from gsam_edge.evaluate.comparison import comparison_frame
    from gsam_edge.report.plots import plot_comparison

    rows = list(measurements)
    return rows, comparison_frame(rows), plot_comparison(rows)


def draw_predictions(
    annotations_test: Annotations,
    images: ImageSource,
    teacher: Any,
    student: Any,
    student_onnx_int8: Any,
    evaluation: EvaluationConfig,
) -> Figure:
    """Truth, teacher, student and its INT8 form on the same pictures."""
    from gsam_edge.evaluate.artefacts import plot_predictions

    columns = {"teacher": teacher, "student": student, "student int8": student_onnx_int8}
    return plot_predictions(annotations_test, images, columns, evaluation)
