"""Times all artefacts in turns, so that whatever else the machine does falls on all of them."""

import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gsam_edge.coco import Annotations
from gsam_edge.evaluate.config import EvaluationConfig
from gsam_edge.evaluate.failed import told
from gsam_edge.evaluate.measure import MeasurementError, Predict, worker_process
from gsam_edge.evaluate.split_images import TrueBoxes
from gsam_edge.export.format import Format
from gsam_edge.metrics.rows import MOST_SPREAD, is_disturbed
from gsam_edge.runtime import Detector
from gsam_edge.students.predictor import student_predictor
from gsam_edge.students.weights import StudentWeights
from gsam_edge.teachers.compose import Teacher
from gsam_edge.training.device import DeviceName, resolve_device

logger = logging.getLogger(__name__)

Row = dict[str, Any]


@dataclass(frozen=True)
class Timed:
    """An artefact that is timed as it is used.

    Attributes:
        factory: builds it in the process that is timed.
        prompts: one per image, for an artefact that is prompted.
    """

    factory: Callable[[], Predict]
    prompts: Sequence[Any] | None = None


def timed_teacher(teacher: Teacher, truth: Annotations, config: EvaluationConfig) -> Timed:
    """Returns the tuned teachers, with the true boxes where they are prompted with boxes."""
    prompts = TrueBoxes(truth) if teacher.description.prompted_with_boxes else None
    return Timed(teacher.with_score_threshold(config.timed_score_threshold), prompts)


def timed_student(weights: StudentWeights, config: EvaluationConfig, device: DeviceName) -> Timed:
    """Returns the student in PyTorch."""
    where = str(resolve_device(device))
    return Timed(student_predictor(weights.to_bytes(), score_threshold=config.timed_score_threshold, device=where))


def timed_export(made_as: Format[Any, Any], content: bytes, config: EvaluationConfig) -> Timed:
    """Returns an exported student in the engine of its format."""
    threshold, threads = config.timed_score_threshold, config.threads
    return Timed(partial(Detector.open, content, made_as.suffix, score_threshold=threshold, threads=threads))


def time_artefacts(
    artefacts: Mapping[str, Timed], images: Sequence[NDArray[np.uint8]], config: EvaluationConfig
) -> dict[str, Row]:
    """Times artefacts in turns, each in a fresh process of its own; all of them are loaded at once.

    In each turn all get the same image, in an order that is drawn anew, so that none always runs in the wake of the
    same other one. One that is slow (`Calls.timed`) takes part in fewer turns, evenly spread over all. Where the 95th
    percentile of one is above `MOST_SPREAD` medians, all are timed once more.

    Args:
        artefacts: by catalog name.
        images: uint8 [H, W, 3] RGB, read one at a time.
        config: calls, threads and threshold.

    Returns:
        By name `latency_ms_median`, `latency_ms_p95`, `stages_ms` of what the artefact tells apart, `timed_calls` and
        `threads`; `measured_again` where all were, and `latency_disturbed` where the second times are no better. For an
        artefact that failed `why` alone.
    """
    rows: dict[str, Row] = {}
    asks: dict[str, Callable[..., Any]] = {}

    def asked(name: str, *message: Any) -> Any:
        try:
            return asks[name](*message)
        except MeasurementError as error:
            del asks[name]
            rows[name] = {"why": told(error, name)}
            return None

    def turns(calls: Mapping[str, int]) -> dict[str, list[tuple[float, Mapping[str, float]]]]:
        times: dict[str, list[tuple[float, Mapping[str, float]]]] = {name: [] for name in asks}
        count = max((calls[name] for name in asks), default=0)
        step = max(1.0, len(images) / max(1, count))
        for turn in range(count):
            row = int(turn * step) % len(images)
            image = images[row]
            present = [name for name in asks if (turn + 1) * calls[name] // count > turn * calls[name] // count]
            for name in order.permutation(present).tolist():
                prompts = artefacts[name].prompts
                answer = asked(name, "predict", image, None if prompts is None else prompts[row])
                if answer is not None:
                    times[name].append((answer[1], answer[2]))
        return {name: times[name] for name in asks}

    order = np.random.default_rng(0)
    with ExitStack() as processes:
        for name, timed in artefacts.items():
            asks[name] = processes.enter_context(worker_process(config.threads, config.timeout_s))
            asked(name, "load", timed.factory, config.threads)
        warm = turns(dict.fromkeys(asks, config.warmup_calls))
        calls = {name: config.calls.timed([latency for latency, _ in times]) for name, times in warm.items()}
        found = {name: _row(times) for name, times in turns(calls).items()}
        disturbed = [name for name, row in found.items() if _is_disturbed(row)]
        if disturbed:
            logger.warning(
                "%s: p95 is more than %g times p50, so that something disturbed the times: all are taken once more",
                ", ".join(disturbed),
                MOST_SPREAD,
            )
            again = turns(calls)
            found = {name: _row(times) | {"measured_again": True} for name, times in again.items()}
    for name, row in found.items():
        row["threads"] = config.threads
        if _is_disturbed(row):
            row["latency_disturbed"] = True
            logger.warning(
                "%s: p95 %.1f ms is more than %g times p50 %.1f ms, the second time too: the machine was busy, or "
                "images differ much; times of a quiet machine may be lower",
                name, row["latency_ms_p95"], MOST_SPREAD, row["latency_ms_median"],
            )  # fmt: skip
    return {name: rows.get(name) or found[name] for name in artefacts}


def _row(times: Sequence[tuple[float, Mapping[str, float]]]) -> Row:
    latencies = [latency for latency, _ in times]
    stages = times[0][1]
    return {
        "latency_ms_median": float(np.median(latencies)),
        "latency_ms_p95": float(np.percentile(latencies, 95)),
        "stages_ms": {name: float(np.median([each[name] for _, each in times])) for name in stages},
        "timed_calls": len(latencies),
    }


def _is_disturbed(row: Row) -> bool:
    return is_disturbed(row["latency_ms_median"], row["latency_ms_p95"])
