"""Splits of squares that do not touch, and detections of them, for tests that count by hand."""

import numpy as np

from gsam_edge.coco.annotations import Annotations
from gsam_edge.vision import Detections


def split(*objects, images=4):
    """Objects as (image id, category id, left), squares of 10 pixels at the top; (.., crowd) is a crowd region."""
    records = tuple(
        {"id": row, "image_id": image_id, "category_id": category_id, "bbox": [left, 0, 10, 10], "iscrowd": len(rest)}
        for row, (image_id, category_id, left, *rest) in enumerate(objects, start=1)
    )
    images = tuple({"id": i, "file_name": f"{i}.png", "height": 100, "width": 100} for i in range(images))
    return Annotations(images, records, ({"id": 5, "name": "bolt"}, {"id": 9, "name": "nut"}))


def found(*rows):
    """Detections as (score, class id, left)."""
    return Detections(
        np.array([[left, 0, left + 10, 10] for _, _, left in rows], np.float32).reshape(-1, 4),
        np.array([score for score, _, _ in rows], np.float32),
        np.array([class_id for _, class_id, _ in rows], np.int64),
    )
