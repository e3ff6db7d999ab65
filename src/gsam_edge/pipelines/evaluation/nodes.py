"""Nodes of `evaluation`: each measures one artefact on the test split in a fresh process."""

from collections.abc import Callable
from typing import Any

from gsam_edge.coco import Annotations, SplitConfig
from gsam_edge.distill.config import LabellingConfig
from gsam_edge.evaluate.config import EvaluationConfig, GateConfig
from gsam_edge.export.format import NotBuilt
from gsam_edge.export.table import FORMATS
from gsam_edge.pipelines.templates import STUDENT, tuned_teachers
from gsam_edge.pipelines.types import DataFrame, Figure, Predictions, StudentWeights
from gsam_edge.report.facts.config import ReportConfig
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
    duplicates: dict[str, Any],
    split: SplitConfig,
    **teachers: Any,
) -> tuple[Row, Predictions]:
    """Measures the tuned teachers that the data calls for, in PyTorch."""
    from gsam_edge.evaluate.artefacts import evaluate_teacher
    from gsam_edge.evaluate.report import draws_of
    from gsam_edge.teachers.compose import compose_teacher

    tuned = tuned_teachers(teachers, choice)
    teacher = compose_teacher(annotations_test, tuned, choice, detection=labelling.detection, device=device)
    draws = draws_of(annotations_test, split.group_by, duplicates)
    return evaluate_teacher(teacher, annotations_test, images, evaluation, device, draws)


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
        from gsam_edge.evaluate.report import draws_of

        draws = draws_of(annotations_test, split.group_by, duplicates)
        return evaluate_student(
            student_weights, annotations_test, images, evaluation, device, draws, recommended, model=model
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
        from gsam_edge.evaluate.report import draws_of

        draws = draws_of(annotations_test, split.group_by, duplicates)
        return evaluate_exported(
            f"{model}_{name}", FORMATS[name], content, student_weights, annotations_test, images, evaluation, draws
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
    duplicates: dict[str, Any],
    split: SplitConfig,
    **artefacts: Predictions,
) -> dict[str, Any]:
    """Returns every artefact's figures in detail, and how they differ from the student's (see `evaluate.report`)."""
    from gsam_edge.evaluate.report import draws_of, evaluation_report

    draws = draws_of(annotations_test, split.group_by, duplicates)
    return evaluation_report(annotations_test, artefacts, recommended, evaluation, draws)


def plot_evaluation(evaluation_report: dict[str, Any]) -> tuple[Figure, Figure, Figure]:
    """Plots the student's confusion of classes, precision by recall, and the share of right ones by score."""
    from gsam_edge.report.accuracy_plots import plot_confusion, plot_precision_recall, plot_reliability

    of_student = evaluation_report["artefacts"][STUDENT]
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
    from gsam_edge.evaluate.artefacts import plot_predictions

    return plot_predictions(annotations_test, images, columns, evaluation, recommended)


def write_report(
    annotations_test: Annotations,
    images: ImageSource,
    predictions: Predictions,
    student_weights: StudentWeights,
    dataset: str,
    config: ReportConfig,
    gate: GateConfig,
    **reports: Any,
) -> tuple[str, str]:
    """Writes the report for people, one HTML file, and the model card: both say what the reports say."""
    from gsam_edge.report.facts.collect import collect_facts
    from gsam_edge.report.pages.html import html_report
    from gsam_edge.report.pages.model_card import model_card

    facts = collect_facts(
        annotations_test,
        images,
        predictions,
        dataset=dataset,
        student_digest=student_weights.digest,
        reports=reports,
        config=config,
        most_drop=gate.most_drop,
    )
    return html_report(facts), model_card(facts)
