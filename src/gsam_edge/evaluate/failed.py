"""What becomes of an artefact that could not be measured: its own row, and no more."""

import logging
from collections.abc import Callable
from typing import Any

from gsam_edge.coco import Annotations
from gsam_edge.coco.predictions import Predictions, PredictorInfo
from gsam_edge.evaluate.measure import MeasurementError, MeasurementRefusedError

logger = logging.getLogger(__name__)

Row = dict[str, Any]
#: Or the console would read "[ncnn]" in an install line as a style, and leave it out.
_PLAIN = {"markup": False}
#: `status` of the row of an artefact that crashed, hung or raised while it was measured.
FAILED = "failed"


def told(error: MeasurementError, artefact: str) -> str:
    """Returns why an artefact could not be measured, and logs it; of a traceback the sentence holds only the end."""
    logger.warning("%s: %s", artefact, error, extra=_PLAIN)
    first, *more = str(error).strip().splitlines()
    return str(error) if isinstance(error, MeasurementRefusedError) or not more else f"{first} {more[-1]}"


def measured_or_why(
    artefact: str, truth: Annotations, measure: Callable[[], tuple[Row, Predictions]], *, install: str = ""
) -> tuple[Row, Predictions]:
    """Measures an artefact; where that fails, its row holds `artefact`, `status` and `why`, without predictions.

    Args:
        artefact: its catalog name.
        truth: the split.
        measure: returns its row and predictions.
        install: the command that installs its backend, for a machine that does not have it.
    """
    try:
        return measure()
    except MeasurementError as error:
        why = told(error, artefact)
    except ModuleNotFoundError as error:
        # importlib.metadata says by the same class that a distribution is not there.
        if error.name is None or error.name.split(".")[0] == "gsam_edge":
            raise
        why = "; ".join(filter(None, (f"the package {error.name} is not installed", install)))
        logger.warning("%s: %s", artefact, why, extra=_PLAIN)
    nothing = Predictions({}, truth.class_names, PredictorInfo(artefact, "", prompted_with_boxes=False))
    return {"artefact": artefact, "status": FAILED, "why": f"it {FAILED}: {why}"}, nothing
