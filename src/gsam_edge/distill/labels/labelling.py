"""Teacher labels of images, stored so that no image is labelled twice."""

import hashlib
import json
import logging
import secrets
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterator, Mapping, MutableMapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

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
from gsam_edge.training.workers import Workers, WorkersConfig
from gsam_edge.vision import Detections
from gsam_edge.vision.images import ImageSource, image_digest

logger = logging.getLogger(__name__)

#: Raised when a stored label or its key changes, so that those of an earlier format are made anew.
_FORMAT = 3


@dataclass(frozen=True)
class StoreCounts:
    """Numbers of images whose labels were stored before and of images labelled now.

    Attributes:
        hits: images whose labels were in the store, or are those of an equal image.
        new: images that were labelled now.
    """

    hits: int
    new: int


class Labelled(NamedTuple):
    """The labels of a set of images.

    Attributes:
        labels: of every image.
        counts: where they came from.
    """

    labels: Predictions
    counts: StoreCounts


def label_images(
    predict: Callable[[], TeacherPredict],
    teacher: PredictorInfo,
    annotations: Annotations,
    images: ImageSource,
    *,
    batch_size: int,
    store: MutableMapping[str, dict[str, Any]],
    workers: WorkersConfig | None = None,
) -> Labelled:
    """Returns the labels of one set of images; see `label_sets`."""
    sets = {"images": annotations}
    return label_sets(predict, teacher, sets, images, batch_size=batch_size, store=store, workers=workers)["images"]


def label_sets(
    predict: Callable[[], TeacherPredict],
    teacher: PredictorInfo,
    sets: Mapping[str, Annotations],
    images: ImageSource,
    *,
    batch_size: int,
    store: MutableMapping[str, dict[str, Any]],
    workers: WorkersConfig | None = None,
) -> dict[str, Labelled]:
    """Returns the labels of every image, from the store where they are there already; a student labels the same way.

    The labels of each batch are stored at once, by this process, so a killed run continues where it stopped, and an
    image whose labels are stored is not decoded. Until all images are labelled, only the batches that the workers have
    in hand are in memory, and the pixels of none in this process but where it labels itself. Several processes may
    share the store, on several machines: each takes over what the others stored before it came to an image, and where
    two label one image at the same time, the later one goes on at another place. Images of equal keys are asked about
    once. All detections are labels. The score threshold is part of the teacher's digest: with another one the images
    are labelled again, because only labels have masks.

    Args:
        predict: builds the teacher; called once by each worker, and only if an image is not in the store.
        teacher: its name, digest and kind of prompt.
        sets: the images by name of the set; their true boxes are the prompt of a teacher that needs one.
        images: images by `file_name`.
        batch_size: images that the teacher is asked about at once.
        store: records by hex digest of image, teacher, classes and prompt.
        workers: processes that label, see `Workers`; None is this one alone. Nothing in the labels depends on it.

    Returns:
        By name of the set the labels, as the store gives them back, and the counts.

    Raises:
        ImageError: if an image is missing or damaged.
        Exception: see `Workers.map`.
    """
    keys: dict[str, dict[int, str]] = {name: {} for name in sets}
    asked: set[str] = set()
    in_hand: deque[tuple[str, str]] = deque()
    hits, new = Counter[str](), Counter[str]()
    waiting = deque((name, image) for name, part in sets.items() for image in part.images)
    with _progress("labels", len(waiting)) as show:

        def open_questions() -> Generator[Question, None, None]:
            while waiting:
                name, image = waiting.popleft()
                prompt = sets[name].truth(image["id"], masks=False) if teacher.prompted_with_boxes else None
                key = _key(image_digest(images, image["file_name"]), teacher, sets[name].class_names, prompt)
                keys[name][image["id"]] = key
                if key in asked or key in store:
                    hits[name] += 1
                    show(f"{hits.total()} from the store")
                else:
                    asked.add(key)
                    in_hand.append((name, key))
                    yield Question(image["file_name"], prompt)

        factory = QuestionedTeacher(predict, images)
        with (
            closing(open_questions()) as unknown,
            closing(Workers(workers).map(factory, unknown, batch=batch_size)) as answers,
        ):
            for _, found in answers:
                name, key = in_hand.popleft()
                if key in store and waiting:
                    # Another process labelled it meanwhile, and goes on with the next: this one goes on elsewhere.
                    waiting.rotate(secrets.randbelow(len(waiting)))
                store[key] = found.to_record()
                new[name] += 1
                show(f"{hits.total()} from the store")
    labelled = {}
    with _progress("reading labels", sum(map(len, keys.values()))) as show:
        for name, part in sets.items():
            labels = {}
            for image in part.images:
                labels[image["id"]] = PackedDetections.from_record(store[keys[name][image["id"]]])
                show("")
            predictions = Predictions(labels, part.class_names, teacher, part.split_digest)
            labelled[name] = Labelled(predictions, StoreCounts(hits[name], new[name]))
    return labelled


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
