"""What a teacher is asked about each image of a split."""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from rich.progress import track

from gsam_edge.coco import Annotations
from gsam_edge.teachers.family import TeacherPredict
from gsam_edge.vision import Detections
from gsam_edge.vision.images import ImageSource


class Question(NamedTuple):
    """One image, and what else the teacher is given.

    Attributes:
        image_id: its COCO id.
        image: uint8 [H, W, 3] RGB.
        prompt: its true objects without their masks, or None for a teacher that is not prompted with boxes.
    """

    image_id: int
    image: NDArray[np.uint8]
    prompt: Detections | None


@dataclass(frozen=True)
class QuestionedTeacher:
    """A factory for `Workers.map` whose model answers questions one by one; it can be pickled where `build` can.

    Attributes:
        build: builds the teacher.
    """

    build: Callable[[], TeacherPredict]

    def __call__(self) -> Callable[[Sequence[Question]], list[Detections]]:
        """The teacher, built."""
        predict = self.build()
        return lambda questions: [predict(question.image, question.prompt) for question in questions]


def questions(
    split: Annotations, images: ImageSource, *, prompted_with_boxes: bool, bar: str
) -> Generator[Question, None, None]:
    """A question about each image of a split, each image decoded when it is its turn.

    Close it where an error may end the work before the questions: the bar is gone before the error is shown.

    Args:
        split: the images.
        images: images by `file_name`.
        prompted_with_boxes: whether the teacher is given the true boxes.
        bar: what the progress bar says.
    """
    for image in track(split.images, description=bar):
        prompt = split.truth(image["id"], masks=False) if prompted_with_boxes else None
        yield Question(image["id"], images[image["file_name"]], prompt)
