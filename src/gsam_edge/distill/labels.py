"""Teacher labels of the training images, stored so that no image is labelled twice."""

import hashlib
import json
from collections.abc import Callable, Generator, MutableMapping
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gsam_edge.coco import Annotations
from gsam_edge.coco.packed import PackedDetections
from gsam_edge.coco.predictions import Predictions, PredictorInfo
from gsam_edge.teachers.asking import Question, QuestionedTeacher, questions
from gsam_edge.teachers.family import TeacherPredict
from gsam_edge.training.workers import Workers
from gsam_edge.vision import Detections
from gsam_edge.vision.images import ImageSource

#: Raised when a stored label holds more than before, so that those of an earlier format are made anew.
_FORMAT = 3


@dataclass(frozen=True)
class StoreCounts:
    """Numbers of images whose labels were stored before and of images labelled now.

    Attributes:
        hits: images whose labels were in the store.
        new: images that the teacher labelled now.
    """

    hits: int
    new: int


def label_images(
    predict: Callable[[], TeacherPredict],
    teacher: PredictorInfo,
    annotations: Annotations,
    images: ImageSource,
    *,
    batch_size: int,
    store: MutableMapping[str, dict[str, Any]],
) -> tuple[Predictions, StoreCounts]:
    """Returns the teacher's labels of every image of a split, from the store where they are there already.

    The labels of each batch are stored at once, so a killed run continues where it stopped. All detections of the
    teacher are labels. Its score threshold is part of its digest: with another threshold the images are labelled again,
    because only labels have masks.

    Args:
        predict: builds the teacher; called once, and only if an image is not in the store.
        teacher: its name, digest and kind of prompt.
        annotations: the split; its true boxes are the prompt of a teacher that needs one.
        images: images by `file_name`.
        batch_size: images that the teacher is asked about at once.
        store: records by hex digest of image, teacher, classes and prompt.

    Returns:
        The labels, as the store gives them back, and the counts.
    """
    labels: dict[int, PackedDetections] = {}
    keys: dict[int, str] = {}
    new = 0

    def open_questions() -> Generator[Question, None, None]:
        prompted = teacher.prompted_with_boxes
        for question in questions(annotations, images, prompted_with_boxes=prompted, bar="teacher labels"):
            key = keys[question.image_id] = _key(question.image, teacher, annotations.class_names, question.prompt)
            if key in store:
                labels[question.image_id] = PackedDetections.from_record(store[key])
            else:
                yield question

    with closing(open_questions()) as unknown:
        for question, found in Workers().map(QuestionedTeacher(predict), unknown, batch=batch_size):
            new += 1
            record = store[keys[question.image_id]] = found.to_record()
            labels[question.image_id] = PackedDetections.from_record(record)
    counts = StoreCounts(len(annotations.images) - new, new)
    return Predictions(labels, annotations.class_names, teacher, annotations.split_digest), counts


def _key(
    image: NDArray[np.uint8], teacher: PredictorInfo, class_names: tuple[str, ...], prompt: Detections | None
) -> str:
    """Returns a digest of everything that the teacher's labels of an image depend on."""
    digest = hashlib.sha256(json.dumps([_FORMAT, teacher.digest, class_names, image.shape]).encode())
    digest.update(np.ascontiguousarray(image).tobytes())
    if prompt is not None:
        digest.update(prompt.xyxy.tobytes())
        digest.update(prompt.class_ids.tobytes())
    return digest.hexdigest()
