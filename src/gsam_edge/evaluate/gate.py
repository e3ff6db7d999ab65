"""Decides which exported students are shipped: by prompts, by PyTorch's outputs, by accuracy and by speed.

Accuracy and speed are compared with those of the student in single precision (`export.table.REFERENCE`), whose outputs
equal PyTorch's: accuracy on the validation split, since the test split must not choose anything, and latency in turns.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gsam_edge.coco import Annotations
from gsam_edge.coco.packed import PackedDetections
from gsam_edge.coco.predictions import by_image
from gsam_edge.evaluate.comparison import count_objects
from gsam_edge.evaluate.config import EvaluationConfig, GateConfig
from gsam_edge.evaluate.measure import MeasurementRefusedError, predict_all, times_in_turns
from gsam_edge.evaluate.split_images import SplitImages
from gsam_edge.export.evidence import collect_evidence
from gsam_edge.export.format import Format, NotBuilt, StudentModule
from gsam_edge.export.parity import ParityConfig
from gsam_edge.export.prompt_free import check_module_prompt_free
from gsam_edge.export.report import REFUSED, REJECTED, ArtefactEvidence
from gsam_edge.export.table import FORMATS, REFERENCE
from gsam_edge.metrics.bootstrap import paired_difference
from gsam_edge.metrics.detection import IouType, evaluate_predictions
from gsam_edge.metrics.resampling import IOUS_50_95, ResampledMap, resampled_map
from gsam_edge.runtime import Detector
from gsam_edge.vision import Detections
from gsam_edge.vision.images import ImageSource

Row = dict[str, Any]
Artefacts = dict[str, bytes | NotBuilt]

#: The figures that may not drop, by the word that stands before "mAP50-95".
_KINDS: Mapping[str, IouType] = {"box": "bbox", "mask": "segm"}


@dataclass(frozen=True)
class Accuracy:
    """What an artefact is worth on the validation split.

    Attributes:
        figures: "box", and "mask" where the data has masks, to mAP50-95 (0..1).
        resampled: the same to figures that can be computed anew for any draw of images.
        found: objects that score enough to be shown in normal use.
    """

    figures: Mapping[str, float]
    resampled: Mapping[str, ResampledMap]
    found: int


@dataclass(frozen=True)
class Measured:
    """An artefact beside the reference.

    Attributes:
        accuracy: its own.
        drop: points of mAP50-95 that it lost against the reference, by kind; empty for the reference itself.
        intervals: 95 % interval of each drop over the draw of images; absent where too few images hold objects.
        times_ms: float64 [turns, 2] of the reference and of itself, [turns, 1] for the reference.
    """

    accuracy: Accuracy
    drop: Mapping[str, float]
    intervals: Mapping[str, tuple[float, float]]
    times_ms: NDArray[np.float64]

    @property
    def ms(self) -> float:
        """Its median time."""
        return float(np.median(self.times_ms[:, -1]))

    @property
    def reference_ms(self) -> float:
        """The reference's median time in the same turns."""
        return float(np.median(self.times_ms[:, 0]))

    @property
    def ratio(self) -> float:
        """How many times as fast as the reference it is: the median over the turns."""
        return float(np.median(self.times_ms[:, 0] / self.times_ms[:, -1]))


