"""Chooses on validation images the score from which a student's objects are shown."""

from typing import Any

from gsam_edge.coco import Annotations
from gsam_edge.coco.predictions import by_image
from gsam_edge.coco.provenance import require_made_from
from gsam_edge.evaluate.config import EvaluationConfig, ThresholdConfig
from gsam_edge.evaluate.measure import predict_all
from gsam_edge.evaluate.split_images import SplitImages
from gsam_edge.metrics.thresholds import recommend_thresholds
from gsam_edge.students.predictor import student_predictor
from gsam_edge.students.weights import StudentWeights
from gsam_edge.training.device import DeviceName, resolve_device
from gsam_edge.vision.images import ImageSource


def student_thresholds(
    weights: StudentWeights,
    truth: Annotations,
    images: ImageSource,
    config: ThresholdConfig,
    evaluation: EvaluationConfig,
    device: DeviceName,
    *,
    model: str = "student",
) -> dict[str, Any]:
    """Returns the student's recommended thresholds, the catalog's `student_thresholds`.

    Args:
        weights: the student, which predicts in PyTorch: what it is exported to has its scores, but for quantisation.
        truth: the validation split.
        images: where its images come from.
        config: when a class is too small for a threshold of its own.
        evaluation: how predictions are made and matched.
        device: where PyTorch runs.
        model: what the student is called in messages.

    Returns:
        `split` "val", and what `metrics.thresholds.recommend_thresholds` returns.

    Raises:
        InvalidDatasetError: if the student was trained for other classes or on another split.
    """
    require_made_from(
        truth,
        what=f"{model}_weights",
        class_names=weights.class_names,
        split_digest=weights.split,
        remedy="run the pipeline distillation",
    )
    factory = student_predictor(weights, score_threshold=evaluation.score_threshold, device=str(resolve_device(device)))
    of_split = SplitImages(truth, images)
    found = []
    if truth.images:
        found = predict_all(factory, of_split, threads=evaluation.threads, timeout_s=evaluation.timeout_s)
    recommended = recommend_thresholds(
        truth,
        by_image(truth, found),
        match_iou=evaluation.match_box_iou,
        least_objects=config.least_objects,
        otherwise=evaluation.timed_score_threshold,
    )
    return {"split": "val", **recommended}
