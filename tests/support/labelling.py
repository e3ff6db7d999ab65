"""A process that labels a folder of images with a slow teacher into a store, to be killed or to run beside another."""

import sys
import time
from pathlib import Path

import numpy as np

from gsam_edge.coco import Annotations
from gsam_edge.coco.predictions import Predictions, PredictorInfo
from gsam_edge.datasets.images import ImageFolder
from gsam_edge.datasets.predictions import PredictionsDataset
from gsam_edge.datasets.state import JsonStore
from gsam_edge.distill.labels.labelling import StoreCounts, label_images
from gsam_edge.vision import Detections

TEACHER = PredictorInfo("slow", "1", prompted_with_boxes=False)
IMAGES = 60


def labelled(folder: Path, *, seconds: float) -> tuple[Predictions, StoreCounts]:
    """Labels `IMAGES` images, each in so many seconds, in batches of 4: one object at the place that its pixels say."""

    def answer(images, prompts):
        for image in images:
            time.sleep(seconds)
            left, top = (int(value) % 8 for value in image[0, 0, :2])
            masks = np.zeros((1, *image.shape[:2]), bool)
            masks[0, top : top + 9, left : left + 9] = True
            xyxy = np.array([[left, top, left + 9, top + 9]], np.float32)
            yield Detections(xyxy, np.full(1, 0.5, np.float32), np.zeros(1, np.int64), masks)

    records = tuple({"id": n, "file_name": f"{n}.png", "width": 24, "height": 20} for n in range(IMAGES))
    split = Annotations(records, (), ({"id": 1, "name": "ear"},))
    images = ImageFolder(folder / "images", max_pixels=10_000)
    return label_images(lambda: answer, TEACHER, split, images, batch_size=4, store=JsonStore(folder / "store"))


if __name__ == "__main__":
    place = Path(sys.argv[1])
    labels, counts = labelled(place, seconds=float(sys.argv[2]))
    PredictionsDataset(filepath=str(place / f"{sys.argv[3]}.json")).save(labels)
    (place / f"{sys.argv[3]}.counts").write_text(f"{counts.hits} {counts.new}")