class Bench:
    """Measures artefacts on one split."""

    def __init__(self, truth: Annotations, images: ImageSource, config: EvaluationConfig) -> None:
        """Takes the split, where its images come from, and how artefacts are measured."""
        self._truth, self._config = truth, config
        self._images = SplitImages(truth, images)

    def reference(self, made_as: Format[Any, Any], content: bytes) -> Measured:
        """Measures the artefact that all others are compared with. Raises as `measure.measure` does."""
        return Measured(self._accuracy(made_as, content), {}, {}, self._times([self._timed(made_as, content)]))

    def beside(
        self, reference: Measured, reference_content: bytes, made_as: Format[Any, Any], content: bytes
    ) -> Measured:
        """Measures another artefact. Raises as `measure.measure` does."""
        accuracy = self._accuracy(made_as, content)
        drop, intervals = {}, {}
        for kind, before in reference.accuracy.figures.items():
            drop[kind] = 100 * (before - accuracy.figures.get(kind, 0.0))
            if kind in accuracy.resampled:
                gain = paired_difference(reference.accuracy.resampled[kind], accuracy.resampled[kind])
                if gain is not None:
                    intervals[kind] = (-100 * gain.high, -100 * gain.low)
        timed = [self._timed(FORMATS[REFERENCE], reference_content), self._timed(made_as, content)]
        return Measured(accuracy, drop, intervals, self._times(timed))

    def _accuracy(self, made_as: Format[Any, Any], content: bytes) -> Accuracy:
        factory = self._factory(made_as, content, self._config.score_threshold)
        predictions = by_image(self._truth, predict_all(factory, self._images, threads=self._config.threads))
        figures, resampled = {}, {}
        for kind, iou_type in _KINDS.items():
            evaluation = evaluate_predictions(self._truth, predictions, iou_type)
            if evaluation is not None and "map50_95" in evaluation.figures:
                figures[kind] = evaluation.figures["map50_95"]
                resampled[kind] = resampled_map(self._truth, predictions, iou_type, IOUS_50_95)
        found = sum(_shown(packed, self._config.timed_score_threshold) for packed in predictions.values())
        return Accuracy(figures, resampled, found)

    def _timed(self, made_as: Format[Any, Any], content: bytes) -> Callable[[], Callable[..., Detections]]:
        return self._factory(made_as, content, self._config.timed_score_threshold)

    def _factory(
        self, made_as: Format[Any, Any], content: bytes, score_threshold: float
    ) -> Callable[[], Callable[..., Detections]]:
        threads = self._config.threads
        return partial(Detector.open, content, made_as.suffix, score_threshold=score_threshold, threads=threads)

    def _times(self, factories: Sequence[Callable[[], Callable[..., Detections]]]) -> NDArray[np.float64]:
        config = self._config
        return times_in_turns(
            factories, self._images, warmup=config.warmup_calls, repeats=config.timed_calls, threads=config.threads
        )


def gate_artefacts(
    student: StudentModule,
    candidates: Mapping[str, bytes | NotBuilt],
    truth: Annotations,
    images: ImageSource,
    parity: ParityConfig,
    config: GateConfig,
    evaluation: EvaluationConfig,
    *,
    model: str = "student",
) -> tuple[list[Row], Artefacts]:
    """Checks and measures every candidate.

    Args:
        student: what they were made from.
        candidates: by format, of `export.table.FORMATS`.
        truth: the validation split.
        images: where its images come from.
        parity: how outputs are compared with PyTorch's.
        config: what a candidate must reach.
        evaluation: how it is measured.
        model: what the rows call the student.

    Returns:
        The rows of `optimization_report`, and by format the content that is shipped, or `NotBuilt` with the verdict.
        A row holds `artefact`, `verdict` (its first word is "accepted", "refused", "rejected" or "not built"),
        and, where they apply, what `ArtefactEvidence.to_row` holds, `accuracy` {images, objects, found,
        <kind>_map50_95 0..1, <kind>_drop in points against the reference, <kind>_drop_ci95} with <kind> "box" and
        "mask", and `latency` {ms, fp32_ms, ratio, calls, threads}. An artefact that is "rejected" is wrong, and the run
        should end; one that is "refused" is not worth it.

    Raises:
        InvalidDatasetError: if the validation split holds no object.
    """
    objects = count_objects(truth, "validation")
    if fault := check_module_prompt_free(student.module).fault:
        verdict = f"{REJECTED}: the PyTorch student is not prompt-free: {fault}"
        rows: list[Row] = [{"artefact": model, "prompt_free": False, "verdict": verdict}]
        return rows, {name: NotBuilt(verdict) for name in candidates}

    built = {name: content for name, content in candidates.items() if not isinstance(content, NotBuilt)}
    made = {f"{model}_{name}": (FORMATS[name], content) for name, content in built.items()}
    names = [image["file_name"] for image in truth.images]
    evidence = dict(zip(built, collect_evidence(student, made, images, names, parity), strict=True))
    bench = Bench(truth, images, evaluation)
    reference: Measured | None = None
    rows, shipped = [], dict(candidates)
    for name in sorted(candidates, key=lambda name: name != REFERENCE):
        content = candidates[name]
        if isinstance(content, NotBuilt):
            rows.append({"artefact": f"{model}_{name}", "verdict": f"not built: {content.why}"})
            continue
        row, verdict = evidence[name].to_row(), evidence[name].objection
        if verdict is None and name != REFERENCE and reference is None:
            verdict = f"{REFUSED}: not measured, since {model}_{REFERENCE}, which it is compared with, is not accepted"
        if verdict is None:
            try:
                if reference is None:
                    measured = bench.reference(FORMATS[name], content)
                else:
                    measured = bench.beside(reference, built[REFERENCE], FORMATS[name], content)
            except MeasurementRefusedError as error:
                verdict = f"{REFUSED}: {error}"
            else:
                counts = {"images": len(truth.images), "objects": objects}
                row |= {"accuracy": counts | _accuracy_row(measured), "latency": _latency_row(measured, evaluation)}
                verdict = _verdict(evidence[name], measured, reference, FORMATS[name], config, evaluation, model)
                if name == REFERENCE and not verdict.startswith(REFUSED):
                    reference = measured
        rows.append(row | {"verdict": verdict})
        if verdict.startswith((REFUSED, REJECTED)):
            shipped[name] = NotBuilt(verdict)
    return rows, shipped


