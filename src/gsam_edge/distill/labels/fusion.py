"""Weighted box fusion of two sources of labels (Solovyev et al. 2021, arXiv:1910.13302)."""

import hashlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gsam_edge.coco.packed import PackedDetections
from gsam_edge.coco.predictions import Predictions, PredictorInfo
from gsam_edge.metrics.mask_overlap import match_boxes
from gsam_edge.vision import Detections

#: Sources that are fused, the paper's N.
_SOURCES = 2


def fuse(better: Predictions, other: Predictions, *, match_iou: float) -> Predictions:
    """Fuses two sources' labels of the same images, class by class.

    Boxes of one class that overlap by `match_iou` are one object: corners are the means weighted by the scores, and the
    score is the mean of both. A box that only one source has keeps its corners, and half of its score (the paper's
    factor min(T, N) / N), so that agreement raises a label above those of one source. Each source has suppressed its
    own boxes, so that an object is fused of one box of each at most: a source fused with itself stays as it is.

    Args:
        better: the source whose masks are taken where both have the object.
        other: the other one.
        match_iou: least IoU of the boxes of one object (0..1).

    Returns:
        The objects by falling score, without class scores, since they are those of two different scales. What is said
        of a mask is said by its source; a source that estimates no masks is taken at its word (1).

    Raises:
        ValueError: if classes, split or images differ, or only one has masks.
    """
    for name in ("class_names", "split"):
        if getattr(better, name) != getattr(other, name):
            raise ValueError(
                f"fusion: expected labels of the same {name}, got {getattr(better, name)} and {getattr(other, name)}"
            )
    if better.objects.keys() != other.objects.keys():
        difference = sorted(better.objects.keys() ^ other.objects.keys())
        raise ValueError(f"fusion: expected labels of the same images, got only one for image ids {difference[:5]}")
    objects = {
        image_id: _fused(found, other.objects[image_id], match_iou) for image_id, found in better.objects.items()
    }
    names = f"{better.predictor.name} and {other.predictor.name}, fused"
    digest = hashlib.sha256(f"{better.predictor.digest}\n{other.predictor.digest}\n{match_iou!r}".encode()).hexdigest()
    return Predictions(objects, better.class_names, PredictorInfo(names, digest, False), better.split)


def _fused(better: PackedDetections, other: PackedDetections, match_iou: float) -> PackedDetections:
    """Fuses the labels of one image."""
    if better.mask_hw != other.mask_hw:
        raise ValueError(f"fusion: expected masks of one size, got {better.mask_hw} and {other.mask_hw}")
    first, second = better.unmasked, other.unmasked
    pairs = np.array(match_boxes(first, second, match_iou), np.int64).reshape(-1, 2)
    mine, theirs = pairs.T
    lone = np.setdiff1d(np.arange(len(second)), theirs)
    xyxy, sums = first.xyxy.copy(), first.scores.copy()
    weights = np.stack([first.scores[mine], second.scores[theirs]])[..., None]  # [2, pairs, 1]
    weights = np.where(weights.sum(0) > 0, weights, 1)  # two scores of 0 count alike
    xyxy[mine] = (weights * np.stack([first.xyxy[mine], second.xyxy[theirs]])).sum(0) / weights.sum(0)
    sums[mine] += second.scores[theirs]

    def joined(mine: NDArray[Any], theirs: NDArray[Any]) -> NDArray[Any]:
        return np.concatenate([mine, theirs[lone]])[order]

    scores = (np.concatenate([sums, second.scores[lone]]) / _SOURCES).astype(np.float32)
    order = np.argsort(-scores, kind="stable")
    masked = better.mask_hw is not None
    rles = (*better.rles, *(other.rles[row] for row in lone)) if masked else ()
    fused = Detections(
        joined(xyxy, second.xyxy),
        scores[order],
        joined(first.class_ids, second.class_ids),
        mask_scores=joined(better.estimates, other.estimates) if masked else None,
        box_agreement=joined(better.agreement, other.agreement) if masked else None,
    )
    return PackedDetections(fused, better.mask_hw, tuple(rles[row] for row in order) if masked else ())
