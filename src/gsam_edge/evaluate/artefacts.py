"""Measures teacher, student and exported students on the test split, each in its runtime."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from importlib.metadata import version
from typing import Any

from gsam_edge.coco import Annotations, InvalidDatasetError
from gsam_edge.coco.packed import PackedDetections
from gsam_edge.coco.predictions import Predictions, PredictorInfo, by_image
from gsam_edge.coco.provenance import require_made_from
from gsam_edge.evaluate.comparison import comparison_row, count_objects
from gsam_edge.evaluate.config import EvaluationConfig
from gsam_edge.evaluate.measure import measure, predict_all
from gsam_edge.evaluate.report import shown_accuracy
from gsam_edge.evaluate.split_images import SplitImages, TrueBoxes
from gsam_edge.export.format import Format, NotBuilt
from gsam_edge.metrics.accuracy import Draws
from gsam_edge.metrics.figures import FIGURES
from gsam_edge.metrics.measured import Measurement
from gsam_edge.metrics.thresholds import thresholds_of
from gsam_edge.runtime import Detector
from gsam_edge.runtime.engines.table import ENGINES
from gsam_edge.students.predictor import student_predictor
from gsam_edge.students.weights import StudentWeights
from gsam_edge.teachers.compose import Teacher
from gsam_edge.training.device import DeviceName, resolve_device
from gsam_edge.vision import Detections
from gsam_edge.vision.images import ImageSource

Row = dict[str, Any]
#: Builds a predictor in the process that is measured.
Factory = Callable[[], Callable[..., Detections]]


def evaluate_teacher(
    teacher: Teacher,
    found: Predictions,
    truth: Annotations,
    images: ImageSource,
    config: EvaluationConfig,
    device: DeviceName,
    draws: Draws,
) -> tuple[Row, Predictions]:
    """Measures the tuned teachers in PyTorch. An outliner alone is prompted with the true boxes; the row says so.

    Args:
        teacher: the teachers as they label, with the scores from which on detections are measured.
        found: what they found on the split when they labelled.
        truth: the test split.
        images: where its images come from.
        config: how they are timed.
        device: where PyTorch runs.
        draws: of the split's images, for the intervals.

    Returns:
        The row of `comparison` (see `comparison_row`) with `prompt` and `digest`, that of bases, adapters and settings
        by which the same teacher is known again, and the predictions. Beside the figures stand
        `intervals` (95 %, by figure), `at_threshold` (see `metrics.thresholds.at_threshold`), `stages_ms` and, where it
        can be read, `energy_mj` (see `Measurement`).

    Raises:
        InvalidDatasetError: if `found` was found by other teachers or with other settings, or on another split.
    """
    remedy = "run the pipeline distillation from its node label_test_images"
    require_made_from(
        truth, what="teacher_labels_test", class_names=found.class_names, split_digest=found.split, remedy=remedy
    )
    if found.predictor.digest != teacher.description.digest:
        raise InvalidDatasetError(
            f"teacher_labels_test: expected what the present teachers find ({teacher.description.digest:.12}...), got "
            f"what others or other settings found ({found.predictor.digest:.12}...); {remedy}"
        )
    prompts = None
    if teacher.description.prompted_with_boxes:
        prompts = TrueBoxes(truth)
    where = str(resolve_device(device))
    runtime = f"torch {version('torch')} {where}"
    if prompts is not None:
        runtime += ", true boxes given"
    row, predictions = _measured(
        "teacher",
        runtime,
        where,
        lambda: [found.objects[image["id"]] for image in truth.images],
        teacher.with_score_threshold(config.timed_score_threshold),
        truth,
        images,
        teacher.size_bytes,
        config,
        draws,
        config.timed_score_threshold,
        score_threshold=None if prompts is not None else teacher.detection.score_threshold,
        prompts=prompts,
    )
    if prompts is not None:
        # Boxes that were given as prompts do not measure the teacher.
        row = {name: value for name, value in row.items() if not name.startswith("box_")}
        for figures in row["per_class"].values():
            figures.pop("box_map50", None)
    told = {"prompt": "class names" if prompts is None else "true boxes", "digest": teacher.description.digest}
    return row | told, predictions


def evaluate_student(
    weights: StudentWeights,
    truth: Annotations,
    images: ImageSource,
    config: EvaluationConfig,
    device: DeviceName,
    draws: Draws,
    recommended: Mapping[str, Any],
    *,
    model: str = "student",
) -> tuple[Row, Predictions]:
    """Measures the student in PyTorch; returns as `evaluate_teacher` does.

    Args:
        weights: the student.
        truth: the test split.
        images: where its images come from.
        config: how it is measured.
        device: where PyTorch runs.
        draws: of the split's images, for the intervals.
        recommended: its thresholds (see `thresholds.student_thresholds`).
        model: what its row calls it.

    Raises:
        InvalidDatasetError: if it was trained for other classes or on another split.
    """
    require_made_from(
        truth,
        what=f"{model}_weights",
        class_names=weights.class_names,
        split_digest=weights.split,
        remedy="run the pipeline distillation",
    )
    content = weights.to_bytes()
    where = str(resolve_device(device))

    def with_score_threshold(score_threshold: float) -> Factory:
        return student_predictor(content, score_threshold=score_threshold, device=where)

    return _student_measured(
        model,
        f"torch {version('torch')} {where}",
        where,
        with_score_threshold,
        truth,
        images,
        len(content),
        config,
        draws,
        thresholds_of(truth.class_names, recommended),
    )


def evaluate_exported(
    artefact: str,
    made_as: Format[Any, Any],
    content: bytes | NotBuilt,
    weights: StudentWeights,
    truth: Annotations,
    images: ImageSource,
    config: EvaluationConfig,
    draws: Draws,
) -> tuple[Row, Predictions]:
    """Measures an exported student in the engine of its format; returns as `evaluate_teacher` does.

    Its thresholds are those of its card. Its row also holds `digest`, SHA-256 of the file.

    For an artefact that was not built, the row holds `artefact`, `status` and `why`, and there are no predictions.

    Raises:
        InvalidDatasetError: if it was made from other weights, for other classes or on another split.
    """
    if isinstance(content, NotBuilt):
        nothing = Predictions({}, truth.class_names, PredictorInfo(artefact, "", prompted_with_boxes=False))
        return {"artefact": artefact, "status": "not built", "why": content.why}, nothing
    card = made_as.read_card(content)
    remedy = "run the pipeline optimization, after distillation where that was not run either"
    require_made_from(truth, what=artefact, class_names=card.class_names, split_digest=card.split, remedy=remedy)
    if card.weights != weights.digest:
        raise InvalidDatasetError(
            f"{artefact}: expected an export of the present student_weights ({weights.digest:.12}...), got one of "
            f"other weights ({card.weights or 'not recorded'!s:.12}); {remedy}"
        )

    def with_score_threshold(score_threshold: float) -> Factory:
        return partial(Detector.open, content, made_as.suffix, score_threshold=score_threshold, threads=config.threads)

    engine = ENGINES[made_as.engine]
    runtime = f"{made_as.engine} {engine.version()} {engine.device}"
    least = card.recommended_thresholds or config.timed_score_threshold
    row, predictions = _student_measured(
        artefact, runtime, engine.device, with_score_threshold, truth, images, len(content), config, draws, least
    )
    return row | {"digest": hashlib.sha256(content).hexdigest()}, predictions


def _student_measured(
    artefact: str,
    runtime: str,
    device: str,
    with_score_threshold: Callable[[float], Factory],
    truth: Annotations,
    images: ImageSource,
    size_bytes: int,
    config: EvaluationConfig,
    draws: Draws,
    thresholds: float | Sequence[float],
) -> tuple[Row, Predictions]:
    """Measures an artefact without prompts; what it finds down to low scores comes from a process of its own."""

    def found() -> list[PackedDetections]:
        factory = with_score_threshold(config.score_threshold)
        return predict_all(factory, SplitImages(truth, images), threads=config.threads, timeout_s=config.timeout_s)

    return _measured(
        artefact,
        runtime,
        device,
        found,
        with_score_threshold(config.timed_score_threshold),
        truth,
        images,
        size_bytes,
        config,
        draws,
        thresholds,
        score_threshold=config.score_threshold,
    )


def _measured(
    artefact: str,
    runtime: str,
    device: str,
    found: Callable[[], Sequence[PackedDetections]],
    factory: Factory,
    truth: Annotations,
    images: ImageSource,
    size_bytes: int,
    config: EvaluationConfig,
    draws: Draws,
    thresholds: float | Sequence[float],
    *,
    score_threshold: float | None,
    prompts: Sequence[Detections] | None = None,
) -> tuple[Row, Predictions]:
    count_objects(truth, "test")  # refuses a split without objects before the long measurement
    measured = measure(
        found(),
        factory,
        SplitImages(truth, images),
        prompts=prompts,
        calls=config.calls,
        threads=config.threads,
        timeout_s=config.timeout_s,
    )
    row = comparison_row(
        artefact,
        runtime,
        truth,
        measured,
        device=device,
        score_threshold=score_threshold,
        size_mb=size_bytes / 1e6,
        match_box_iou=config.match_box_iou,
    )
    predictor = PredictorInfo(artefact, "", prompts is not None)
    predictions = Predictions(by_image(truth, measured.predictions), truth.class_names, predictor)
    return row | _shown_row(truth, predictions, thresholds, config, draws, measured), predictions


def _shown_row(
    truth: Annotations,
    predictions: Predictions,
    thresholds: float | Sequence[float],
    config: EvaluationConfig,
    draws: Draws,
    measured: Measurement,
) -> Row:
    """Returns the parts of a row that say how sure its figures are, and what is seen at the threshold in use."""
    at_score, drawn = shown_accuracy(truth, predictions, thresholds, config, draws)
    intervals = {name: drawn.figures[name].ci95 for name in FIGURES if name in drawn.figures}
    row: Row = {"intervals": {name: ci95 for name, ci95 in intervals.items() if ci95 is not None}}
    if at_score:
        row["at_threshold"] = {name: value for name, value in at_score.items() if name != "per_class"}
    row["stages_ms"] = dict(measured.stages_ms)
    return row if measured.energy_mj is None else row | {"energy_mj": measured.energy_mj}
