"""What is wrong with each detection of an image, and what became of each of its objects.

The kinds are those of TIDE (Bolya et al. 2020, "TIDE: A General Toolbox for Identifying Object Detection Errors"), with
one more for masks. Detections are matched with objects as `match_labels` does.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from gsam_edge.coco.annotations import Annotations
from gsam_edge.coco.geometry.segmentation import rle_iou
from gsam_edge.coco.packed import PackedDetections
from gsam_edge.metrics.label_quality import match_labels
from gsam_edge.vision.boxes import box_iou

#: What is wrong with a detection. `localisation`: the box lies badly; `outline`: only the mask does; `both`: class and
#: box; `duplicate`: of an object that is found already; `background`: where there is none.
DetectionError: TypeAlias = Literal["classification", "localisation", "outline", "both", "duplicate", "background"]
#: Of a detection: right, or in a crowd region and so neither right nor wrong, or its error.
OfDetection: TypeAlias = Literal["right", "crowd"] | DetectionError
#: What became of an object: found, or missed, or the error of the detection that was meant for it.
OfObject: TypeAlias = Literal["found", "missed", "classification", "localisation", "outline"]

#: Kinds of error in the order of reports, with what they mean.
ERROR_KINDS: Mapping[str, str] = {
    "missed": "an object that nothing was found of",
    "classification": "an object that was taken for one of another class",
    "localisation": "the right class in a box that lies badly",
    "outline": "the right class and box, with a mask that lies badly",
    "both": "another class, in a box that lies badly as well",
    "duplicate": "one more detection of an object that was found",
    "background": "a detection where nothing is labelled",
}


@dataclass(frozen=True)
class ErrorConfig:
    """From which overlap on a detection is of an object.

    Attributes:
        match_iou: least box IoU of a detection with its object (0..1).
        near_iou: least box IoU of one that is meant for it and lies badly (0..1).
        mask_iou: least mask IoU of an outline that is good enough (0..1).
    """

    match_iou: float
    near_iou: float
    mask_iou: float


@dataclass(frozen=True)
class ImageErrors:
    """The detections of one image, and its N objects without crowds, each with what became of it.

    Attributes:
        truth: the objects.
        found: the M detections.
        of_objects: one of each object.
        of_detections: one of each detection.
        partner: row of the object that a detection is about, int64 [M]; -1 where it is about none.
        iou: of each detection with its partner, of the masks where the kind is `outline`, float64 [M]; 0 without one.
        stands: whether it is what was found of its partner, badly or well, bool [M]; other detections are too many.
    """

    truth: PackedDetections
    found: PackedDetections
    of_objects: tuple[OfObject, ...]
    of_detections: tuple[OfDetection, ...]
    partner: NDArray[np.int64]
    iou: NDArray[np.float64]
    stands: NDArray[np.bool_]

    @property
    def correct(self) -> int:
        """How many objects were found."""
        return self.of_objects.count("found")

    @property
    def wrong(self) -> NDArray[np.bool_]:
        """Detections with an error, bool [M]."""
        return np.array([kind not in ("right", "crowd") for kind in self.of_detections], bool)

    @property
    def errors(self) -> int:
        """How many errors there are: objects that were not found, and wrong detections that stand for none of them."""
        return len(self.truth) - self.correct + int((self.wrong & ~self.stands).sum())


def image_errors(annotations: Annotations, image_id: int, found: PackedDetections, config: ErrorConfig) -> ImageErrors:
    """Says what is wrong with each detection of an image.

    A detection that is no object's is meant, by falling score, for the free object of another class that it overlaps
    by `match_iou`, or else for the free one of its class that it overlaps by `near_iou`; that object then counts as
    confused or badly outlined, not as missed.

    Args:
        annotations: the split.
        image_id: one of its images.
        found: what was found there, from the threshold on that is judged.
        config: the overlaps.
    """
    matched = match_labels(annotations, image_id, found, match_iou=config.match_iou, prompted=False)
    truth, boxes = matched.truth, found.unmasked
    overlap = box_iou(boxes.xyxy, truth.unmasked.xyxy).astype(np.float64)
    same = boxes.class_ids[:, None] == truth.unmasked.class_ids[None, :]
    of_objects: list[OfObject] = ["missed"] * len(truth)
    of_detections: list[OfDetection] = ["crowd" if crowd else "background" for crowd in matched.in_crowd]
    partner, iou, stands = np.full(len(found), -1, np.int64), np.zeros(len(found)), np.zeros(len(found), bool)
    for row, target in matched.pairs:
        kind, shared = _outlined(truth, found, row, target, config.mask_iou)
        of_objects[target], of_detections[row] = ("outline", "outline") if kind == "outline" else ("found", "right")
        partner[row], iou[row], stands[row] = target, overlap[row, target] if kind == "right" else shared, True
    free = np.array([kind == "missed" for kind in of_objects], bool)
    for row in np.argsort(-boxes.scores, kind="stable").tolist():
        if of_detections[row] != "background" or not len(truth):
            continue
        error, target = _error(overlap[row], same[row], free, config)
        of_detections[row] = error
        if target >= 0:
            partner[row], iou[row] = target, overlap[row, target]
            if free[target] and error in ("classification", "localisation"):
                of_objects[target], free[target], stands[row] = error, False, True
    return ImageErrors(truth, found, tuple(of_objects), tuple(of_detections), partner, iou, stands)


def _outlined(
    truth: PackedDetections, found: PackedDetections, row: int, target: int, least: float
) -> tuple[Literal["right", "outline"], float]:
    """Returns whether a matched detection's mask is good enough, and its IoU; right where there is no mask to judge."""
    if found.mask_hw is None or truth.mask_hw is None or not truth.mask_areas[target]:
        return "right", 0.0
    shared = rle_iou(truth.rles[target], found.rles[row])
    return ("right" if shared >= least else "outline"), shared


def _error(
    overlap: NDArray[np.float64], same: NDArray[np.bool_], free: NDArray[np.bool_], config: ErrorConfig
) -> tuple[DetectionError, int]:
    """Returns the error of a detection, by its IoU with every object [N], and the object that it is about or -1."""

    def best(rows: NDArray[np.bool_]) -> tuple[int, float]:
        target = int(np.where(rows, overlap, -1).argmax())
        return target, float(overlap[target]) if rows[target] else -1.0

    kinds: tuple[tuple[NDArray[np.bool_], float, DetectionError], ...] = (
        (~same & free, config.match_iou, "classification"),
        (same & free, config.near_iou, "localisation"),
        (same, config.near_iou, "duplicate"),
        (~same, config.match_iou, "classification"),
        (~same, config.near_iou, "both"),
    )
    for rows, least, error in kinds:
        target, shared = best(rows)
        if shared >= least:
            return error, target
    return "background", -1
