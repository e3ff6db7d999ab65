"""Nodes of `inference`."""

from collections.abc import MutableMapping
from contextlib import closing
from dataclasses import asdict
from typing import Any

from gsam_edge.datasets.inference.exported import ExportedStudents
from gsam_edge.pipelines.inference.config import InferenceConfig
from gsam_edge.report.progress import watched
from gsam_edge.runtime.detector import Detector
from gsam_edge.runtime.inference import stream
from gsam_edge.runtime.inference.files import DrawingSettings
from gsam_edge.runtime.inference.sources import Source


def find_objects(
    source: Source,
    students: ExportedStudents,
    store: MutableMapping[str, dict[str, Any]],
    artefact: str,
    config: InferenceConfig,
) -> tuple[tuple[stream.Results, DrawingSettings], dict[str, Any]]:
    """Finds objects with the artefact of this name; also returns the `inference_report` of it."""
    chosen, tiling = students[artefact], config.tiles.tiling
    tiles = None if tiling is None else asdict(tiling)
    with closing(
        Detector.open(chosen.content, chosen.suffix, score_threshold=config.score_threshold, threads=config.threads)
    ) as detector:
        results, report = stream.find_objects(
            source,
            detector,
            store,
            identity=stream.identity_of(chosen.content, score_threshold=detector.score_threshold, tiles=tiles),
            tiling=tiling,
            batch_size=config.batch_size,
            watch=watched("Finding objects"),
        )
        names = detector.card.class_names
        threshold = detector.score_threshold
        thresholds = threshold if isinstance(threshold, float) else dict(zip(names, threshold, strict=True))
    about = {"source": source.name, "artefact": artefact, "score_threshold": thresholds}
    return (results, config.drawing.settings), {**about, **({"tiles": tiles} if tiles else {}), **report}
