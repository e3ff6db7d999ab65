"""Weighted box fusion of several answers about one image (Solovyev et al. 2021, arXiv:1910.13302)."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gsam_edge.metrics.mask_overlap import match_boxes
from gsam_edge.vision import Detections


class Fusion(NamedTuple):
    """What several sources say together.

    Attributes:
        boxes: by falling score, without masks and class scores.
        rows: int64 [M], for each box the row of the first source that has it, among the rows of all sources in order.
    """

    boxes: Detections
    rows: NDArray[np.int64]


def fuse_boxes(sources: Sequence[Detections], match_iou: float) -> Fusion:
    """Fuses the boxes that several sources found in one image, class by class.

    Boxes of one class that overlap by `match_iou` are one object: its corners are the means weighted by the scores, its
    score is the sum of theirs over the number of sources (the paper's factor min(T, N) / N), so that agreement raises a
    box above those of one source. Each source has suppressed its own boxes, so that an object is fused of one box of
    each at most: a source fused with itself stays as it is.

    Args:
        sources: one or more; what is fused of the earlier ones is matched with the next, best scores first.
        match_iou: least IoU of the boxes of one object (0..1).
    """
    first, *others = sources
    xyxy, sums, class_ids = first.xyxy.copy(), first.scores.copy(), first.class_ids
    rows = np.arange(len(first))
    seen = len(first)
    for source in others:
        pairs = np.array(match_boxes(Detections(xyxy, sums, class_ids), source, match_iou), np.int64).reshape(-1, 2)
        mine, theirs = pairs.T
        lone = np.setdiff1d(np.arange(len(source)), theirs)
        weights = np.stack([sums[mine], source.scores[theirs]])[..., None]  # [2, pairs, 1]
        weights = np.where(weights.sum(0) > 0, weights, 1)  # two scores of 0 count alike
        xyxy[mine] = (weights * np.stack([xyxy[mine], source.xyxy[theirs]])).sum(0) / weights.sum(0)
        sums[mine] += source.scores[theirs]
        xyxy = np.concatenate([xyxy, source.xyxy[lone]])
        sums = np.concatenate([sums, source.scores[lone]])
        class_ids = np.concatenate([class_ids, source.class_ids[lone]])
        rows = np.concatenate([rows, seen + lone])
        seen += len(source)
    scores = (sums / len(sources)).astype(np.float32)
    order = np.argsort(-scores, kind="stable")
    return Fusion(Detections(xyxy[order], scores[order], class_ids[order]), rows[order])
