"""Claim: two workers store the labels of one, byte for byte, and on two free cores label at least 1.6 times as fast.

The tiny teachers as they are, on the sample's images, one thread each, by the clock, without the seconds in which the
workers start. On a machine with one core the ratio is shown and not asked for: two processes share it.

    python benchmarks/labelling_workers.py --images 48 --workers 1 2
"""

import argparse
import json
import os
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import torch

from gsam_edge.coco import Annotations
from gsam_edge.coco.predictions import PredictorInfo
from gsam_edge.datasets.images import ImageFolder
from gsam_edge.datasets.state import JsonStore
from gsam_edge.distill.labels.labelling import label_images
from gsam_edge.synthetic import SAMPLE_CLASSES
from gsam_edge.teachers.config import DetectionConfig
from gsam_edge.teachers.predict import Part, teacher_predictor
from gsam_edge.teachers.table import TEACHERS
from gsam_edge.training.workers import WorkersConfig

ROOT = Path(__file__).parents[1]
LEAST_RATIO = 1.6
BATCH = 4


class TimedStore(dict[str, dict[str, Any]]):
    """A store in memory that knows when each record came."""

    def __init__(self) -> None:
        super().__init__()
        self.times: list[float] = []

    def __setitem__(self, key: str, record: dict[str, Any]) -> None:
        super().__setitem__(key, record)
        self.times.append(time.perf_counter())

    def rate(self) -> float:
        """Returns images a second from the first batch on."""
        return (len(self.times) - BATCH) / (self.times[-1] - self.times[BATCH - 1])


def labelled(folder: Path, names: list[str], config: WorkersConfig, score: float) -> TimedStore:
    """Labels images of a folder into an empty store."""
    finder, outliner = (
        Part(name, TEACHERS[name].load(str(ROOT / "data/06_models/base" / name), allow_download=False), None)
        for name in ("grounding_dino", "sam")
    )
    detection = DetectionConfig(
        score_threshold=score, candidates=1000, nms_iou=0.6, max_detections=100, batch_size=BATCH
    )
    teacher = partial(
        teacher_predictor,
        finder=finder,
        outliner=outliner,
        class_names=SAMPLE_CLASSES,
        detection=detection,
        device="auto",
        flips=("horizontal",),
        boxes_from_masks=True,
        keep_bases=False,
    )
    records = tuple({"id": n, "file_name": name, "width": 1, "height": 1} for n, name in enumerate(names))
    split = Annotations(records, (), tuple({"id": n, "name": name} for n, name in enumerate(SAMPLE_CLASSES)))
    store = TimedStore()
    label_images(
        teacher,
        PredictorInfo("tiny", "1", prompted_with_boxes=False),
        split,
        ImageFolder(folder, max_pixels=10**8),
        batch_size=BATCH,
        store=store,
        workers=config,
    )
    return store


def processor_seconds() -> float:
    """Returns the processor time of this process and of those that it started and that have ended."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def main() -> None:
    """Labels with each number of workers, compares the labels, and checks the claim."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=48, help="images of the sample")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2], help="workers; the first is the reference")
    parser.add_argument("--engine", default="local", choices=("local", "ray"))
    parser.add_argument("--score", type=float, default=0.05, help="least score of a label (0..1)")
    parser.add_argument("--folder", type=Path, default=ROOT / "data/01_raw/sample", help="images, below it too")
    arguments = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"  # of each worker
    torch.set_num_threads(1)
    names = list(ImageFolder(arguments.folder, max_pixels=10**8))[: arguments.images]
    stores: dict[int, TimedStore] = {}
    for count in arguments.workers:
        config = WorkersConfig(engine=arguments.engine, count=count)
        before = processor_seconds()
        stores[count] = labelled(arguments.folder, names, config, arguments.score)
        spent = (processor_seconds() - before) / len(names)
        ratio = stores[count].rate() / stores[arguments.workers[0]].rate()
        print(f"{count} workers: {stores[count].rate():.2f} images a second ({ratio:.2f} x)", end=", ")
        print(f"{spent:.2f} s of processor time an image, the start included")
    reference = stores[arguments.workers[0]]
    assert all(dict(store) == dict(reference) for store in stores.values()), "the labels differ"
    with tempfile.TemporaryDirectory() as folder:
        kept, start = JsonStore(Path(folder)), time.perf_counter()
        for key, record in reference.items():
            kept[key] = record
        milliseconds = 1000 * (time.perf_counter() - start) / len(reference)
    objects = sum(len(record["scores"]) for record in reference.values()) / len(reference)
    size = sum(len(json.dumps(record, separators=(",", ":"))) for record in reference.values()) / len(reference)
    print(f"{objects:.1f} objects an image, {size:.0f} bytes a record, {milliseconds:.1f} ms to store one")
    cores = psutil.cpu_count(logical=False) or 1
    best = max(store.rate() for store in stores.values()) / reference.rate()
    if cores >= max(arguments.workers):
        assert best >= LEAST_RATIO, f"expected at least {LEAST_RATIO} x, got {best:.2f} x"
    else:
        print(f"{cores} core: the ratio says what two processes cost, not what they gain")


if __name__ == "__main__":
    main()
