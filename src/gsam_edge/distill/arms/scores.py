"""Figures of a student, or of anybody's labels, on a split."""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from gsam_edge.coco import Annotations
from gsam_edge.coco.errors import InvalidDatasetError
from gsam_edge.coco.packed import PackedDetections
from gsam_edge.coco.predictions import by_image
from gsam_edge.metrics.detection import coco_metrics
from gsam_edge.students.family import StudentValidation
from gsam_edge.vision import Detections
from gsam_edge.vision.images import ImageSource


def found_by(
    predict: Callable[[NDArray[np.uint8]], Detections], split: Annotations, images: ImageSource
) -> dict[int, PackedDetections]:
    """Returns what a student finds in each image of a split, by image id."""
    packed = [PackedDetections.pack(predict(images[image["file_name"]])) for image in split.images]
    return by_image(split, packed)


def score_student(
    predict: Callable[[NDArray[np.uint8]], Detections], split: Annotations, images: ImageSource
) -> StudentValidation:
    """Returns the figures of what a student finds, see `score_predictions`."""
    require_objects(split)
    return score_predictions(split, found_by(predict, split, images))


def score_predictions(split: Annotations, found: Mapping[int, PackedDetections]) -> StudentValidation:
    """Returns COCO's mAP50 and mAP50-95 of boxes and, where annotations and predictions have them, of masks.

    The fitness is the mAP50-95, the mean of both where there are both.

    Raises:
        InvalidDatasetError: if the split holds no object.
    """
    require_objects(split)
    metrics: dict[str, float] = {}
    for prefix, iou_type in (("box", "bbox"), ("mask", "segm")):
        figures = coco_metrics(split, found, iou_type)  # type: ignore[arg-type]
        metrics |= {f"{prefix}_{name}": figures[name] for name in ("map50", "map50_95") if name in figures}
    strict = [value for name, value in metrics.items() if name.endswith("map50_95")]
    return StudentValidation(sum(strict) / len(strict), metrics)


def require_objects(split: Annotations) -> None:
    """Raises InvalidDatasetError if a split holds no object, by which a student could be judged."""
    if split.columns.is_crowd.all():
        raise InvalidDatasetError(
            f"validation split: expected at least one object, crowd regions aside, in its {len(split.images)} images, "
            "got none; no student can be judged by it: split the images anew, or label some of these"
        )
