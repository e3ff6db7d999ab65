"""A few images of squares and bars with boxes and masks, for tests that tune teachers."""

import numpy as np
from numpy.typing import NDArray

from gsam_edge.coco import Annotations

NAMES = ("ring", "star", "ear of bag")
#: Per image: class id and corners in pixels of objects; the last image holds none.
OBJECTS: tuple[tuple[tuple[int, tuple[int, int, int, int]], ...], ...] = (
    ((0, (10, 5, 50, 45)), (1, (60, 10, 75, 55))),
    ((1, (20, 20, 60, 50)),),
    ((0, (5, 5, 40, 30)), (0, (45, 30, 75, 55))),
    (),
)


def shape_annotations(image_ids: range, *, boxes: bool = True, masks: bool = True) -> Annotations:
    """The labels of these images, 0..3, of 80 x 60 px; the third class occurs in none."""
    records = []
    for image_id in image_ids:
        for class_id, (left, top, right, bottom) in OBJECTS[image_id]:
            record = {"id": len(records), "image_id": image_id, "category_id": class_id, "iscrowd": 0}
            if boxes:
                record["bbox"] = [left, top, right - left, bottom - top]
            if masks:
                record["segmentation"] = [[left, top, right, top, right, bottom, left, bottom]]
            records.append(record)
    return Annotations.from_coco(
        {
            "images": [{"id": i, "file_name": f"{i}.png", "width": 80, "height": 60} for i in image_ids],
            "annotations": records,
            "categories": [{"id": class_id, "name": name} for class_id, name in enumerate(NAMES)],
        }
    )


def shape_images() -> dict[str, NDArray[np.uint8]]:
    """The images by `file_name`: each class has a colour."""
    images = {}
    for image_id, objects in enumerate(OBJECTS):
        image = np.full((60, 80, 3), 30, np.uint8)
        for class_id, (left, top, right, bottom) in objects:
            image[top:bottom, left:right] = ((220, 40, 40), (40, 220, 40))[class_id]
        images[f"{image_id}.png"] = image
    return images
