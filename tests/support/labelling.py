"""A process that labels a folder of images with a slow teacher into a store, to be killed or to run beside another."""

import hashlib
import sys
import time
import uuid
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gsam_edge.coco import Annotations
from gsam_edge.coco.predictions import PredictorInfo
from gsam_edge.datasets.images import ImageFolder
from gsam_edge.datasets.predictions import PredictionsDataset
from gsam_edge.datasets.state import JsonStore
from gsam_edge.distill.labels.labelling import Labelled, label_images
from gsam_edge.teachers.family import TeacherPredict
from gsam_edge.training.workers import WorkersConfig
from gsam_edge.vision import Detections

TEACHER = PredictorInfo("slow", "1", prompted_with_boxes=False)
IMAGES = 60
BATCH = 4


def slow_teacher(seconds: float, notes: Path | None = None) -> TeacherPredict:
    """Builds a teacher that takes so many seconds an image: one object at the place that the image's pixels say.

    Args:
        seconds: of each image.
        notes: folder in which it leaves a file for each image that it was asked about, `<digest>-<anything>`.
    """

    def answer(images: Iterable[NDArray[np.uint8]], prompts: object) -> Iterator[Detections]:
        for image in images:
            if notes is not None:
                (notes / f"{hashlib.sha256(image.tobytes()).hexdigest()}-{uuid.uuid4().hex}").touch()
            time.sleep(seconds)
            left, top = (int(value) % 8 for value in image[0, 0, :2])
            masks = np.zeros((1, *image.shape[:2]), bool)
            masks[0, top : top + 9, left : left + 9] = True
            xyxy = np.array([[left, top, left + 9, top + 9]], np.float32)
            yield Detections(xyxy, np.full(1, 0.5, np.float32), np.zeros(1, np.int64), masks)

    return answer


def labelled(
    folder: Path, *, seconds: float, store: str = "store", notes: Path | None = None, workers: int = 1
) -> Labelled:
    """Labels `IMAGES` images, each in so many seconds, in batches of `BATCH`, with so many workers."""
    records = tuple({"id": n, "file_name": f"{n}.png", "width": 24, "height": 20} for n in range(IMAGES))
    return label_images(
        partial(slow_teacher, seconds, notes),
        TEACHER,
        Annotations(records, (), ({"id": 1, "name": "ear"},)),
        ImageFolder(folder / "images", max_pixels=10_000),
        batch_size=BATCH,
        store=JsonStore(folder / store),
        workers=WorkersConfig(engine="local", count=workers),
    )


def main() -> None:
    """Labels as the command line says: folder, seconds, name of the result, workers."""
    place, wait, name, count = Path(sys.argv[1]), float(sys.argv[2]), sys.argv[3], int(sys.argv[4])
    labels, counts = labelled(place, seconds=wait, notes=place / "notes", workers=count)
    PredictionsDataset(filepath=str(place / f"{name}.json")).save(labels)
    (place / f"{name}.counts").write_text(f"{counts.hits} {counts.new}")
