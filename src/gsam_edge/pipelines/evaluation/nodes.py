"""Nodes of `evaluation`: each measures one artefact on the test split in a fresh process."""

from collections.abc import Callable, MutableMapping
from typing import Any

from gsam_edge.coco import Annotations
from gsam_edge.coco.images.scan import ImageFiles
from gsam_edge.distill.config import LabellingConfig
from gsam_edge.evaluate.config import EvaluationConfig
from gsam_edge.evaluate.failures.config import FailuresConfig
from gsam_edge.evaluate.review.config import NextToLabelConfig, ReviewConfig
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


def find_failures(
    annotations_test: Annotations,
    images: ImageSource,
    predictions: Predictions,
    recommended: dict[str, Any],
    evaluation: EvaluationConfig,
    failures: FailuresConfig,
) -> tuple[dict[str, Any], Figure]:
    """Finds what the student gets wrong at its recommended thresholds: as a report, and drawn."""
    from gsam_edge.evaluate.failures.find import find_failures as find
    from gsam_edge.metrics.thresholds import thresholds_of
    from gsam_edge.report.failure_plots import plot_failures

    thresholds = thresholds_of(annotations_test.class_names, recommended)
    found = find(
        "student",
        annotations_test,
        predictions,
        images,
        thresholds,
        failures,
        match_iou=evaluation.match_box_iou,
    )
    totals, names = found.report["totals"], annotations_test.class_names
    return found.report, plot_failures(found.drawn, names, totals, image_width=failures.image_width)


def look_at_labelled(
    student_weights: StudentWeights,
    train: Annotations,
    val: Annotations,
    images: ImageSource,
    evaluation: EvaluationConfig,
    review: ReviewConfig,
    seed: int,
    device: DeviceName,
) -> tuple[Predictions, Predictions]:
    """Returns what the student finds in training images, at most `review.looked_at`, and in the validation images."""
    from gsam_edge.evaluate.review.look import findings_of

    threshold = evaluation.score_threshold
    return (
        findings_of(
            student_weights, train, images, most=review.looked_at, threshold=threshold, seed=seed, device=device
        ),
        findings_of(student_weights, val, images, most=len(val.images), threshold=threshold, seed=seed, device=device),
    )


def make_review(
    train: Annotations,
    val: Annotations,
    test: Annotations,
    student_train: Predictions,
    student_val: Predictions,
    student_test: Predictions,
    teacher_train: Predictions,
    teacher_val: Predictions,
    teacher_test: Predictions,
    images: Any,
    evaluation: EvaluationConfig,
    failures: FailuresConfig,
    review: ReviewConfig,
) -> tuple[tuple[Any, Any], dict[str, Any], Figure]:
    """Hands out the labels that truth, student and teacher disagree on most; also as a report, and drawn."""
    from gsam_edge.evaluate.review.build import make_review as make
    from gsam_edge.report.review_plots import plot_review

    made = make(
        {"train": train, "val": val, "test": test},
        {"train": student_train, "val": student_val, "test": student_test},
        {"train": teacher_train, "val": teacher_val, "test": teacher_test},
        images,
        review,
        failures.errors(evaluation.match_box_iou),
    )
    sheet = plot_review(made.drawn, train.class_names, image_width=review.image_width)
    return (made.review, images), made.report, sheet


def choose_next_to_label(
    student_weights: StudentWeights,
    train: Annotations,
    val: Annotations,
    test: Annotations,
    held_back: Annotations,
    pool: Annotations,
    student_val: Predictions,
    teacher_val: Predictions,
    teacher_pool: Predictions,
    images: ImageSource,
    unlabelled: ImageFiles,
    image_scan: MutableMapping[str, Any],
    evaluation: EvaluationConfig,
    failures: FailuresConfig,
    config: NextToLabelConfig,
    seed: int,
    device: DeviceName,
) -> tuple[dict[str, Any], DataFrame, Figure]:
    """Chooses the unlabelled images to label first: as a report, a table and drawn.

    Where no teacher labels a pool (masks alone, say), the student alone tells which.
    """
    from gsam_edge.coco.needs import Need
    from gsam_edge.distill.labels.pool import UNLABELLED, PooledImages, collect_pool
    from gsam_edge.evaluate.review.look import propose
    from gsam_edge.report.review_plots import plot_next_to_label

    if not pool.images:
        parts = {"train": train, "val": val, "test": test}
        anybody = Need(True, "the student labels nothing here")
        pool = collect_pool(held_back, parts, images, unlabelled, finder=anybody, scanned=image_scan).annotations
    proposed = propose(
        student_weights,
        {"train": train, "val": val, "pool": pool},
        student_val,
        {"val": teacher_val, "pool": teacher_pool},
        PooledImages(images, unlabelled),  # type: ignore[arg-type]
        config,
        unlabelled_mark=UNLABELLED,
        overlaps=failures.errors(evaluation.match_box_iou),
        threshold=evaluation.score_threshold,
        seed=seed,
        device=device,
    )
    looked_at = proposed.report["looked_at"]
    sheet = plot_next_to_label(proposed.drawn, train.class_names, of=looked_at, image_width=config.image_width)
    return proposed.report, proposed.table, sheet


def draw_predictions(
    annotations_test: Annotations, images: ImageSource, evaluation: EvaluationConfig, **columns: Predictions
) -> Figure:
    """Draws the annotations and the artefacts' predictions on the same images."""
    from gsam_edge.evaluate.artefacts import plot_predictions

    return plot_predictions(annotations_test, images, columns, evaluation)
