"""Every artefact's figures in detail, and how they differ from the student's."""

from collections.abc import Mapping
from typing import Any

from gsam_edge.coco import Annotations
from gsam_edge.coco.predictions import Predictions
from gsam_edge.evaluate.comparison import count_objects
from gsam_edge.evaluate.config import EvaluationConfig
from gsam_edge.metrics.detection import class_map50, evaluate_predictions
from gsam_edge.metrics.thresholds import at_threshold, thresholds_of

#: The artefact that the others are compared with.
BASE = "student"


def evaluation_report(
    truth: Annotations,
    artefacts: Mapping[str, Predictions],
    recommended: Mapping[str, Any],
    config: EvaluationConfig,
) -> dict[str, Any]:
    """Returns the catalog's `evaluation_report`."""
    thresholds = thresholds_of(truth.class_names, recommended)
    rows = {}
    for name, predictions in artefacts.items():
        if not predictions.objects:  # an artefact that was not built
            continue
        figures: dict[str, Any] = {}
        per_class: dict[str, dict[str, Any]] = {class_name: {} for class_name in truth.class_names}
        for kind, iou_type in (("box", "bbox"), ("mask", "segm")):
            if kind == "box" and predictions.predictor.prompted_with_boxes:
                continue
            evaluation = evaluate_predictions(truth, predictions.objects, iou_type)  # type: ignore[arg-type]
            if evaluation is None:
                continue
            figures |= {f"{kind}_{figure}": {"value": value} for figure, value in evaluation.figures.items()}
            for class_name, value in class_map50(truth, evaluation).items():
                per_class[class_name][f"{kind}_map50"] = {"value": value}
        least: float | tuple[float, ...] = thresholds if name.startswith(BASE) else config.timed_score_threshold
        shown = at_threshold(truth, predictions.objects, least, match_iou=config.match_box_iou)
        rows[name] = {"figures": figures, "per_class": per_class, "at_threshold": shown}
    return {
        "split": "test",
        "images": len(truth.images),
        "objects": count_objects(truth, "test"),
        "artefacts": rows,
        "differences": {},
    }
