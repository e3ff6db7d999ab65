"""A split that holds its images several times, for tests of draws."""

from collections.abc import Mapping, Sequence

from gsam_edge.coco.annotations import Annotations
from gsam_edge.vision import Detections


def repeated(
    truth: Annotations, predictions: Mapping[int, Detections], draws: Sequence[int]
) -> tuple[Annotations, dict[int, Detections]]:
    """Returns the split, and its predictions, with image i draws[i] times, under new ids."""
    images, objects, found = [], [], {}
    for image, count in zip(truth.images, draws, strict=True):
        for _ in range(count):
            image_id = 1000 + len(images)
            images.append({**image, "id": image_id, "file_name": f"{image_id}.png"})
            records = truth.objects_of_image[image["id"]]
            objects += [{**r, "id": 1000 * image_id + n, "image_id": image_id} for n, r in enumerate(records)]
            found[image_id] = predictions[image["id"]]
    return Annotations(tuple(images), tuple(objects), truth.categories), found
