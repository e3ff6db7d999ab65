"""Comparing and packing Detections in tests."""

from collections.abc import Mapping

import numpy as np

from gsam_edge.coco.packed import PackedDetections
from gsam_edge.vision import Detections


def same(a: Detections, b: Detections) -> bool:
    """Returns whether two are equal in every part, to the last bit, and of the same types."""
    return all(
        (x is None and y is None) or (x.dtype == y.dtype and np.array_equal(x, y, equal_nan=True))
        for x, y in ((getattr(a, name), getattr(b, name)) for name in vars(a))
    )


def packed(objects: Mapping[int, Detections]) -> dict[int, PackedDetections]:
    """Returns the objects of many images packed, as metrics and reports take them."""
    return {image_id: PackedDetections.pack(found) for image_id, found in objects.items()}
