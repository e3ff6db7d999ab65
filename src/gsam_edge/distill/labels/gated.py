"""A teacher's labels behind the gate, as a student's trainer takes them."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gsam_edge.coco import Annotations
from gsam_edge.coco.packed import PackedDetections
from gsam_edge.coco.predictions import Predictions
from gsam_edge.distill.labels.gate import Gate, GateConfig, not_duplicated
from gsam_edge.students.images import LabelWeights
from gsam_edge.vision.boxes import clip_xyxy


@dataclass(frozen=True)
class GateCounts:
    """What became of the labels of the images that were not left out.

    Attributes:
        objects: labels that are objects.
        ignored: labels that are neither objects nor background.
        background: labels below both thresholds.
        duplicates: labels that a better one covers.
    """

    objects: int
    ignored: int
    background: int
    duplicates: int


@dataclass(frozen=True)
class GatedLabels:
    """The labels of many images that passed the gate.

    Attributes:
        objects: image ids to the labels that are objects or ignored; an image of which nothing is left is all
            background.
        weights: image ids to what these labels count; those that are ignored count nothing.
        left_out: file names of images with too much ignored, or with something ignored and no object, to the ignored
            share (0..1) of their area.
        counts: what became of the labels.
    """

    objects: Mapping[int, PackedDetections]
    weights: Mapping[int, LabelWeights]
    left_out: Mapping[str, float]
    counts: GateCounts


def gated(labels: Predictions, gate: Gate, config: GateConfig, *, split: Annotations) -> GatedLabels:
    """Passes labels through the gate.

    A label's class weight is the probability that it is correct (`Gate.class_weights`), its mask weight the mask's
    reliability (`PackedDetections.reliability`), its box weight 1 where that is at least `config.reliability`, else 0.

    An image of which labels are ignored and none is an object would teach nothing but the background between them, and
    take the place of one with objects: it is left out. One without any label is background and stays.

    Args:
        labels: of a teacher, or of a student.
        gate: thresholds of the same labeller, for its classes.
        config: duplicates, reliability, and how much of an image may be ignored.
        split: the labelled images, for their size and name; their objects are not read.
    """
    objects: dict[int, PackedDetections] = {}
    weights: dict[int, LabelWeights] = {}
    left_out: dict[str, float] = {}
    duplicates = background = 0
    prompted = labels.predictor.prompted_with_boxes
    for image_id, packed in labels.objects.items():
        image = split.image_by_id[image_id]
        # The rows of given boxes are those of the true objects, none of which is there twice.
        unique = packed if prompted else packed.select(not_duplicated(packed.unmasked, config.duplicate_iou))
        passed = unique.select(gate.objects(unique.unmasked) | gate.ignored(unique.unmasked))
        ignored = gate.ignored(passed.unmasked)
        share = covered_share(passed.unmasked.xyxy[ignored], (image["height"], image["width"]))
        if share > config.max_ignored or (len(passed) and ignored.all()):
            left_out[image["file_name"]] = share
            continue
        duplicates += len(packed) - len(unique)
        background += len(unique) - len(passed)
        objects[image_id] = passed
        weights[image_id] = _weights(passed, gate, config, ignored)
    of_ignored = sum(int(one.ignored.sum()) for one in weights.values())
    of_objects = sum(len(one) for one in weights.values()) - of_ignored
    return GatedLabels(objects, weights, left_out, GateCounts(of_objects, of_ignored, background, duplicates))


def covered_share(xyxy: NDArray[np.float32], image_hw: tuple[int, int]) -> float:
    """Returns the share (0..1) of an image of (height, width) pixels that N boxes [N, 4] cover together."""
    boxes = clip_xyxy(xyxy, image_hw)
    columns, rows = np.unique(boxes[:, ::2]), np.unique(boxes[:, 1::2])  # lines between which nothing changes
    covered = np.zeros((len(rows), len(columns)), bool)
    for left, top, right, bottom in boxes:
        covered[slice(*np.searchsorted(rows, (top, bottom))), slice(*np.searchsorted(columns, (left, right)))] = True
    cells = np.diff(rows.astype(np.float64))[:, None] * np.diff(columns.astype(np.float64))[None, :]
    return float(cells[covered[:-1, :-1]].sum() / (image_hw[0] * image_hw[1]))


def _weights(passed: PackedDetections, gate: Gate, config: GateConfig, ignored: NDArray[np.bool_]) -> LabelWeights:
    """Returns what labels that passed count; nothing, where they are ignored."""
    reliability = np.where(ignored, 0, np.clip(passed.reliability, 0, 1)).astype(np.float32)
    trusted = (~ignored & (reliability >= config.reliability)).astype(np.float32)
    classes = np.where(ignored, 0, gate.class_weights(passed.unmasked)).astype(np.float32)
    return LabelWeights(classes=classes, boxes=trusted, masks=reliability, ignored=ignored)
