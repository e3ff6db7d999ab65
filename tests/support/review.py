"""A small dataset of rings and hooks, what finders see of it, and a review of it."""

import json

import numpy as np

from gsam_edge.coco import RawCoco
from gsam_edge.coco.annotations import Annotations
from gsam_edge.coco.packed import PackedDetections
from gsam_edge.coco.predictions import Predictions, PredictorInfo
from gsam_edge.evaluate.review.candidates import Candidate
from gsam_edge.evaluate.review.config import ImportReviewConfig
from gsam_edge.evaluate.review.package import ReviewedImage, build_review
from gsam_edge.metrics.object_errors import ErrorConfig
from gsam_edge.vision import Detections

OVERLAPS = ErrorConfig(match_iou=0.5, near_iou=0.1, mask_iou=0.5)
TAKE_BACK = ImportReviewConfig(new_classes="error", same_iou=0.98, match_iou=0.3)
CATEGORIES = [{"id": 7, "name": "ring"}, {"id": 9, "name": "hook"}]
HEIGHT, WIDTH = 80, 100


def square(left, top, side):
    return [left, top, left + side, top, left + side, top + side, left, top + side]


def coco(objects, *, boxes=True, masks=False, images=None):
    """A COCO mapping of objects as (image id, category id, left, top, side)."""
    ids = images or sorted({row[0] for row in objects})
    records = []
    for number, (image_id, category_id, left, top, side) in enumerate(objects, start=1):
        record = {
            "id": number,
            "image_id": image_id,
            "category_id": category_id,
            "iscrowd": 0,
            "mine": f"kept {number}",
        }
        if boxes:
            record["bbox"] = [left, top, side, side]
        if masks:
            record["segmentation"] = [square(left, top, side)]
        records.append(record | {"area": side * side})
    return {
        "info": {"description": "a file of somebody"},
        "images": [
            {"id": image_id, "file_name": f"images/{image_id:02}.png", "height": HEIGHT, "width": WIDTH, "line": "A"}
            for image_id in ids
        ],
        "annotations": records,
        "categories": CATEGORIES,
    }


def raw_of(content):
    return RawCoco.parse(json.dumps(content).encode())


def review_of(content, *, split="train"):
    """A review of all images of a dataset."""
    raw = raw_of(content)
    annotations = Annotations.from_coco(json.loads(json.dumps(content))).with_source(raw.digest)
    doubt = Candidate("missing", 0.5, -1, 0, np.array([1, 2, 11, 12], np.float32), None, ("student",), "look")
    images = [ReviewedImage(annotations, split, image["id"], [doubt]) for image in annotations.images]
    return raw, build_review(images, raw.digest)


def found(*detections):
    """Detections as (class id, score, left, top, side)."""
    rows = np.array(detections, np.float32).reshape(-1, 5)
    xyxy = np.concatenate([rows[:, 2:4], rows[:, 2:4] + rows[:, 4:]], axis=1)
    return PackedDetections.pack(Detections(xyxy, rows[:, 1].copy(), rows[:, 0].astype(np.int64)))


def predictions(objects, *, prompted=False):
    return Predictions(objects, ("ring", "hook"), PredictorInfo("a finder", "", prompted))
