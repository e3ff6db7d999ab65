"""Two sources of labels as one."""

import hashlib
from dataclasses import replace

import numpy as np

from gsam_edge.coco.packed import PackedDetections
from gsam_edge.coco.predictions import Predictions, PredictorInfo
from gsam_edge.metrics.fusion import fuse_boxes


def fuse(better: Predictions, other: Predictions, *, match_iou: float) -> Predictions:
    """Fuses two sources' labels of the same images, as `fuse_boxes` does: a box of one source keeps half of its score.

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
    boxes, rows = fuse_boxes([better.unmasked, other.unmasked], match_iou)
    if better.mask_hw is None:
        return PackedDetections(boxes, None, ())
    rles = (*better.rles, *other.rles)
    fused = replace(
        boxes,
        mask_scores=np.concatenate([better.estimates, other.estimates])[rows],
        box_agreement=np.concatenate([better.agreement, other.agreement])[rows],
    )
    return PackedDetections(fused, better.mask_hw, tuple(rles[row] for row in rows))