def _verdict(
    evidence: ArtefactEvidence,
    measured: Measured,
    reference: Measured | None,
    made_as: Format[Any, Any],
    config: GateConfig,
    evaluation: EvaluationConfig,
    model: str,
) -> str:
    """Returns the verdict on an artefact that was measured: "refused" with every reason, or "accepted"."""
    against = f"{model}_{REFERENCE}"
    reasons = []
    if not measured.accuracy.found:
        least = evaluation.timed_score_threshold
        reasons.append(f"it finds nothing: no object in the validation images scores {least:g} or more")
    for kind, drop in measured.drop.items():
        if reference is not None and drop > config.most_drop:
            figures = [of.accuracy.figures.get(kind, 0.0) for of in (measured, reference)]
            reasons.append(
                f"{kind} mAP50-95 {figures[0]:.3f} against {figures[1]:.3f} of {against}, {drop:.1f} points lower, "
                f"expected at most {config.most_drop:g} (gate.most_drop)"
            )
    if reference is not None and made_as.must_be_faster and measured.ratio <= config.least_speedup:
        reasons.append(
            f"{measured.ms:.1f} ms against {measured.reference_ms:.1f} ms of {against} in turns, "
            f"{measured.ratio:.2f} times as fast, expected more than {config.least_speedup:g} (gate.least_speedup)"
        )
    if reasons:
        return f"{REFUSED}: {'; '.join(reasons)}"
    merits = ["prompt-free"]
    if evidence.precision != "integer":
        merits.append("its outputs equal PyTorch's within the tolerances")
    merits += [f"{kind} mAP50-95 {-drop:+.1f} points" for kind, drop in measured.drop.items()]
    if reference is not None:
        merits.append(f"{measured.ratio:.2f} times as fast as {against}")
    return f"accepted: {', '.join(merits)}"


def _accuracy_row(measured: Measured) -> Row:
    row: Row = {"found": measured.accuracy.found}
    for kind, figure in measured.accuracy.figures.items():
        row[f"{kind}_map50_95"] = figure
        if kind in measured.drop:
            row[f"{kind}_drop"] = measured.drop[kind]
        if kind in measured.intervals:
            row[f"{kind}_drop_ci95"] = list(measured.intervals[kind])
    return row


def _latency_row(measured: Measured, config: EvaluationConfig) -> Row:
    row: Row = {"ms": measured.ms}
    if measured.drop:
        row |= {"fp32_ms": measured.reference_ms, "ratio": measured.ratio}
    return row | {"calls": len(measured.times_ms), "threads": config.threads}


def _shown(packed: PackedDetections, least: float) -> int:
    return int((packed.unmasked.scores >= least).sum())
