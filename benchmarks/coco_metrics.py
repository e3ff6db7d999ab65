"""Claim: COCO's figures cost at most a 50th (boxes) and a 20th (masks) of pycocotools' processor time and are equal to
1e-9; the 95 % interval of mAP50-95 by 1,000 draws of 5,000 images takes less than 10 s.

The split is made up: objects of all sizes, predictions that miss by a little, are wrong or superfluous. Engine and
reference get the same records, each in its own form, ready before the clock starts; measured is from there to the
twelve figures, processor time of one thread, the least of some rounds in turns.

    python benchmarks/coco_metrics.py
"""

import argparse
import contextlib
import io
import os
import time
from collections.abc import Callable
from typing import Any

os.environ["RAYON_NUM_THREADS"] = os.environ["OMP_NUM_THREADS"] = "1"  # before the libraries load

import numpy as np
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from gsam_edge.coco import Annotations
from gsam_edge.coco.packed import PackedDetections
from gsam_edge.metrics.accuracy import Draws, accuracy
from gsam_edge.metrics.bootstrap import RESAMPLES, drawn_images
from gsam_edge.metrics.coco.shapes import IouType, Shapes, found_shapes, true_shapes
from gsam_edge.metrics.detection import COCO_FIGURES, evaluate_shapes
from gsam_edge.metrics.resampling import IOUS_50_95, resampled_map
from gsam_edge.metrics.thresholds import count_shown
from gsam_edge.vision import Detections

SIDE, CLASSES = 640, 20


def rectangle(left: float, top: float, right: float, bottom: float) -> dict[str, Any]:
    """Returns the mask of a box as RLE."""
    return coco_mask.frPyObjects([[left, top, right, top, right, bottom, left, bottom]], SIDE, SIDE)[0]


def make_up(images: int, objects: float, seed: int) -> tuple[Annotations, dict[int, PackedDetections]]:
    """Returns a split with so many objects an image in the mean, and three times as many detections."""
    rng = np.random.default_rng(seed)
    records, found = [], {}
    for image_id in range(1, images + 1):
        count = int(rng.poisson(objects))
        side = np.exp(rng.uniform(np.log(8), np.log(300), (count, 2)))
        corner = rng.uniform(0, SIDE - side)
        xyxy, class_ids = np.concatenate([corner, corner + side], axis=1), rng.integers(0, CLASSES, count)
        for box, class_id in zip(xyxy.tolist(), class_ids.tolist(), strict=True):
            rle = rectangle(*box)
            records.append(
                {
                    "id": len(records) + 1, "image_id": image_id, "category_id": class_id + 1,
                    "bbox": [box[0], box[1], box[2] - box[0], box[3] - box[1]], "area": float(coco_mask.area(rle)),
                    "iscrowd": int(rng.random() < 0.02),
                    "segmentation": {"size": rle["size"], "counts": rle["counts"].decode("ascii")},
                }
            )  # fmt: skip
        guesses = np.repeat(xyxy, 3, axis=0) + rng.normal(0, 6, (3 * count, 4))
        guesses = np.clip(guesses, 0, SIDE - 1)
        guesses[:, 2:] = np.maximum(guesses[:, 2:], guesses[:, :2] + 1)
        wrong = rng.random(3 * count) < 0.3
        guessed = np.where(wrong, rng.integers(0, CLASSES, 3 * count), np.repeat(class_ids, 3))
        detections = Detections(guesses.astype(np.float32), rng.random(3 * count).astype(np.float32), guessed)
        found[image_id] = PackedDetections(detections, (SIDE, SIDE), tuple(rectangle(*box) for box in guesses.tolist()))
    content = {
        "images": [{"id": i, "file_name": f"{i}.jpg", "width": SIDE, "height": SIDE} for i in range(1, images + 1)],
        "annotations": records,
        "categories": [{"id": number, "name": f"thing {number}"} for number in range(1, CLASSES + 1)],
    }
    return Annotations.from_coco(content), found


