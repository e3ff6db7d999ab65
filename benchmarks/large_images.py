"""Claim: 100 objects, each 0.3 of a 12-megapixel image's sides, are read with their masks in 2 s and 300 MB.

    python benchmarks/large_images.py [--objects 100]

Measured on what a student of 640 px answers, made up: a disc in each box, boxes of a share of the image's sides at
random places. Each share is read in a process of its own, by one thread: processor time, and the most memory that the
process held beyond what it held before. The last columns are those of the masks as arrays of the image's size.
"""

import argparse
import multiprocessing
import resource
import time

import numpy as np
from rich.console import Console
from rich.table import Table

from gsam_edge.runtime import Card
from gsam_edge.runtime.tasks.table import TASKS
from gsam_edge.vision import Letterbox

CARD = Card("detect", ("object",), 640, "yolov8-seg", "0.1.0")
IMAGE_HW, CELLS = (3000, 4000), 160


def read(share: float, objects: int, arrays: bool) -> tuple[float, float]:
    """Returns seconds and megabytes (10^6 bytes) of reading objects of a share of the image's sides."""
    rng = np.random.default_rng(0)
    letterbox = Letterbox.fit(IMAGE_HW, (640, 640))
    height, width = IMAGE_HW
    corner = rng.random((objects, 2)) * (1 - share) * [width, height]
    xyxy = np.concatenate([corner, corner + np.array([width, height]) * share], axis=1)
    boxes = letterbox.boxes_to_canvas(xyxy.astype(np.float32))
    cell = (np.arange(CELLS, dtype=np.float32) + 0.5) * 4
    masks = np.empty((1, objects, CELLS, CELLS), np.float32)
    for mask, (left, top, right, bottom) in zip(masks[0], boxes, strict=True):
        away = ((2 * cell - left - right) / (right - left)) ** 2
        down = ((2 * cell - top - bottom) / (bottom - top)) ** 2
        mask[...] = 1 / (1 + np.exp(np.clip(8 * (away + down[:, None] - 1), -30, 30)))
    scores, class_ids = np.ones((1, objects), np.float32), np.zeros((1, objects), np.int64)
    outputs = {"boxes": boxes[None], "scores": scores, "class_ids": class_ids, "masks": masks}
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.process_time()
    found = TASKS["detect"].read(outputs, letterbox, CARD, threshold=0.5)
    if arrays and found.masks is None:
        raise RuntimeError("expected masks")
    return time.process_time() - start, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 / 1e6


def main() -> None:
    """Prints a row for each size of the objects."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--objects", type=int, default=100)
    parser.add_argument("--shares", type=float, nargs="+", default=[0.1, 0.3, 1.0], help="of the image's sides")
    arguments = parser.parse_args()
    table = Table("sides of the image", "s", "MB", "arrays: s", "arrays: MB")
    for share in arguments.shares:
        row = []
        for arrays in (False, True):
            with multiprocessing.get_context("spawn").Pool(1) as pool:
                seconds, megabytes = pool.apply(read, (share, arguments.objects, arrays))
            row += [f"{seconds:.2f}", f"{megabytes:.0f}"]
        table.add_row(f"{share:g}", *row)
    Console().print(table)


if __name__ == "__main__":
    main()
