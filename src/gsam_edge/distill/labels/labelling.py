"""Teacher labels of images, stored so that no image is labelled twice."""

import hashlib
import json
import logging
import secrets
from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping, MutableMapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from gsam_edge.coco import Annotations
from gsam_edge.coco.errors import InvalidDatasetError
from gsam_edge.coco.packed import PackedDetections
from gsam_edge.coco.predictions import Predictions, PredictorInfo
from gsam_edge.coco.provenance import require_made_from
from gsam_edge.teachers.asking import Question, QuestionedTeacher
from gsam_edge.teachers.config import FloorConfig
from gsam_edge.teachers.errors import UselessTeacherError
from gsam_edge.teachers.family import TeacherPredict
from gsam_edge.training.workers import Workers
from gsam_edge.vision import Detections
from gsam_edge.vision.images import ImageSource, image_digest

logger = logging.getLogger(__name__)

#: Raised when a stored label or its key changes, so that those of an earlier format are made anew.
_FORMAT = 3


@dataclass(frozen=True)
class StoreCounts:
    """Numbers of images whose labels were stored before and of images labelled now.

    Attributes:
        hits: images whose labels were in the store.
        new: images that were labelled now.
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
    """Returns the labels of every image, from the store where they are there already; a student labels the same way.

    The labels of each batch are stored at once, so a killed run continues where it stopped, and an image whose labels
    are stored is not decoded. Until all images are labelled, only one batch is in memory. Several processes may share
    the store: each takes over what the others stored before it came to an image, and where two label one image at the
    same time, the later one goes on at another place. All detections are labels. The score threshold is part of the
    teacher's digest: with another one the images are labelled again, because only labels have masks.

    Args:
        predict: builds the teacher; called once, and only if an image is not in the store.
        teacher: its name, digest and kind of prompt.
        annotations: the images; their true boxes are the prompt of a teacher that needs one.
        images: images by `file_name`.
        batch_size: images that the teacher is asked about at once.
        store: records by hex digest of image, teacher, classes and prompt.

    Returns:
        The labels, as the store gives them back, and the counts.
    """
    keys: dict[int, str] = {}
    made: set[str] = set()
    hits = new = 0
    waiting = deque(annotations.images)
    with _progress("labels", len(waiting)) as show:

        def open_questions() -> Generator[Question, None, None]:
            nonlocal hits
            while waiting:
                image = waiting.popleft()
                image_id, name = image["id"], image["file_name"]
                prompt = annotations.truth(image_id, masks=False) if teacher.prompted_with_boxes else None
                keys[image_id] = _key(image_digest(images, name), teacher, annotations.class_names, prompt)
                if keys[image_id] in store:
                    hits += 1
                    show(f"{hits} from the store")
                else:
                    yield Question(image_id, images[name], prompt)

        with closing(open_questions()) as unknown:
            for question, found in Workers().map(QuestionedTeacher(predict), unknown, batch=batch_size):
                key = keys[question.image_id]
                if key in store and key not in made and waiting:
                    # Another process labelled it meanwhile, and goes on with the next: this one goes on elsewhere.
                    waiting.rotate(secrets.randbelow(len(waiting)))
                store[key] = found.to_record()
                made.add(key)
                new += 1
                show(f"{hits} from the store")
    labels = {}
    with _progress("reading labels", len(keys)) as show:
        for image in annotations.images:
            labels[image["id"]] = PackedDetections.from_record(store[keys[image["id"]]])
            show("")
    return Predictions(labels, annotations.class_names, teacher, annotations.split_digest), StoreCounts(hits, new)


def require_labels_of(images: Annotations, labels: Predictions, *, what: str) -> None:
    """Checks that stored labels are those of these images.

    Args:
        images: a part of the data.
        labels: what a teacher said of it.
        what: their name in the catalog, for the message.

    Raises:
        InvalidDatasetError: if classes, split or images differ.
    """
    remedy = "run the pipeline distillation from its beginning"
    require_made_from(images, what=what, class_names=labels.class_names, split_digest=labels.split, remedy=remedy)
    missing, unknown = images.image_by_id.keys() - labels.objects.keys(), labels.objects.keys() - images.image_by_id
    if missing or unknown:
        raise InvalidDatasetError(
            f"{what}: expected labels of the {len(images.images)} present images, got none of {len(missing)} of them, "
            f"and labels of {len(unknown)} other images; {remedy}"
        )
    if labels.predictor.prompted_with_boxes:
        counts = {image_id: len(images.truth(image_id, masks=False)) for image_id in labels.objects}
        changed = [image_id for image_id, count in counts.items() if len(labels.objects[image_id]) != count]
        if changed:
            raise InvalidDatasetError(
                f"{what}: expected a mask in each labelled box, got another number of them in {len(changed)} images "
                f"(the first: {images.image_by_id[changed[0]]['file_name']!r}), corrected since; {remedy}"
            )


def require_labels(labels: Mapping[str, Predictions], floor: FloorConfig) -> None:
    """Checks that the teachers found something, and warns of each class that they found in no image.

    Args:
        labels: labels of several sets of images with equal classes, by the names of the sets.
        floor: whether a useless teacher ends the run.

    Raises:
        UselessTeacherError: if there is no label at all and `floor.below` does not say to go on.
    """
    found = {class_id for each in labels.values() for o in each.objects.values() for class_id in o.unmasked.class_ids}
    class_names = next(iter(labels.values())).class_names
    missing = [name for class_id, name in enumerate(class_names) if class_id not in found]
    images = ", ".join(f"{len(each.objects)} of {name}" for name, each in labels.items())
    try_this = (
        "a lower labelling.score_threshold, a name in `categories` that says what is seen, a teacher tuned with more "
        "steps or on more images, or another base in the catalog"
    )
    if not found:
        message = f"teacher labels: expected objects, found none at all in the images ({images}); try {try_this}"
        if floor.below == "error":
            raise UselessTeacherError(message)
        logger.warning(message)
    elif missing:
        logger.warning(
            "teacher labels: the teachers found no %s in any image (%s), so the student learns these classes from your "
            "labels alone; try %s",
            ", ".join(map(repr, missing)),
            images,
            try_this,
        )


@contextmanager
def _progress(what: str, total: int) -> Iterator[Callable[[str], None]]:
    """Shows a bar; yields the function to call after each image, with what to say beside the speed."""
    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[note]}"), TimeRemainingColumn())
    with Progress(TextColumn("{task.description}"), *columns) as progress:
        task = progress.add_task(what, total=total, note="")

        def show(note: str) -> None:
            speed = progress.tasks[task].speed or 0
            progress.update(task, advance=1, note=f"{speed:.1f} images/s  {note}")

        yield show


def _key(image: str, teacher: PredictorInfo, class_names: tuple[str, ...], prompt: Detections | None) -> str:
    """Returns a digest of everything that the labels of an image depend on, by the digest of the image."""
    digest = hashlib.sha256(json.dumps([_FORMAT, teacher.digest, class_names, image]).encode())
    if prompt is not None:
        digest.update(prompt.xyxy.tobytes())
        digest.update(prompt.class_ids.tobytes())
    return digest.hexdigest()
