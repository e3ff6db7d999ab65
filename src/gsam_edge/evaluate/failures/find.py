"""Finds the images that a model fails on most, with each failure in words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich import get_console
from rich.progress import track

from gsam_edge.coco.annotations import Annotations
from gsam_edge.coco.images.quality import image_quality
from gsam_edge.coco.predictions import Predictions
from gsam_edge.evaluate.failures.config import FailuresConfig
from gsam_edge.evaluate.failures.groups import JudgedImages, failure_groups, notable
from gsam_edge.evaluate.failures.words import counted, reasons
from gsam_edge.metrics.bootstrap import drawn_images
from gsam_edge.metrics.object_errors import ImageErrors, image_errors
from gsam_edge.metrics.thresholds import shown
from gsam_edge.report.plots.failures import FailedImage
from gsam_edge.vision.images import ImageSource


@dataclass(frozen=True)
class Failures:
    """What a model gets wrong on a split.

    Attributes:
        report: `artefact`; `thresholds`, class name to the score from which a detection counts; `images` (worst first):
            `image_id`, `file_name`, `score` (0..1, 1 less the F1 of its detections), `counts` in words and `reasons`,
            see `words.reasons`; `groups`, see `groups.failure_groups`; `notable`, sentences about groups that are lost
            more often than the others; `totals`: `images`, `with_failures`, `objects`, `found`, `missed`, `confused`,
            `outlined`, `invented`; `why` where there are no predictions to judge, and so no groups and images.
        drawn: the worst of them as a plot shows them.
    """

    report: dict[str, Any]
    drawn: list[FailedImage]


def find_failures(
    artefact: str,
    truth: Annotations,
    predictions: Predictions,
    images: ImageSource,
    thresholds: Sequence[float],
    config: FailuresConfig,
    *,
    match_iou: float,
    together: Sequence[Sequence[int]] = (),
) -> Failures:
    """Judges every detection of a split at its class's threshold; an image is read once, for its quality.

    Args:
        artefact: whose predictions they are.
        truth: the split.
        predictions: what was found there, down to low scores.
        images: by file name.
        thresholds: the score from which a detection of a class counts, by class id.
        config: what counts as a failure.
        match_iou: box IoU from which a detection and an object are a pair (0..1).
        together: ids of images that are no independent evidence, such as copies of one: intervals draw them together.
    """
    overlaps, least = config.errors(match_iou), np.array(thresholds, np.float32)
    told_thresholds = {name: round(float(score), 4) for name, score in zip(truth.class_names, thresholds, strict=True)}
    if not predictions.objects:
        totals = dict.fromkeys(("images", "with_failures", "objects", "found", *_LOST, "invented"), 0)
        why = f"{artefact} could not be measured, so that there is nothing to judge; the log says why"
        nothing = {"artefact": artefact, "thresholds": told_thresholds, "totals": totals, "why": why}
        return Failures({**nothing, "notable": [], "images": [], "groups": {}}, [])
    judged: dict[int, ImageErrors] = {
        image["id"]: image_errors(truth, image["id"], shown(predictions.objects[image["id"]], thresholds), overlaps)
        for image in truth.images
    }
    is_quiet = not get_console().is_terminal
    looked_at = track(truth.images, "Looks at the quality of images", transient=True, disable=is_quiet)
    quality = [image_quality(images[image["file_name"]]) for image in looked_at]
    flat = JudgedImages.of(truth, judged, edge=config.edge)
    label = _labels([image["id"] for image in truth.images], together)
    draws = drawn_images(int(label.max()) + 1)[:, label]
    groups = failure_groups(flat, truth.class_names, quality, draws)
    ranked = sorted((image_id for image_id in judged if judged[image_id].errors), key=lambda i: _rank(judged[i]))
    rows = []
    for image_id in ranked[: config.count]:
        told = reasons(judged[image_id], predictions.objects[image_id], truth.class_names, least, overlaps)
        rows.append(
            {
                "image_id": image_id,
                "file_name": truth.image_by_id[image_id]["file_name"],
                "score": round(_severity(judged[image_id]), 4),
                "counts": counted(told),
                "reasons": told,
            }
        )
    drawn = [_drawn(judged[row["image_id"]], row, images) for row in rows[: config.drawn]]
    kinds = {kind: sum(row[kind] for row in groups["class"]) for kind in ("objects", "found", *_LOST, "invented")}
    report = {
        "artefact": artefact,
        "thresholds": told_thresholds,
        "totals": {"images": len(truth.images), "with_failures": len(ranked), **kinds},
        "notable": notable(groups),
        "images": rows,
        "groups": groups,
    }
    return Failures(report, drawn)


def _labels(image_ids: Sequence[int], together: Sequence[Sequence[int]]) -> NDArray[np.int64]:
    """Returns a label 0, 1, ... of each image, the same for images of one group; a group may name others, too."""
    group_of = {image_id: -1 - row for row, group in enumerate(together) for image_id in group}
    _, label = np.unique([group_of.get(image_id, row) for row, image_id in enumerate(image_ids)], return_inverse=True)
    return label.astype(np.int64)


_LOST = ("missed", "confused", "outlined")


def _severity(judged: ImageErrors) -> float:
    """Returns 1 less the F1 of an image's detections, 0..1."""
    counted_detections = len(judged.found) - judged.of_detections.count("crowd")
    whole = len(judged.truth) + counted_detections
    return 1 - 2 * judged.correct / whole if whole else 0.0


def _rank(judged: ImageErrors) -> tuple[float, int]:
    """Returns by what images are sorted: the worst F1 first, of equal ones those with more errors."""
    return -_severity(judged), -judged.errors


def _drawn(judged: ImageErrors, row: Mapping[str, Any], images: ImageSource) -> FailedImage:
    found = judged.found.unpack()
    return FailedImage(
        image=images[row["file_name"]],
        file_name=row["file_name"],
        truth=judged.truth.unpack(),
        found=found,
        lost=[kind != "found" for kind in judged.of_objects],
        wrong=judged.wrong.tolist(),
        title=row["counts"],
        reasons=[reason["text"] for reason in row["reasons"]],
    )
