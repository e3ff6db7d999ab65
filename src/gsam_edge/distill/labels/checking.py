"""Checks a teacher's labels before a student learns from them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gsam_edge.coco import Annotations
from gsam_edge.coco.predictions import Predictions
from gsam_edge.coco.provenance import require_one_split
from gsam_edge.distill.config import LabellingConfig
from gsam_edge.distill.labels.disagreement import Disagreement, disagreements
from gsam_edge.distill.labels.gate import Gate, fit_gate
from gsam_edge.distill.labels.gated import gated
from gsam_edge.distill.labels.label_report import LabelledSet, label_report
from gsam_edge.distill.labels.labelling import require_labels_of
from gsam_edge.teachers.config import FloorConfig


@dataclass(frozen=True)
class CheckedLabels:
    """What the check of a teacher's labels gives.

    Attributes:
        gate: fitted on the validation images.
        report: see `label_report`.
        disagreements: the training and validation images on which labels and truth disagree most.
    """

    gate: Gate
    report: dict[str, Any]
    disagreements: list[Disagreement]


def check_labels(
    images: Mapping[str, Annotations],
    truth: Mapping[str, Annotations],
    labels: Mapping[str, Predictions],
    config: LabellingConfig,
    floor: FloorConfig,
    *,
    store: Mapping[str, int],
    count: int,
) -> CheckedLabels:
    """Fits the gate, and reports the labels before and behind it.

    Args:
        images: the images of `train`, `val` and `pool`.
        truth: their truth, which only the report reads of the `pool`; some of its images, or all, have none.
        labels: their labels.
        config: how labels are matched and gated.
        floor: what the labels must reach.
        store: how many images' labels were stored before (`hits`), and how many are `new`.
        count: most disagreements.

    Raises:
        InvalidDatasetError: if labels are those of other images, of another split or of other classes.
    """
    parts = {f"annotations_{name}": part for name, part in images.items()}
    require_one_split({**parts, "annotations_held_back": truth["pool"]})
    for name, each in labels.items():
        require_labels_of(images[name], each, what="teacher_labels" + (f"_{name}" if name != "train" else ""))
    gate = fit_gate(truth["val"], labels["val"], config.gate, match_iou=config.match_iou)
    sets = {
        name: LabelledSet(truth[name], each, gated(each, gate, config.gate, split=images[name]))
        for name, each in labels.items()
    }
    found = [
        one
        for name in ("train", "val")
        for one in disagreements(
            truth[name],
            sets[name].passed,
            match_iou=config.match_iou,
            prompted=labels[name].predictor.prompted_with_boxes,
            count=count,
        )
    ]
    worst = sorted(found, key=lambda each: -each.size)[:count]
    report = label_report(sets, gate, config, floor, store=store, disagreements=worst)
    return CheckedLabels(gate, report, worst)
