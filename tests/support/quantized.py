"""Training and validation images of the blob student (tests/export/conftest.py)."""

import numpy as np

from gsam_edge.coco import Annotations
from gsam_edge.export.format import BuildData

SIDE = 64


def blob_data() -> BuildData:
    """Dark images with one red and one green cell each, which the blob student finds; nothing of them is blue."""
    rng = np.random.default_rng(0)
    images, records, objects = {}, [], []
    for number in range(8):
        image = np.zeros((SIDE, SIDE, 3), np.uint8)
        for class_id, (x, y) in enumerate(rng.integers(2, 14, (2, 2)).tolist()):
            image[y * 4 : y * 4 + 4, x * 4 : x * 4 + 4, class_id] = 255
            refers = {"id": len(objects), "image_id": number, "category_id": class_id, "iscrowd": 0}
            objects.append(refers | {"bbox": [x * 4 + 2 - 8, y * 4 + 2 - 8, 16, 16], "area": 256})
        images[f"{number}.png"] = image
        records.append({"id": number, "file_name": f"{number}.png", "width": SIDE, "height": SIDE})
    content = {
        "info": {},
        "images": records,
        "annotations": objects,
        "categories": [{"id": row, "name": name} for row, name in enumerate(("red blob", "green blob"))],
    }
    split = Annotations.from_coco(content)
    return BuildData(split, split, images, seed=0, threads=1)
