"""Latency of two students of the same format, timed in turns."""

from typing import Any

import numpy as np

from gsam_edge.coco import Annotations
from gsam_edge.evaluate.bench import Bench
from gsam_edge.evaluate.config import EvaluationConfig
from gsam_edge.export.format import NotBuilt
from gsam_edge.export.table import FORMATS, REFERENCE
from gsam_edge.vision.images import ImageSource


def latency_in_turns(
    student: bytes | NotBuilt,
    smaller: bytes | NotBuilt,
    truth: Annotations,
    images: ImageSource,
    config: EvaluationConfig,
) -> dict[str, Any]:
    """Times two students in the format that all others are compared with (`export.table.REFERENCE`).

    Args:
        student: the first artefact.
        smaller: the second.
        truth: the split whose images are used.
        images: where they come from.
        config: calls, threads and score threshold.

    Returns:
        `student_ms` and `smaller_ms`, medians; `ratio`, how many times as fast the second is, the median over the
        turns; `calls` and `threads`. `why` alone, if one of them was not built.

    Raises:
        MeasurementRefusedError: if one cannot be run.
    """
    if isinstance(student, NotBuilt):
        return {"why": student.why}
    if isinstance(smaller, NotBuilt):
        return {"why": smaller.why}
    made_as = FORMATS[REFERENCE]
    times = Bench(truth, images, config).times([(made_as, student), (made_as, smaller)])
    before, after = np.median(times, axis=0)
    return {
        "student_ms": float(before),
        "smaller_ms": float(after),
        "ratio": float(np.median(times[:, 0] / times[:, 1])),
        "calls": len(times),
        "threads": config.threads,
    }
