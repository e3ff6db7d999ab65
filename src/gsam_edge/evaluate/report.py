"""Every artefact's accuracy in detail, and how it differs from the student's."""

from collections.abc import Mapping, Sequence
from typing import Any

from gsam_edge.coco import Annotations
from gsam_edge.coco.predictions import Predictions
from gsam_edge.coco.splitting.grouping import related_images
from gsam_edge.evaluate.comparison import NothingMeasuredError, count_objects
from gsam_edge.evaluate.config import EvaluationConfig
from gsam_edge.metrics.accuracy import Accuracy, DrawnFigure, Draws, accuracy
from gsam_edge.metrics.coco.diagnosis import calibration, confusion, curves, errors
from gsam_edge.metrics.detection import evaluate_predictions
from gsam_edge.metrics.figure_names import in_words
from gsam_edge.metrics.thresholds import at_threshold, count_shown, thresholds_of

Row = dict[str, Any]
#: Points, or false alarms, that are none with the one decimal in which they are told.
_NOTHING = 0.05
#: Figures of which less is better.
_LESS_IS_BETTER = ("ece", "false_alarms_per_100_images")


def draws_of(truth: Annotations, group_by: str, duplicates: Mapping[str, Any]) -> Draws:
    """Draws the images of a split; those of one source and near copies stay together, as they do in the split.

    Args:
        truth: the split.
        group_by: `split.group_by`.
        duplicates: the catalog's `image_duplicates`.
    """
    return Draws.of(truth, related_images(truth, group_by, duplicates["near"]))


def evaluation_report(
    truth: Annotations,
    artefacts: Mapping[str, Predictions],
    recommended: Mapping[str, Any],
    config: EvaluationConfig,
    draws: Draws,
    *,
    model: str = "student",
) -> Row:
    """Returns the catalog's `evaluation_report`.

    Args:
        truth: the test split.
        artefacts: catalog name to predictions; those that were not built have none, and are left out.
        recommended: thresholds of the student (see `metrics.thresholds.recommend_thresholds`).
        config: how predictions are matched, and the threshold of a model that has none of its own.
        draws: of the split's images.
        model: the artefact that the others are compared with; those whose name begins with it take its thresholds.

    Returns:
        `split`, `images`, `objects`; `artefacts`, by name: `figures` {name: {value, ci95}}, `per_class` and `per_size`
        {name: the same}, `at_threshold`, `confusion`, `curves`, `calibration` (see `metrics`), `errors` {kind: box
        mAP50 that it costs} and `error_counts`; `differences`, by name {against, figures: {name: {difference, ci95,
        verdict}}}. Figures are 0..1, and a figure that does not apply is absent, as is an interval where too few images
        hold objects.
    """
    thresholds = thresholds_of(truth.class_names, recommended)
    rows: dict[str, Row] = {}
    drawn: dict[str, Accuracy] = {}
    for name, predictions in artefacts.items():
        if predictions.objects:
            least = thresholds if name.startswith(model) else config.timed_score_threshold
            rows[name], drawn[name] = _detailed(truth, predictions, least, config, draws)
    base = drawn.get(model)
    differences = {
        name: {"against": model, "figures": _differences(name, figures.figures, model, base.figures)}
        for name, figures in drawn.items()
        if base is not None and name != model
    }
    return {
        "split": "test",
        "images": len(truth.images),
        "objects": count_objects(truth, "test"),
        "artefacts": rows,
        "differences": differences,
    }


def diagnosed(report: Mapping[str, Any], model: str) -> Row:
    """Returns the artefact of a report whose mistakes are shown: the student, or, where it failed, an export of it.

    Raises:
        NothingMeasuredError: if all of them failed, and the teacher, too.
    """
    known = {name: part for name, part in report["artefacts"].items() if "confusion" in part}
    for name in (model, *(name for name in known if name.startswith(model)), *known):
        if name in known:
            return known[name]
    raise NothingMeasuredError(
        "evaluation: expected at least one artefact that can be measured, got none; the log says why of each"
    )


