"""Arms of a distillation with made-up predictions."""

from collections.abc import Mapping, Sequence

import numpy as np

from gsam_edge.coco import Annotations
from gsam_edge.coco.predictions import Predictions, PredictorInfo
from gsam_edge.distill.arms.arm_run import ArmRun
from gsam_edge.vision import Detections
from support.detections import packed

FACTS = {
    "student": {"architecture": "yolov8"},
    "losses": {"train_box_loss": 1.0},
    "stages": [{"images": 9}],
    "common": "c",
}


def world(images: int = 30, classes: Sequence[str] = ("bag", "tag")) -> Annotations:
    """Two objects of each class in each image, in a row."""
    records, objects = [], []
    for number in range(1, images + 1):
        records.append({"id": number, "file_name": f"{number}.png", "width": 200, "height": 60})
        for place in range(2 * len(classes)):
            box = [10 + 40 * place, 10, 20, 20]
            objects.append(
                {"id": len(objects) + 1, "image_id": number, "category_id": place % len(classes) + 1, "bbox": box}
                | {"iscrowd": 0, "area": 400}
            )
    return Annotations(
        tuple(records), tuple(objects), tuple({"id": i, "name": name} for i, name in enumerate(classes, start=1))
    )


def found_by_chance(truth: Annotations, shares: Mapping[str, float], seed: int, luck: float = 0.05) -> Predictions:
    """Finds each object of a class with the class's share as its chance; a training's luck moves all of them."""
    rng = np.random.default_rng(seed)
    moved = rng.normal(0, luck)
    objects = {}
    for image in truth.images:
        true = truth.truth(image["id"], masks=False)
        chance = np.array([shares[truth.class_names[class_id]] for class_id in true.class_ids]) + moved
        kept = true.select(rng.random(len(true)) < chance)
        objects[image["id"]] = Detections(
            xyxy=kept.xyxy, scores=rng.random(len(kept)).astype(np.float32), class_ids=kept.class_ids
        )
    return Predictions(packed(objects), truth.class_names, PredictorInfo("s", "1", prompted_with_boxes=False))


def runs_of(truth: Annotations, shares: Mapping[str, Mapping[str, float]], seeds: Sequence[int]) -> list[ArmRun]:
    """One run for each arm and seed; equal seeds have equal luck."""
    return [
        ArmRun(arm, seed, FACTS, found_by_chance(truth, share, seed)) for seed in seeds for arm, share in shares.items()
    ]
