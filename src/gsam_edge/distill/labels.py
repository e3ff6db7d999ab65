"""What the teachers say about the training pictures, kept so that no picture is asked about twice."""

import hashlib
import json
from collections.abc import Callable, MutableMapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from rich.progress import track

from gsam_edge.coco import Annotations
from gsam_edge.coco.packed import PackedDetections
from gsam_edge.coco.predictions import Predictions, Predictor
from gsam_edge.vision import Detections
from gsam_edge.vision.images import ImageSource

#: `predict(image, prompt)`: the prompt is None for a teacher that finds the objects, and holds the true boxes for one
#: that only draws their masks.
TeacherPredict: TypeAlias = Callable[[NDArray[np.uint8], Detections | None], Detections]


@dataclass(frozen=True)
class StoreCounts:
    """How much of the work was done before.

    Attributes:
        hits: images whose labels were in the store.
        new: images that the teacher was asked about.
    """

    hits: int
    new: int


def label_images(
    predict: Callable[[], TeacherPredict],
    teacher: Predictor,
    annotations: Annotations,
    images: ImageSource,
    *,
    store: MutableMapping[str, dict[str, Any]],
) -> tuple[Predictions, StoreCounts]:
    """Ask the teacher about every image of a split, or the store where it was asked before.

    Each answer is stored at once, so a killed run continues where it was. All that the teacher answers are labels, and
    its score threshold is part of its digest: with another threshold it is asked again, as SAM has no masks for what
    was no label.

    Args:
        predict: builds the teacher; called once, and only if an image is not in the store.
        teacher: who it is.
        annotations: the split; its true boxes are the prompt of a teacher that needs one.
        images: pictures by `file_name`.
        store: records by hex digest of picture, teacher, classes and prompt.

    Returns:
        The labels, as the store gives them back, and the counts.
    """
    labels: dict[int, PackedDetections] = {}
    asked: TeacherPredict | None = None
    hits = 0
    for image in track(annotations.images, description="teacher labels"):
        picture = images[image["file_name"]]
        prompt = annotations.truth(image["id"], masks=False) if teacher.prompted_with_boxes else None
        key = _key(picture, teacher, annotations.class_names, prompt)
        if key in store:
            hits += 1
            record = store[key]
        else:
            asked = asked or predict()
            record = store[key] = PackedDetections.pack(asked(picture, prompt)).to_record()
        labels[image["id"]] = PackedDetections.from_record(record)
    counts = StoreCounts(hits, len(annotations.images) - hits)
    return Predictions(labels, annotations.class_names, teacher, annotations.split_digest), counts


def _key(
    picture: NDArray[np.uint8], teacher: Predictor, class_names: tuple[str, ...], prompt: Detections | None
) -> str:
    """A digest of everything that the teacher's answer depends on."""
    digest = hashlib.sha256(json.dumps([teacher.digest, class_names, picture.shape]).encode())
    digest.update(np.ascontiguousarray(picture).tobytes())
    if prompt is not None:
        digest.update(prompt.xyxy.tobytes())
        digest.update(prompt.class_ids.tobytes())
    return digest.hexdigest()
