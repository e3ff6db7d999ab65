"""Nodes of `evaluation`: each measures one artefact on the test split in a fresh process."""

from collections.abc import Callable
from typing import Any

from gsam_edge.coco import Annotations, SplitConfig
from gsam_edge.distill.config import LabellingConfig
from gsam_edge.evaluate.budget import BudgetConfig
from gsam_edge.evaluate.config import EvaluationConfig
from gsam_edge.export.files import ArtefactFiles
from gsam_edge.export.format import NotBuilt
from gsam_edge.export.table import FORMATS
from gsam_edge.pipelines.templates import STUDENT, composed_teacher, tuned_teachers
from gsam_edge.pipelines.types import DataFrame, Figure, InteractiveFigure, Predictions, StudentWeights
from gsam_edge.teachers.table import TeacherChoice
from gsam_edge.training.device import DeviceName
from gsam_edge.vision.images import ImageSource

Row = dict[str, Any]


def measure_teacher(
    annotations_test: Annotations,
    teacher_labels_test: Predictions,
    images: ImageSource,
    choice: TeacherChoice,
    evaluation: EvaluationConfig,
    labelling: LabellingConfig,
    device: DeviceName,
    duplicates: dict[str, Any],
    split: SplitConfig,
    teacher_report: dict[str, Any],
    **teachers: Any,
) -> tuple[Row, Predictions]:
    """Measures the tuned teachers that the data calls for, in PyTorch, by what they found when they labelled."""
    from gsam_edge.evaluate.artefacts import evaluate_teacher
    from gsam_edge.evaluate.failed import measured_or_why
    from gsam_edge.evaluate.report import draws_of

    tuned = tuned_teachers(teachers, choice)
    teacher = composed_teacher(
        annotations_test, tuned, choice, labelling, teacher_report, device, detection=labelling.detection
    )
    draws = draws_of(annotations_test, split.group_by, duplicates)
    return measured_or_why(
        "teacher",
        annotations_test,
        lambda: evaluate_teacher(teacher, teacher_labels_test, annotations_test, images, evaluation, device, draws),
    )


def measure_model(model: str) -> Callable[..., tuple[Row, Predictions]]:
    """Builds the function that measures a student."""

    def measure_student(
        student_weights: StudentWeights,
        annotations_test: Annotations,
        images: ImageSource,
        evaluation: EvaluationConfig,
        recommended: dict[str, Any],
        duplicates: dict[str, Any],
        split: SplitConfig,
        device: DeviceName,
    ) -> tuple[Row, Predictions]:
        """Measures the student in PyTorch."""
        from gsam_edge.evaluate.artefacts import evaluate_student
        from gsam_edge.evaluate.failed import measured_or_why
        from gsam_edge.evaluate.report import draws_of

        draws = draws_of(annotations_test, split.group_by, duplicates)
        return measured_or_why(
            model,
            annotations_test,
            lambda: evaluate_student(
                student_weights, annotations_test, images, evaluation, device, draws, recommended, model=model
            ),
        )

    return measure_student


def measure_exported(model: str, name: str) -> Callable[..., tuple[Row, Predictions]]:
    """Builds the function that measures a student as exported in one format."""

    def measure(
        content: bytes | NotBuilt,
        student_weights: StudentWeights,
        annotations_test: Annotations,
        images: ImageSource,
        evaluation: EvaluationConfig,
        duplicates: dict[str, Any],
        split: SplitConfig,
    ) -> tuple[Row, Predictions]:
        """Measures the exported student in the engine of its format."""
        from gsam_edge.evaluate.artefacts import evaluate_exported
        from gsam_edge.evaluate.failed import measured_or_why
        from gsam_edge.evaluate.report import draws_of

        draws = draws_of(annotations_test, split.group_by, duplicates)
        artefact, made_as = f"{model}_{name}", FORMATS[name]
        return measured_or_why(
            artefact,
            annotations_test,
            lambda: evaluate_exported(
                artefact, made_as, content, student_weights, annotations_test, images, evaluation, draws
            ),
            install=made_as.install,
        )

    return measure


