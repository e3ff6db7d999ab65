"""Nodes of `bundle`."""

import logging
from dataclasses import asdict
from typing import Any

from gsam_edge.datasets.inference.exported import ExportedStudents
from gsam_edge.export.bundle.config import BundleConfig
from gsam_edge.export.format import NotBuilt
from gsam_edge.pipelines.inference.config import InferenceConfig

logger = logging.getLogger(__name__)


def bundle_student(
    recommendation: dict[str, Any],
    comparison: list[dict[str, Any]],
    optimization_report: list[dict[str, Any]],
    students: ExportedStudents,
    config: BundleConfig,
    inference: InferenceConfig,
) -> bytes | NotBuilt:
    """Bundles the student that is asked for or recommended; where none is, returns why and warns."""
    from gsam_edge.export.bundle.bundle import build_bundle, chosen

    choice = chosen(config, recommendation)
    if isinstance(choice, NotBuilt):
        logger.warning("no bundle: %s", choice.why)
        return choice
    name, why = choice
    tiling = inference.tiles.tiling
    use = inference.model_dump(include={"score_threshold", "batch_size", "threads"}) | {
        "max_pixels": config.max_pixels,
        "tiles": None if tiling is None else asdict(tiling),
        "drawing": asdict(inference.drawing.settings),
    }
    return build_bundle(
        name,
        students[name].content,
        why=why,
        comparison=comparison,
        gate=optimization_report,
        use=use,
    )
