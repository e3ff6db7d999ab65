"""Claim: in images of 4,000 px, tiles find at least 0.9 of what the student finds in the small images they are made of.

    python benchmarks/tiles.py [--images 2] [--artefact data/06_models/student_int8.onnx] [--score-threshold 0.3]

Large images are made of the sample's test images, laid side by side a few pixels askew, so that tiles cut objects
anywhere. Recall: share of the objects that a box of their class overlaps by an IoU from 0.5; false alarms: boxes that
are no object's. Time: of the processor, for one image of 4,000 px, decoding not included; for "one by one" of as many
small images as it holds.
"""

import argparse
import json
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from rich.console import Console
from rich.table import Table

from gsam_edge.runtime import Detector
from gsam_edge.runtime.tiles import Tiling, detect_in_tiles
from gsam_edge.vision import Detections
from gsam_edge.vision.boxes import box_iou, xywh_to_xyxy

SAMPLE = Path("data/01_raw/sample")
SIDE, CELL, JITTER, GREY = 4000, 330, 5, 90
LEAST_SHARE = 0.9
SMALL = 32**2  # COCO's small objects, pixels

Truth = tuple[NDArray[np.float32], NDArray[np.int64]]


class Sample:
    """The sample's test images with their objects."""

    def __init__(self, folder: Path, class_names: Sequence[str]) -> None:
        content = json.loads((folder / "annotations.json").read_text())
        ids = {record["id"]: class_names.index(record["name"]) for record in content["categories"]}
        self._folder = folder
        self._images = [image for image in content["images"] if image["split"] == "test"]
        self._truth: dict[int, list[tuple[list[float], int]]] = {image["id"]: [] for image in self._images}
        for record in content["annotations"]:
            if record["image_id"] in self._truth:
                self._truth[record["image_id"]].append((record["bbox"], ids[record["category_id"]]))

    def one(self, index: int) -> tuple[NDArray[np.uint8], Truth]:
        """Returns an image and its objects."""
        record = self._images[index % len(self._images)]
        with Image.open(self._folder / record["file_name"]) as image:
            pixels = np.asarray(image.convert("RGB"))
        objects = self._truth[record["id"]]
        return pixels, (xywh_to_xyxy([box for box, _ in objects]), np.array([kind for _, kind in objects], np.int64))

    def large(self, number: int) -> tuple[NDArray[np.uint8], Truth, list[int]]:
        """Returns an image of SIDE pixels, its objects, and which small images are in it."""
        rng = np.random.default_rng(number)
        image = np.full((SIDE, SIDE, 3), GREY, np.uint8)
        boxes, kinds, used = [], [], []
        for index, (row, column) in enumerate(np.ndindex(SIDE // CELL, SIDE // CELL)):
            used.append(number * (SIDE // CELL) ** 2 + index)
            pixels, (xyxy, class_ids) = self.one(used[-1])
            top, left = (int(cell * CELL + rng.integers(0, JITTER + 1)) for cell in (row, column))
            image[top : top + pixels.shape[0], left : left + pixels.shape[1]] = pixels
            boxes.append(xyxy + np.array([left, top, left, top], np.float32))
            kinds.append(class_ids)
        return image, (np.concatenate(boxes), np.concatenate(kinds)), used


def hits(found: Detections, truth: Truth) -> NDArray[np.bool_]:
    """Tells which objects are found, bool [N]: the surest box takes the object of its class that it overlaps most."""
    xyxy, class_ids = truth
    taken = np.zeros(len(xyxy), bool)
    overlaps = box_iou(found.xyxy, xyxy) * (found.class_ids[:, None] == class_ids)
    for row in range(len(found)):
        free = np.where(taken, 0, overlaps[row])
        if len(free) and free.max() >= 0.5:
            taken[free.argmax()] = True
    return taken


def main() -> None:
    """Prints a row for each way of looking."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--artefact", default="data/06_models/student_int8.onnx")
    parser.add_argument("--images", type=int, default=2, help="images of 4,000 px")
    parser.add_argument(
        "--score-threshold", type=float, default=None, help="the card's thresholds where it is not given"
    )
    parser.add_argument("--side", type=int, default=320, help="of a tile, pixels")
    arguments = parser.parse_args()
    detector = Detector.open(arguments.artefact, score_threshold=arguments.score_threshold, threads=1)
    sample = Sample(SAMPLE, detector.card.class_names)
    ways: dict[str, Callable[[NDArray[np.uint8]], Detections]] = {"whole image": detector}
    for overlap in (0.0, 0.25):
        for whole in (False, True):
            tiling = Tiling(arguments.side, overlap, whole, iou_threshold=0.6, cut_share=0.6)
            name = f"tiles, overlap {overlap:g}{', and whole' * whole}"
            ways[name] = partial(detect_in_tiles, detector.all, tiling=tiling, batch_size=1)
    rows: dict[str, list[tuple[NDArray[np.bool_], int, float, NDArray[np.bool_]]]] = {}
    for number in range(arguments.images):
        image, truth, used = sample.large(number)
        small = (truth[0][:, 2:] - truth[0][:, :2]).prod(1) < SMALL
        for name, way in ways.items():
            start = time.process_time()
            found = way(image)
            seconds = time.process_time() - start
            rows.setdefault(name, []).append((hits(found, truth), len(found), seconds, small))
        singles = [sample.one(index) for index in used]
        start = time.process_time()
        answers = [detector(pixels) for pixels, _ in singles]
        seconds = time.process_time() - start
        taken = np.concatenate([hits(found, each) for found, (_, each) in zip(answers, singles, strict=True)])
        rows.setdefault("one by one", []).append((taken, sum(map(len, answers)), seconds, small))
    table = Table("looked at", "objects", "recall", "recall of small", "false alarms", "s an image")
    recall = {}
    for name, parts in rows.items():
        taken, small = np.concatenate([part[0] for part in parts]), np.concatenate([part[3] for part in parts])
        alarms = sum(part[1] for part in parts) - int(taken.sum())
        recall[name] = float(taken.mean())
        seconds = sum(part[2] for part in parts) / len(parts)
        cells = [f"{taken.mean():.3f}", f"{taken[small].mean():.3f} of {small.sum()}", str(alarms), f"{seconds:.2f}"]
        table.add_row(name, str(len(taken)), *cells)
    Console(width=110).print(table)
    share = recall["tiles, overlap 0.25, and whole"] / recall["one by one"]
    without = recall["whole image"] / recall["one by one"]
    print(f"with tiles {share:.2f} of what is found one by one, without {without:.2f}")
    assert share >= LEAST_SHARE, f"expected at least {LEAST_SHARE}"


if __name__ == "__main__":
    main()
