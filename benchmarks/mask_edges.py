"""Claim: a mask of the pixels whose middle is in its box is never worst, and fits better than one of all touched ones.

    python benchmarks/mask_edges.py [--datasets data/01_raw/sample path/to/wagon_seals path/to/dsb2018] [--objects 200]

True masks become what a student learns of them, shares of cells of 4 pixels of its canvas, and are read back in a box
by each rule: every pixel that the box touches, those whose middle is in it (the reference's rounding, and this
project's), those that are wholly in it. The boxes miss by a normal error at each side, in canvas pixels. "everywhere":
the mask is right beyond its box, too; then a larger box is always better. "in the box": beyond it the mask goes on as
at the box's edge, since YOLOv8-seg's loss looks at no cell there; the second part of the claim is about these. Figures
are mean IoUs with the true masks, of the same objects and boxes for all rules.
"""

import argparse
import json
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from gsam_edge.coco.geometry.segmentation import decode_segmentation
from gsam_edge.students.ultralytics.coverage import learnable_masks
from gsam_edge.students.ultralytics.polygons import mask_polygon
from gsam_edge.vision import Letterbox
from gsam_edge.vision.boxes import clip_xyxy
from gsam_edge.vision.masks import masks_to_xyxy, paired_iou

ROOT = Path(__file__).parents[1]
STRIDE = 4  # canvas pixels a cell
RULES = ("touched", "middle", "inside")


def by_rule(xyxy: NDArray[np.float32], rule: str) -> NDArray[np.float32]:
    """Returns the box [1, 4] whose pixels' middles are the pixels that a rule keeps of a box."""
    start, end = {"touched": (np.floor, np.ceil), "middle": (np.array, np.array), "inside": (np.ceil, np.floor)}[rule]
    return np.concatenate([start(xyxy[:, :2]), end(xyxy[:, 2:])], axis=1).astype(np.float32)


def true_masks(folder: Path, most: int) -> Iterator[NDArray[np.bool_]]:
    """Yields masks [H, W] of a dataset, of objects drawn at random, always the same."""
    content = json.loads((folder / "annotations.json").read_bytes())
    size_of = {image["id"]: (image["height"], image["width"]) for image in content["images"]}
    objects = [record for record in content["annotations"] if record.get("segmentation") and not record.get("iscrowd")]
    for row in np.random.default_rng(0).permutation(len(objects))[:most].tolist():
        mask = decode_segmentation(objects[row]["segmentation"], size_of[objects[row]["image_id"]])
        if mask.any():
            yield mask


def continued(learnt: NDArray[np.float32], xyxy: NDArray[np.float32]) -> NDArray[np.float32]:
    """Returns a mask [h, w] that goes on beyond its box, corners [4] in cells, as at the box's edge."""
    height, width = learnt.shape
    start = np.minimum(np.ceil(xyxy[:2]).astype(int), [width - 1, height - 1])
    end = np.maximum(np.ceil(xyxy[2:]).astype(int), start + 1)
    columns = np.clip(np.arange(width), start[0], end[0] - 1)
    lines = np.clip(np.arange(height), start[1], end[1] - 1)
    return learnt[np.ix_(lines, columns)]


def ious(mask: NDArray[np.bool_], side: int, field: str, error: float, rng: np.random.Generator) -> dict[str, float]:
    """Returns the IoU by rule of a mask that went to the canvas and back."""
    height, width = mask.shape
    letterbox = Letterbox.fit((height, width), (side, side))
    polygon = mask_polygon(mask)
    corners = letterbox.boxes_to_canvas(np.tile(polygon, 2).astype(np.float32))[:, :2]
    learnt = learnable_masks([corners / STRIDE], (side // STRIDE, side // STRIDE))
    canvas_pixel = height / letterbox.resized_hw[0]
    true_box = masks_to_xyxy(mask[None])
    if field == "in the box":
        learnt = continued(learnt[0], letterbox.boxes_to_canvas(true_box)[0] / STRIDE)[None]
    box = true_box + rng.normal(0, error * canvas_pixel, (1, 4)).astype(np.float32)
    box = clip_xyxy(box, (height, width))
    return {
        rule: float(paired_iou(letterbox.masks_to_image(learnt, by_rule(box, rule)).whole(), mask[None])[0])
        for rule in RULES
    }


def main() -> None:
    """Prints a row for each dataset, size of the canvas and error."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--datasets", type=Path, nargs="+", default=[ROOT / "data" / "01_raw" / "sample"])
    parser.add_argument("--objects", type=int, default=200, help="of each dataset")
    parser.add_argument("--sides", type=int, nargs="+", default=[256, 640], help="canvas, pixels")
    parser.add_argument("--errors", type=float, nargs="+", default=[0.0, 0.5, 1.0, 2.0], help="canvas pixels")
    arguments = parser.parse_args()
    table = Table("dataset", "objects", "canvas", "learnt", "error", *RULES)
    for folder in arguments.datasets:
        masks = list(true_masks(folder, arguments.objects))
        for side in arguments.sides:
            for field, error in product(("everywhere", "in the box"), arguments.errors):
                rng = np.random.default_rng(0)
                found = [ious(mask, side, field, error, rng) for mask in masks]
                means = [f"{np.mean([iou[rule] for iou in found]):.4f}" for rule in RULES]
                table.add_row(folder.name, str(len(masks)), str(side), field, f"{error:g}", *means)
    Console().print(table)


if __name__ == "__main__":
    main()