def reference(truth: Annotations, found: Shapes, iou_type: IouType) -> Callable[[], list[float]]:
    """Returns pycocotools' evaluation of the same records; it writes into them, so they are copied beforehand."""
    true = [{**record, "id": number} for number, record in enumerate(truth.objects, start=1)]
    rows = zip(
        found.image_id.tolist(), found.category_id.tolist(), found.xywh.tolist(), found.area.tolist(),
        found.rles or [None] * len(found), () if found.score is None else found.score.tolist(), strict=True,
    )  # fmt: skip
    results = [
        {"id": number, "image_id": image, "category_id": category, "bbox": box, "area": area, "segmentation": rle,
         "iscrowd": 0, "score": score}
        for number, (image, category, box, area, rle, score) in enumerate(rows, start=1)
    ]  # fmt: skip

    def run() -> list[float]:
        with contextlib.redirect_stdout(io.StringIO()):
            sides = []
            for records in (true, results):
                coco = COCO()
                coco.dataset = {
                    "images": list(truth.images), "categories": list(truth.categories),
                    "annotations": [dict(record) for record in records],
                }  # fmt: skip
                coco.createIndex()
                sides.append(coco)
            evaluation = COCOeval(*sides, iou_type)
            evaluation.evaluate()
            evaluation.accumulate()
            evaluation.summarize()
        return evaluation.stats.tolist()

    return run


def taken(run: Callable[[], Any]) -> tuple[float, Any]:
    """Returns seconds of processor time, and the answer."""
    start = time.process_time()
    answer = run()
    return time.process_time() - start, answer


def compare(truth: Annotations, predictions: dict[int, PackedDetections], iou_type: IouType, rounds: int) -> None:
    """Prints what both cost, and checks that the figures are the same."""
    true, found = true_shapes(truth, iou_type), found_shapes(truth, predictions, iou_type)
    theirs = reference(truth, found, iou_type)

    def ours() -> dict[str, float]:
        return evaluate_shapes(truth.images, truth.categories, true, found, iou_type).figures

    times = []
    for _ in range(rounds):
        (ours_s, figures), (theirs_s, stats) = taken(ours), taken(theirs)
        times.append((ours_s, theirs_s))
    worst = max(abs(figures[name] - value) for name, value in zip(COCO_FIGURES, stats, strict=True) if value != -1)
    assert worst <= 1e-9, worst
    fast, slow = np.min(times, axis=0)
    kind = {"bbox": "boxes", "segm": "masks"}[iou_type]
    print(
        f"{kind}: {fast:.3f} s against {slow:.2f} s of pycocotools, {slow / fast:.0f} x; figures differ by {worst:.1e}"
    )


def main() -> None:
    """Prints the ratios, and what the intervals cost."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=2000)
    parser.add_argument("--drawn-images", type=int, default=5000)
    parser.add_argument("--objects", type=float, default=7.35, help="objects on an image, in the mean")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    truth, predictions = make_up(arguments.images, arguments.objects, seed=0)
    count = sum(map(len, predictions.values()))
    print(f"{len(truth.images)} images, {len(truth.objects)} objects, {count} detections, {CLASSES} classes")
    for iou_type in ("bbox", "segm"):
        compare(truth, predictions, iou_type, arguments.rounds)
    truth, predictions = make_up(arguments.drawn_images, arguments.objects, seed=1)
    boxes = {image_id: PackedDetections(each.unmasked, None, ()) for image_id, each in predictions.items()}
    one, _ = taken(lambda: resampled_map(truth, boxes, "bbox", IOUS_50_95)(drawn_images(len(truth.images))))
    every, _ = taken(lambda: figures_with_intervals(truth, boxes))
    print(
        f"{len(truth.images)} images, {RESAMPLES} draws: boxes' mAP50-95 {one:.1f} s, all their figures {every:.1f} s"
    )


def figures_with_intervals(truth: Annotations, predictions: dict[int, PackedDetections]) -> dict[str, Any]:
    """Returns all figures of an artefact's boxes: COCO's, by class and size, at a threshold, calibration."""
    draws = Draws.of(truth)
    counted = count_shown(truth, predictions, 0.5, match_iou=0.5)
    result = accuracy(truth, predictions, draws, counted, match_iou=0.5)
    return {name: figure.row() for name, figure in result.figures.items()}


if __name__ == "__main__":
    main()
