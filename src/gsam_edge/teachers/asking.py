"""Inputs of a teacher for each image of a split."""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from rich.progress import track

from gsam_edge.coco import Annotations
from gsam_edge.coco.packed import PackedDetections
from gsam_edge.teachers.family import TeacherPredict
from gsam_edge.vision import Detections
from gsam_edge.vision.images import ImageSource


class Question(NamedTuple):
    """Input of a teacher: one image and, where it is prompted with boxes, the true objects.

    Attributes:
        file_name: the image. It is decoded by who answers: in another process it would take its pixels twice.
        prompt: its true objects without their masks, or None for a teacher that is not prompted with boxes.
    """

    file_name: str
    prompt: Detections | None

    def __str__(self) -> str:
        return self.file_name


@dataclass(frozen=True, eq=False)
class QuestionedTeacher:
    """A factory for `Workers.map` whose model answers questions; it can be pickled where its attributes can.

    The answers are packed one by one: the unpacked masks of several images may not fit into memory.

    Attributes:
        build: builds the teacher.
        images: images by `file_name`; in another process it reads them from the same files.
    """

    build: Callable[[], TeacherPredict]
    images: ImageSource

    def __call__(self) -> Callable[[Sequence[Question]], list[PackedDetections]]:
        """Builds the teacher."""
        predict = self.build()

        def answer(asked: Sequence[Question]) -> list[PackedDetections]:
            prompts = [question.prompt for question in asked if question.prompt is not None]
            found = predict([self.images[question.file_name] for question in asked], prompts if prompts else None)
            return [PackedDetections.pack(objects) for objects in found]

        return answer


def questions(split: Annotations, *, prompted_with_boxes: bool, bar: str) -> Generator[Question, None, None]:
    """Yields a question for each image of a split.

    Close the generator where an error may end the work early: this removes the progress bar before the error is shown.

    Args:
        split: the images.
        prompted_with_boxes: whether the teacher is given the true boxes.
        bar: text of the progress bar.
    """
    for image in track(split.images, description=bar):
        prompt = split.truth(image["id"], masks=False) if prompted_with_boxes else None
        yield Question(image["file_name"], prompt)