def shown_accuracy(
    truth: Annotations,
    predictions: Predictions,
    thresholds: float | Sequence[float],
    config: EvaluationConfig,
    draws: Draws,
) -> tuple[Row, Accuracy]:
    """Returns what an artefact comes to at a threshold, with intervals as `ci95`, and all its figures.

    The boxes of a model that was given the true ones say nothing of it: then there is no threshold.
    """
    prompted, found = predictions.predictor.prompted_with_boxes, predictions.objects
    match_iou = config.match_box_iou
    counted = None if prompted else count_shown(truth, found, thresholds, match_iou=match_iou)
    figures = accuracy(truth, found, draws, counted, match_iou=match_iou, boxes=not prompted)
    if counted is None:
        return {}, figures
    names = ("precision", "recall", "f1", "false_alarms_per_100_images")
    intervals = {name: figures.figures[name].ci95 for name in names if name in figures.figures}
    row = at_threshold(counted, thresholds, truth.class_names)
    return row | {"ci95": {name: ci95 for name, ci95 in intervals.items() if ci95 is not None}}, figures


def _detailed(
    truth: Annotations,
    predictions: Predictions,
    thresholds: float | Sequence[float],
    config: EvaluationConfig,
    draws: Draws,
) -> tuple[Row, Accuracy]:
    shown, drawn = shown_accuracy(truth, predictions, thresholds, config, draws)
    row: Row = {
        "figures": _rows(drawn.figures),
        "per_class": {name: _rows(figures) for name, figures in drawn.per_class.items()},
        "per_size": {name: _rows(figures) for name, figures in drawn.per_size.items()},
    }
    found = predictions.objects
    if shown:
        boxes, mistakes = evaluate_predictions(truth, found, "bbox"), errors(truth, found)
        row |= {
            "at_threshold": shown,
            "confusion": confusion(truth, found, thresholds, match_iou=config.match_box_iou),
            "curves": {} if boxes is None else curves(truth, boxes),
            "calibration": calibration(truth, found),
            "errors": {name: each["map50"] for name, each in mistakes.items()},
            "error_counts": {name: each["count"] for name, each in mistakes.items()},
        }
    return row, drawn


def _rows(figures: Mapping[str, DrawnFigure]) -> Row:
    return {name: figure.row() for name, figure in figures.items()}


def _differences(name: str, figures: Mapping[str, DrawnFigure], base_name: str, base: Mapping[str, DrawnFigure]) -> Row:
    """Returns by how much each figure that both have differs, image by image, with a verdict in words."""
    rows = {}
    for figure, ours in figures.items():
        if figure in base:
            difference = ours - base[figure]
            interval = difference.row()
            verdict = _verdict(name, figure, difference, base_name)
            rows[figure] = {"difference": interval.pop("value"), **interval, "verdict": verdict}
    return rows


def _verdict(name: str, figure: str, difference: DrawnFigure, against: str) -> str:
    """Returns a sentence such as "student_onnx_int8 loses 0.3 ± 0.4 points of box mAP50: not distinguishable"."""
    hundred = figure == "false_alarms_per_100_images"
    unit, of = (1, in_words(figure)) if hundred else (100, f"points of {in_words(figure)}")
    value, ci95 = unit * difference.value, difference.ci95
    if abs(value) < _NOTHING and (ci95 is None or max(map(abs, ci95)) * unit < _NOTHING):
        return f"{name} has the same {in_words(figure)} as {against}"
    does = ("has {:.1f} more", "has {:.1f} fewer") if figure in _LESS_IS_BETTER else ("gains {:.1f}", "loses {:.1f}")
    amount = does[value < 0].format(abs(value))
    if ci95 is None:
        return f"{name} {amount} {of} against {against}: too few images with objects to tell it from chance"
    amount += f" ± {unit * (ci95[1] - ci95[0]) / 2:.1f} {of} against {against}"
    if ci95[0] <= 0 <= ci95[1]:
        return f"{name} {amount}: not distinguishable"
    better = (value < 0) == (figure in _LESS_IS_BETTER)
    return f"{name} {amount}: {'better' if better else 'worse'}"
