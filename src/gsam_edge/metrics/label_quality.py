"""How the labels of a teacher compare with the objects of the same images."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gsam_edge.coco.annotations import Annotations
from gsam_edge.coco.crowds import crowds_of, share_inside
from gsam_edge.coco.geometry.segmentation import rle_iou
from gsam_edge.coco.packed import PackedDetections
from gsam_edge.metrics.mask_overlap import match_boxes


@dataclass(frozen=True)
class MatchedLabels:
    """The labels of one image, matched with its objects.

    Attributes:
        truth: the image's N objects, crowds left out.
        pairs: (row of a label, row of its object).
        in_crowd: labels without an object that lie in a crowd region of their class, bool [M]: neither correct nor
            wrong.
    """

    truth: PackedDetections
    pairs: list[tuple[int, int]]
    in_crowd: NDArray[np.bool_]

    @property
    def f1(self) -> float | None:
        """Harmonic mean of precision and recall (0..1), None without objects and labels."""
        counted = len(self.truth) + int((~self.in_crowd).sum())
        return 2 * len(self.pairs) / counted if counted else None


def match_labels(
    annotations: Annotations, image_id: int, labels: PackedDetections, *, match_iou: float, prompted: bool
) -> MatchedLabels:
    """Matches the labels of an image with its objects as `match_boxes` does.

    Args:
        annotations: the split.
        image_id: one of its images.
        labels: what the teacher found there.
        match_iou: least box IoU of a label with an object of its class, and least share of its box inside a crowd
            region (0..1).
        prompted: whether the teacher was given the true boxes; then row i is the label of object i.
    """
    truth = annotations.packed_truth(image_id, masks=labels.mask_hw is not None)
    found = labels.unmasked
    pairs = [(row, row) for row in range(len(truth))] if prompted else match_boxes(found, truth.unmasked, match_iou)
    crowds = crowds_of(annotations, image_id)
    inside = share_inside(found, crowds) >= match_iou
    inside &= found.class_ids[:, None] == crowds.class_ids[None, :]
    inside[[row for row, _ in pairs]] = False
    return MatchedLabels(truth, pairs, np.asarray(inside.any(axis=1)))


def label_shares(
    truth: Annotations, predictions: Mapping[int, PackedDetections], *, score_threshold: float, match_iou: float
) -> dict[str, float]:
    """Returns `recall` and `precision` (0..1) that a finder's labels would have; what has no object or label is absent.

    Args:
        truth: the split.
        predictions: image ids to detections.
        score_threshold: detections that score less are no labels (0..1).
        match_iou: see `match_labels`.
    """
    right = given = wanted = 0
    for image_id, found in predictions.items():
        labels = found.select(found.unmasked.scores >= score_threshold)
        matched = match_labels(truth, image_id, labels, match_iou=match_iou, prompted=False)
        right += len(matched.pairs)
        given += int((~matched.in_crowd).sum())
        wanted += len(matched.truth)
    shares = {"recall": wanted, "precision": given}
    return {name: right / whole for name, whole in shares.items() if whole}


class RankedImage(NamedTuple):
    """An image by how well a teacher would label it.

    Attributes:
        image_id: its COCO id.
        figure: F1 of its labels, or the mean IoU of its masks in given boxes (0..1).
        why: the figure with its counts.
    """

    image_id: int
    figure: float
    why: str


def worst_images(
    truth: Annotations,
    predictions: Mapping[int, PackedDetections],
    *,
    match_iou: float,
    prompted: bool,
    count: int,
) -> list[RankedImage]:
    """Returns the images that a teacher labels worst, the worst first; of equal ones, those with more objects.

    Images without objects and without labels are left out.

    Args:
        truth: the split.
        predictions: image ids to labels; with masks, where the teacher was given the true boxes.
        match_iou: see `match_labels`.
        prompted: whether it was given the true boxes: then images are ranked by mask IoU, otherwise by F1.
        count: most images returned.
    """
    ranked = []
    for image_id, labels in predictions.items():
        matched = match_labels(truth, image_id, labels, match_iou=match_iou, prompted=prompted)
        row = _by_masks(matched, labels) if prompted else _by_f1(matched, labels)
        if row is not None:
            ranked.append((RankedImage(image_id, *row), len(matched.truth)))
    ranked.sort(key=lambda pair: (pair[0].figure, -pair[1]))
    return [image for image, _ in ranked[:count]]


def _by_f1(matched: MatchedLabels, labels: PackedDetections) -> tuple[float, str] | None:
    if matched.f1 is None:
        return None
    wrong = len(labels) - int(matched.in_crowd.sum()) - len(matched.pairs)
    why = f"F1 {matched.f1:.2f}: {len(matched.pairs)} of {len(matched.truth)} objects found, wrong labels: {wrong}"
    return matched.f1, why


def _by_masks(matched: MatchedLabels, labels: PackedDetections) -> tuple[float, str] | None:
    rows = np.flatnonzero(matched.truth.mask_areas > 0)
    if not len(rows):
        return None
    ious = [rle_iou(matched.truth.rles[row], labels.rles[row]) for row in rows]
    mean = float(np.mean(ious))
    return mean, f"mask IoU {mean:.2f}, worst of {len(rows)}: {min(ious):.2f}"
