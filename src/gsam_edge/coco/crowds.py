"""Crowd regions: many objects labelled as one region, none by itself (COCO's `iscrowd`)."""

import numpy as np
from numpy.typing import NDArray

from gsam_edge.coco.annotations import Annotations
from gsam_edge.vision import Detections
from gsam_edge.vision.boxes import box_area


def crowds_of(annotations: Annotations, image_id: int) -> Detections:
    """Returns the `iscrowd` regions of one image as Detections without masks."""
    is_crowd = np.array([bool(record.get("iscrowd")) for record in annotations.objects_of_image[image_id]], bool)
    if not is_crowd.any():
        return Detections.empty()
    return annotations.truth(image_id, crowds=True, masks=False).select(is_crowd)


def share_inside(found: Detections, crowds: Detections) -> NDArray[np.float32]:
    """Returns the share of each found box inside each crowd's box, float32 [N, M] in 0..1; 0 for boxes without area.

    COCO's evaluation compares with crowds in this way: a detection in one is neither right nor wrong.
    """
    top_left = np.maximum(found.xyxy[:, None, :2], crowds.xyxy[None, :, :2])
    bottom_right = np.minimum(found.xyxy[:, None, 2:], crowds.xyxy[None, :, 2:])
    shared = np.prod(np.clip(bottom_right - top_left, 0, None), axis=2)
    return (shared / np.maximum(box_area(found.xyxy), np.finfo(np.float32).tiny)[:, None]).astype(np.float32)
