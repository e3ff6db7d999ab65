"""Decides which exported students are shipped: by prompts, by PyTorch's outputs, by accuracy and by speed.

Accuracy and speed are compared with those of the student in single precision (`export.table.REFERENCE`), whose outputs
equal PyTorch's: accuracy on the validation split, since the test split must not choose anything, and latency in turns.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gsam_edge.coco import Annotations
from gsam_edge.evaluate.bench import Bench, Measured
from gsam_edge.evaluate.comparison import count_objects
from gsam_edge.evaluate.config import EvaluationConfig, GateConfig
from gsam_edge.evaluate.failed import told
from gsam_edge.evaluate.measure import MeasurementError
from gsam_edge.export.evidence import collect_evidence
from gsam_edge.export.format import Format, NotBuilt, StudentModule
from gsam_edge.export.parity import ParityConfig
from gsam_edge.export.prompt_free import check_module_prompt_free
from gsam_edge.export.report import NOT_BUILT, REFUSED, REJECTED, ArtefactEvidence
from gsam_edge.export.table import FORMATS, REFERENCE
from gsam_edge.vision.images import ImageSource

Row = dict[str, Any]
Artefacts = dict[str, bytes | NotBuilt]


def gate_artefacts(
    student: StudentModule,
    candidates: Mapping[str, bytes | NotBuilt],
    truth: Annotations,
    images: ImageSource,
    parity: ParityConfig,
    config: GateConfig,
    evaluation: EvaluationConfig,
    *,
    groups: NDArray[np.int64] | None = None,
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
        groups: label of each image; those of one label are drawn together (see `bootstrap.drawn_images`).
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
        why = f"{REJECTED}: the PyTorch student is not prompt-free: {fault}"
        return [{"artefact": model, "prompt_free": False, "verdict": why}], dict.fromkeys(candidates, NotBuilt(why))

    built = {name: content for name, content in candidates.items() if not isinstance(content, NotBuilt)}
    bench = Bench(truth, images, evaluation, groups)
    crashes = {name: error for name, content in built.items() if (error := bench.crash(FORMATS[name], content))}
    running = {name: content for name, content in built.items() if name not in crashes}
    made = {f"{model}_{name}": (FORMATS[name], content) for name, content in running.items()}
    names = [image["file_name"] for image in truth.images]
    evidence = dict(zip(running, collect_evidence(student, made, images, names, parity), strict=True))
    reference: Measured | None = None
    rows: list[Row] = []
    shipped = dict(candidates)
    for name in sorted(candidates, key=lambda name: name != REFERENCE):
        content = candidates[name]
        if isinstance(content, NotBuilt):
            why = content.why if content.why.startswith(NOT_BUILT) else f"{NOT_BUILT}: {content.why}"
            rows.append({"artefact": f"{model}_{name}", "verdict": why})
            continue
        if name in crashes:
            why = f"{REFUSED}: {told(crashes[name], f'{model}_{name}')}"
            shipped[name] = NotBuilt(why)
            rows.append({"artefact": f"{model}_{name}", "size_mb": len(content) / 1e6, "verdict": why})
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
            except MeasurementError as error:
                verdict = f"{REFUSED}: {told(error, f'{model}_{name}')}"
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
    merits += [f"{kind} mAP50-95 {0 - drop:+.1f} points" for kind, drop in measured.drop.items()]
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
