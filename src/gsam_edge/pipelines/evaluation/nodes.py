"""Nodes of `evaluation`: each measures one artefact on the test split in a fresh process."""

from collections.abc import Callable
from typing import Any

from gsam_edge.coco import Annotations
from gsam_edge.distill.config import LabellingConfig
from gsam_edge.evaluate.config import EvaluationConfig
from gsam_edge.export.format import NotBuilt
from gsam_edge.export.table import FORMATS
from gsam_edge.pipelines.templates import tuned_teachers
from gsam_edge.pipelines.types import DataFrame, Figure, Predictions, StudentWeights
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
) -> tuple[Row, Predictions]:
    """Measures the tuned teachers that the data calls for, in PyTorch."""
    from gsam_edge.evaluate.artefacts import evaluate_teacher
    from gsam_edge.teachers.compose import compose_teacher

    tuned = tuned_teachers(teachers, choice)
    teacher = compose_teacher(annotations_test, tuned, choice, detection=labelling.detection, device=device)
    return evaluate_teacher(teacher, annotations_test, images, evaluation, device)


def measure_model(model: str) -> Callable[..., tuple[Row, Predictions]]:
    """Builds the function that measures a student."""

    def measure_student(
        student_weights: StudentWeights,
        annotations_test: Annotations,
        images: ImageSource,
        evaluation: EvaluationConfig,
        device: DeviceName,
    ) -> tuple[Row, Predictions]:
        """Measures the student in PyTorch."""
        from gsam_edge.evaluate.artefacts import evaluate_student

        return evaluate_student(student_weights, annotations_test, images, evaluation, device, model=model)

    return measure_student


def measure_exported(model: str, name: str) -> Callable[..., tuple[Row, Predictions]]:
    """Builds the function that measures a student as exported in one format."""

    def measure(
        content: bytes | NotBuilt,
        student_weights: StudentWeights,
        annotations_test: Annotations,
        images: ImageSource,
        evaluation: EvaluationConfig,
    ) -> tuple[Row, Predictions]:
        """Measures the exported student in the engine of its format."""
        from gsam_edge.evaluate.artefacts import evaluate_exported

        return evaluate_exported(
            f"{model}_{name}", FORMATS[name], content, student_weights, annotations_test, images, evaluation
        )

    return measure


def compare(**measurements: Row) -> tuple[list[Row], DataFrame, Figure]:
    """Compares all artefacts that were built: as a report, as a table for kedro-viz, as a bar plot."""
    from gsam_edge.evaluate.comparison import comparison_frame
    from gsam_edge.report.plots import plot_comparison

    rows = [row for row in measurements.values() if "status" not in row]
    return rows, comparison_frame(rows), plot_comparison(rows)


def evaluate_artefacts(
    annotations_test: Annotations,
    evaluation: EvaluationConfig,
    recommended: dict[str, Any],
    **artefacts: Predictions,
) -> dict[str, Any]:
    """Returns every artefact's figures in detail, and how they differ from the student's (see `evaluate.report`)."""
    from gsam_edge.evaluate.report import evaluation_report

    return evaluation_report(annotations_test, artefacts, recommended, evaluation)


def draw_predictions(
    annotations_test: Annotations, images: ImageSource, evaluation: EvaluationConfig, **columns: Predictions
) -> Figure:
    """Draws the annotations and the artefacts' predictions on the same images."""
    from gsam_edge.evaluate.artefacts import plot_predictions

    return plot_predictions(annotations_test, images, columns, evaluation)
