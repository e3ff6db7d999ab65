"""Nodes of `review`: what fails, which labels may be wrong, which images to label."""

from collections.abc import MutableMapping
from typing import Any

from gsam_edge.coco import Annotations, SplitConfig
from gsam_edge.coco.images.scan import ImageFiles
from gsam_edge.coco.splitting.grouping import related_images
from gsam_edge.distill.config import LabellingConfig
from gsam_edge.evaluate.config import EvaluationConfig
from gsam_edge.evaluate.failures.config import FailuresConfig
from gsam_edge.evaluate.review.config import NextToLabelConfig, ReviewConfig
from gsam_edge.pipelines.types import DataFrame, Figure, Predictions, StudentWeights
from gsam_edge.training.device import DeviceName
from gsam_edge.vision.images import ImageSource


def find_failures(
    annotations_test: Annotations,
    images: ImageSource,
    predictions: Predictions,
    recommended: dict[str, Any],
    duplicates: dict[str, Any],
    split: SplitConfig,
    evaluation: EvaluationConfig,
    failures: FailuresConfig,
) -> tuple[dict[str, Any], Figure]:
    """Finds what the student gets wrong at its recommended thresholds: as a report, and drawn."""
    from gsam_edge.evaluate.failures.find import find_failures as find
    from gsam_edge.metrics.thresholds import thresholds_of
    from gsam_edge.report.plots.failures import plot_failures

    thresholds = thresholds_of(annotations_test.class_names, recommended)
    found = find(
        "student",
        annotations_test,
        predictions,
        images,
        thresholds,
        failures,
        match_iou=evaluation.match_box_iou,
        together=related_images(annotations_test, split.group_by, duplicates["near"]),
    )
    totals, names = found.report["totals"], annotations_test.class_names
    return found.report, plot_failures(found.drawn, names, totals, image_width=failures.image_width)


def look_at_labelled(
    student_weights: StudentWeights,
    train: Annotations,
    val: Annotations,
    images: ImageSource,
    store: MutableMapping[str, dict[str, Any]],
    evaluation: EvaluationConfig,
    review: ReviewConfig,
    seed: int,
    device: DeviceName,
) -> tuple[Predictions, Predictions]:
    """Returns what the student finds in training images, at most `review.looked_at`, and in the validation images."""
    from gsam_edge.evaluate.review.look import findings_of

    def found_in(part: Annotations, most: int) -> Predictions:
        return findings_of(
            student_weights,
            part,
            images,
            most=most,
            threshold=evaluation.score_threshold,
            seed=seed,
            device=device,
            store=store,
        )

    return found_in(train, review.looked_at), found_in(val, len(val.images))


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
    labelling: LabellingConfig,
    review: ReviewConfig,
) -> tuple[tuple[Any, Any], dict[str, Any], Figure]:
    """Hands out the labels that truth, student and teacher disagree on most; also as a report, and drawn."""
    from gsam_edge.evaluate.review.build import make_review as make
    from gsam_edge.report.plots.review import plot_review

    made = make(
        {"train": train, "val": val, "test": test},
        {"train": student_train, "val": student_val, "test": student_test},
        {"train": teacher_train, "val": teacher_val, "test": teacher_test.scoring(labelling.score_threshold)},
        images,
        review,
        failures.errors(evaluation.match_box_iou),
    )
    sheet = plot_review(made.drawn, train.class_names, image_width=review.image_width)
    return (made.review, images), made.report, sheet


def collect_unlabelled(
    pool: Annotations,
    pool_report: dict[str, Any],
    teacher_val: Predictions,
    train: Annotations,
    val: Annotations,
    test: Annotations,
    images: ImageSource,
    unlabelled: ImageFiles,
    image_scan: MutableMapping[str, Any],
) -> tuple[Annotations, dict[str, Any]]:
    """Returns the images that people may label: the pool, or without a teacher for it the unlabelled folder."""
    from gsam_edge.distill.labels.pool import Pool, pool_or_all_unlabelled

    parts = {"train": train, "val": val, "test": test}
    found = pool_or_all_unlabelled(
        Pool(pool, pool_report),
        parts,
        images,
        unlabelled,
        is_labelled=not teacher_val.predictor.prompted_with_boxes,
        scanned=image_scan,
    )
    return found.annotations, found.report


def choose_next_to_label(
    student_weights: StudentWeights,
    train: Annotations,
    val: Annotations,
    pool: Annotations,
    pool_report: dict[str, Any],
    student_val: Predictions,
    teacher_val: Predictions,
    teacher_pool: Predictions,
    images: ImageSource,
    unlabelled: ImageSource,
    store: MutableMapping[str, dict[str, Any]],
    evaluation: EvaluationConfig,
    failures: FailuresConfig,
    config: NextToLabelConfig,
    seed: int,
    device: DeviceName,
) -> tuple[dict[str, Any], DataFrame, Figure]:
    """Chooses the unlabelled images to label first: as a report, a table and drawn."""
    from gsam_edge.distill.labels.pool import UNLABELLED, PooledImages
    from gsam_edge.evaluate.review.look import propose
    from gsam_edge.report.plots.review import plot_next_to_label

    proposed = propose(
        student_weights,
        {"train": train, "val": val, "pool": pool},
        student_val,
        {"val": teacher_val, "pool": teacher_pool},
        PooledImages(images, unlabelled),
        config,
        unlabelled_mark=UNLABELLED,
        overlaps=failures.errors(evaluation.match_box_iou),
        threshold=evaluation.score_threshold,
        seed=seed,
        device=device,
        store=store,
        why_empty=pool_report.get("why"),
    )
    looked_at = proposed.report["looked_at"]
    sheet = plot_next_to_label(proposed.drawn, train.class_names, of=looked_at, image_width=config.image_width)
    return proposed.report, proposed.table, sheet
