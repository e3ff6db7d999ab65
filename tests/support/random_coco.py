"""Random annotations and predictions for tests of metrics."""

import numpy as np

from gsam_edge.coco.annotations import Annotations
from gsam_edge.coco.geometry.segmentation import encode_mask
from gsam_edge.vision import Detections

SIDE = 128


def boxes_to_masks(xyxy):
    y, x = np.mgrid[:SIDE, :SIDE]
    return np.array(
        [(x >= left) & (x < right) & (y >= top) & (y < bottom) for left, top, right, bottom in xyxy], bool
    ).reshape(-1, SIDE, SIDE)


def random_world(seed, *, images=5, classes=3, crowds=True):
    """A COCO mapping with gapped category ids, and predictions that are jittered, wrong or superfluous."""
    rng = np.random.default_rng(seed)
    objects, predictions = [], {}
    category_ids = np.cumsum(rng.integers(1, 5, classes)).tolist()
    for image_id in range(10, 10 + images):
        count = int(rng.integers(0, 7))
        corner = rng.integers(0, SIDE // 2, (count, 2))
        xyxy = np.concatenate([corner, corner + rng.integers(4, SIDE // 2, (count, 2))], axis=1)
        masks = boxes_to_masks(xyxy)
        classes_of = rng.integers(0, classes, count)
        for box, mask, class_id in zip(xyxy, masks, classes_of, strict=True):
            left, top, right, bottom = (int(value) for value in box)
            objects.append(
                {
                    "id": len(objects),  # begins at 0, which COCO's own tools stumble over
                    "image_id": image_id,
                    "category_id": category_ids[class_id],
                    "bbox": [left, top, right - left, bottom - top],
                    "area": int(mask.sum()),
                    "segmentation": encode_mask(mask),
                    "iscrowd": int(crowds and rng.random() < 0.15),
                }
            )
        extra = int(rng.integers(0, 3))
        noise = rng.integers(-6, 7, (count, 4))
        stray = rng.integers(0, SIDE // 2, (extra, 2))
        found = np.concatenate([xyxy + noise, np.concatenate([stray, stray + 20], axis=1)]).astype(np.float32)
        found_classes = np.concatenate(
            [np.where(rng.random(count) < 0.8, classes_of, 0), rng.integers(0, classes, extra)]
        )
        keep = rng.random(count + extra) < 0.85
        found_masks = boxes_to_masks(found[keep])
        predictions[image_id] = Detections(
            found[keep],
            rng.choice([0.1, 0.3, 0.5, 0.7, 0.9], int(keep.sum())).astype(np.float32),
            found_classes[keep].astype(np.int64),
            found_masks,
        )
    content = {
        "images": [{"id": i, "file_name": f"{i}.png", "height": SIDE, "width": SIDE} for i in range(10, 10 + images)],
        "annotations": objects,
        "categories": [{"id": i, "name": f"class {i}"} for i in category_ids],
    }
    return Annotations.from_coco(content), predictions
