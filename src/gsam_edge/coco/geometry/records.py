"""Box and mask of annotation records."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gsam_edge.coco.geometry.segmentation import decode_segmentation, segmentation_area
from gsam_edge.vision.boxes import xywh_to_xyxy
from gsam_edge.vision.masks import CroppedMasks


def record_xyxy(record: Mapping[str, Any], image_hw: tuple[int, int]) -> NDArray[np.float32]:
    """Returns the corners [4] of an object's box, or else of its mask; zeros where it has neither."""
    if record.get("bbox"):
        return xywh_to_xyxy(record["bbox"])[0]
    if record.get("segmentation"):
        return xywh_to_xyxy(segmentation_area(record["segmentation"], image_hw)[1])[0]
    return np.zeros(4, np.float32)


def record_masks(records: Sequence[Mapping[str, Any]], image_hw: tuple[int, int]) -> CroppedMasks:
    """Returns the masks of annotation records, decoded one by one, empty where there is no segmentation."""
    nothing = np.zeros(image_hw, bool)
    segmentations = (record.get("segmentation") for record in records)
    return CroppedMasks.crop(
        image_hw, (decode_segmentation(each, image_hw) if each else nothing for each in segmentations)
    )