def time_artefacts(
    annotations_test: Annotations,
    images: ImageSource,
    choice: TeacherChoice,
    evaluation: EvaluationConfig,
    labelling: LabellingConfig,
    device: DeviceName,
    teacher_report: dict[str, Any],
    student_weights: StudentWeights,
    **inputs: Any,
) -> dict[str, Row]:
    """Times all artefacts that could be measured, in turns (see `evaluate.timing`).

    Args:
        annotations_test: the split whose images are used.
        images: where they come from.
        choice: the teachers in use.
        evaluation: calls, threads and threshold.
        labelling: how the teachers find objects.
        device: where PyTorch runs.
        teacher_report: whose boxes of the teachers are better.
        student_weights: the student.
        **inputs: `TEACHER_INPUTS`, the exported students, and as `measured_<artefact>` the rows of all.
    """
    from gsam_edge.evaluate.split_images import SplitImages
    from gsam_edge.evaluate.timing import time_artefacts, timed_export, timed_student, timed_teacher

    timed = {}
    if "status" not in inputs["measured_teacher"]:
        tuned = tuned_teachers(inputs, choice)
        teacher = composed_teacher(
            annotations_test, tuned, choice, labelling, teacher_report, device, detection=labelling.detection
        )
        timed["teacher"] = timed_teacher(teacher, annotations_test, evaluation)
    if "status" not in inputs[f"measured_{STUDENT}"]:
        timed[STUDENT] = timed_student(student_weights, evaluation, device)
    for name, made_as in FORMATS.items():
        artefact = f"{STUDENT}_{name}"
        if "status" not in inputs[f"measured_{artefact}"]:
            timed[artefact] = timed_export(made_as, inputs[artefact], evaluation)
    return time_artefacts(timed, SplitImages(annotations_test, images), evaluation)


def compare(
    times: dict[str, Row], evaluation_report: dict[str, Any], **measurements: Row
) -> tuple[list[Row], DataFrame, InteractiveFigure]:
    """Compares all artefacts that could be measured: as a report, as a table for kedro-viz, as a plot."""
    from gsam_edge.evaluate.comparison import comparison_frame, comparison_rows
    from gsam_edge.report.differences import told_differences
    from gsam_edge.report.plots.comparison import plot_comparison

    rows = comparison_rows(measurements, times)
    return rows, comparison_frame(rows), plot_comparison(rows, list(told_differences(evaluation_report)))


def recommend(
    comparison: list[Row],
    evaluation_report: dict[str, Any],
    budget: BudgetConfig,
    files: ArtefactFiles,
    **measurements: Row,
) -> dict[str, Any]:
    """Says which artefact to ship, why, where its file is, and what all others miss (see `evaluate.budget`)."""
    from gsam_edge.evaluate.budget import recommend

    unmeasured = {row["artefact"]: row["why"] for row in measurements.values() if "status" in row}
    return recommend(comparison, unmeasured, evaluation_report, budget, files)


def evaluate_artefacts(
    annotations_test: Annotations,
    evaluation: EvaluationConfig,
    recommended: dict[str, Any],
    duplicates: dict[str, Any],
    split: SplitConfig,
    **artefacts: Predictions,
) -> dict[str, Any]:
    """Returns every artefact's figures in detail, and how they differ from the student's (see `evaluate.report`)."""
    from gsam_edge.evaluate.report import draws_of, evaluation_report

    draws = draws_of(annotations_test, split.group_by, duplicates)
    return evaluation_report(annotations_test, artefacts, recommended, evaluation, draws)


def plot_evaluation(evaluation_report: dict[str, Any]) -> tuple[InteractiveFigure, ...]:
    """Plots the student's confusion of classes, precision by recall, and the share of right ones by score."""
    from gsam_edge.evaluate.report import diagnosed
    from gsam_edge.report.plots.accuracy import plot_confusion, plot_precision_recall, plot_reliability

    of_student = diagnosed(evaluation_report, STUDENT)
    return (
        plot_confusion(of_student["confusion"]),
        plot_precision_recall(of_student["curves"], of_student["per_class"]),
        plot_reliability(of_student["calibration"]),
    )


def draw_predictions(
    annotations_test: Annotations,
    images: ImageSource,
    evaluation: EvaluationConfig,
    recommended: dict[str, Any],
    **columns: Predictions,
) -> Figure:
    """Draws the annotations and the artefacts' predictions on the same images, at the scores that are recommended."""
    from gsam_edge.evaluate.drawn import plot_predictions

    return plot_predictions(annotations_test, images, columns, evaluation, recommended)
