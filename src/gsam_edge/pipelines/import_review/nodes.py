"""Nodes of `import_review`."""

from typing import Any

from gsam_edge.coco import RawCoco
from gsam_edge.evaluate.review.config import ImportReviewConfig


def take_back_corrections(
    raw_annotations: RawCoco, handed_out: Any, corrections: Any, dataset: str, config: ImportReviewConfig
) -> tuple[bytes, dict[str, Any]]:
    """Puts corrections into the dataset's annotations; also returns the `import_review_report`, which counts them."""
    from gsam_edge.evaluate.review.corrections import take_back

    corrected = take_back(raw_annotations, handed_out, corrections, config)
    return corrected.content, {**corrected.report, "dataset": dataset}
