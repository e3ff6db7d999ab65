"""Measures how the tuned teachers answer best: with or without mirror images, with the boxes of the finder or of masks.

    kedro run --to-outputs=teacher_report
    python benchmarks/teacher_answers.py [--split test] [--images 80]

Every way asks the same tuned finder and outliner about the same images; mAP of boxes as `average_precision` gives it.
Validation images chose the adapters' weights, so that their figures flatter a little; test images did not.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project

from gsam_edge.metrics.average_precision import average_precision
from gsam_edge.teachers.flips import Flip
from gsam_edge.teachers.predict import Part, teacher_predictor
from gsam_edge.vision import Detections
from gsam_edge.vision.masks import masks_to_xyxy

ROOT = Path(__file__).parents[1]
FLIPS: tuple[tuple[Flip, ...], ...] = ((), ("horizontal",), ("vertical",), ("horizontal", "vertical"))
IOUS = np.arange(0.5, 0.96, 0.05)


def figures(truths: list[Detections], found: list[Detections]) -> str:
    """Returns mAP50, mAP75 and mAP50-95 of boxes as text."""
    mean = float(np.mean([average_precision(truths, found, iou) for iou in IOUS]))
    half, strict = (average_precision(truths, found, iou) for iou in (0.5, 0.75))
    return f"mAP50 {half:.3f}, mAP75 {strict:.3f}, mAP50-95 {mean:.3f}"


def tight(found: Detections) -> Detections:
    """Returns the detections with the boxes of their masks, where a mask is not empty."""
    boxes = masks_to_xyxy(found.masks)
    return replace(found, masks=None, xyxy=np.where((boxes[:, 2] > boxes[:, 0])[:, None], boxes, found.xyxy))


def main() -> None:
    """Asks in every way and prints the figures."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--split", default="test", choices=("val", "test"))
    arguments.add_argument("--images", type=int, default=80, help="the first ones of the split")
    arguments.add_argument("--env", default=None)
    chosen = arguments.parse_args()
    torch.set_num_threads(1)
    bootstrap_project(ROOT)
    with KedroSession.create(ROOT, env=chosen.env) as session:
        catalog = session.load_context().catalog
        split, images = catalog.load(f"annotations_{chosen.split}"), catalog.load("raw_images")
        choice = catalog.load("params:teachers")
        finder, outliner = (
            Part(name, catalog.load(f"{name}_base").load(), catalog.load(f"{name}_adapter")) for name in choice.names
        )
        detection = catalog.load("params:labelling").label_detection
    records = split.images[: chosen.images]
    truths = [split.truth(record["id"], masks=False) for record in records]
    shown = [np.asarray(images[record["file_name"]]) for record in records]
    for flips in FLIPS:
        predict = teacher_predictor(
            finder=finder,
            outliner=outliner if flips == ("horizontal",) else None,
            class_names=split.class_names,
            detection=detection,
            device="cpu",
            flips=flips,
        )
        found = [answer for image in shown for answer in predict([image], None)]
        told = " and ".join(flips) or "none"
        print(f"{len(records)} {chosen.split} images, flips {told}: {figures(truths, found)}", flush=True)
        if flips == ("horizontal",):
            print(f"  with the boxes of the masks: {figures(truths, [tight(each) for each in found])}", flush=True)


if __name__ == "__main__":
    main()
