"""Images with one bright square each, their labels, and the settings of short trainings on them."""

from dataclasses import replace

import numpy as np

from gsam_edge.augmentation import AugmentationConfig, SceneDescription
from gsam_edge.coco import Annotations
from gsam_edge.coco.annotations import BBOX_SOURCE, FROM_SEGMENTATION
from gsam_edge.coco.predictions import Predictions, PredictorInfo
from gsam_edge.distill.arms.distillation import ArmData
from gsam_edge.distill.config import DistillationConfig, LabellingConfig, LossWeights, MapsConfig
from gsam_edge.distill.labels.gate import GateConfig
from gsam_edge.distill.losses import LOSSES
from gsam_edge.students import EdgeConfig, StudentConfig
from gsam_edge.students.ultralytics.config import StudentTrainingConfig, UltralyticsAugmentation
from gsam_edge.teachers.config import DetectionConfig
from gsam_edge.training.workers import WorkersConfig
from support.detections import packed

SIDE = 64
STUDENT = StudentConfig(
    architecture="auto",
    size="n",
    least_start=0.5,
    image_size=SIDE,
    edge=EdgeConfig(max_detections=10, candidates=50, iou_threshold=0.6, nms_iterations=12, score_floor=0.001),
)
SCENE = SceneDescription(characteristics=("changes_size",), environment={"lighting": "variable", "camera": "shaky"})
TRAINING = StudentTrainingConfig(
    steps=4, batch_size=2, pseudo_share=0.5, truth_only=0.25, optimizer="AdamW", learning_rate=1e-3,
    final_learning_rate=0.1, momentum=0.9, weight_decay=5e-4, warmup_steps=0, ema_decay=0.5, box_gain=7.5,
    class_gain=0.5, distribution_gain=1.5, close_mosaic_steps=0, validate_every=1, patience=0, workers=0,
    cache_megabytes=16, precision="no", rare_below=1.0,
    ultralytics=UltralyticsAugmentation(
        mosaic=0, mixup=0, copy_paste=0, fliplr=0.5, flipud=0, degrees=0, translate=0.1, scale=0.2, hsv_h=0, hsv_s=0,
        hsv_v=0.2,
    ),
)  # fmt: skip
CONFIG = DistillationConfig(
    control=("truth", "self_training"),
    seeds=1,
    burn_in=0.5,
    hand_over="best",
    hard_threshold=0.5,
    augmentation=AugmentationConfig(intensity="high", leave_out=("camera",)),
    losses=LossWeights(**dict.fromkeys(LOSSES, 0.0) | {"detection": 1.0}),
    maps=MapsConfig(
        plain_share=0.5, top_share=0.1, box_score=0.3, logit_form="quality_focal", temperature=4.0, feature_until=0.5
    ),
    training=TRAINING,
)
LABELLING = LabellingConfig(
    workers=WorkersConfig(engine="local", count=1),
    flips=(),
    detection=DetectionConfig(score_threshold=0.001, candidates=100, nms_iou=0.6, max_detections=10, batch_size=2),
    score_threshold=0.005,
    match_iou=0.5,
    gate=GateConfig(precision=0.5, recall=0.9, min_objects=1, reliability=0.0, duplicate_iou=0.6, max_ignored=1.0),
)


def build_split(first: int, count: int, kind: str) -> tuple[Annotations, dict[str, np.ndarray]]:
    """One bright square per image; `kind` says what is labelled: boxes, masks or both."""
    images, records, objects = {}, [], []
    for number in range(first, first + count):
        rng = np.random.default_rng(number)
        left, top, side = (int(v) for v in (rng.integers(2, 30), rng.integers(2, 30), rng.integers(16, 30)))
        image = rng.integers(0, 60, (SIDE, SIDE, 3)).astype(np.uint8)
        image[top : top + side, left : left + side] = 230
        images[f"{number}.png"] = image
        records.append({"id": number, "file_name": f"{number}.png", "width": SIDE, "height": SIDE})
        label = {"bbox": [left, top, side, side]}
        if kind != "boxes":
            label["segmentation"] = [[left, top, left + side, top, left + side, top + side, left, top + side]]
        if kind == "masks":
            label[BBOX_SOURCE] = FROM_SEGMENTATION
        objects.append({"id": number, "image_id": number, "category_id": 4, "iscrowd": 0, "area": side**2, **label})
    return Annotations(tuple(records), tuple(objects), ({"id": 4, "name": "square"},)), images


def labels_of(split: Annotations, *, score: float = 0.9) -> Predictions:
    """A teacher that finds every object."""
    objects = {}
    for image in split.images:
        true = split.truth(image["id"])
        masks = None if true.masks is None else np.ones(len(true), np.float32)
        scores = np.full(len(true), score, np.float32)
        objects[image["id"]] = replace(true, scores=scores, mask_scores=masks)
    return Predictions(packed(objects), split.class_names, PredictorInfo("t", "1", prompted_with_boxes=False))


def build_data(kind: str = "boxes", *, pool: int = 4, held_back: int = 2, score: float = 0.9) -> ArmData:
    """Four labelled images, two for validation and test each, and a pool whose first images are held back."""
    train, images = build_split(0, 4, kind)
    val, more = build_split(100, 2, kind)
    test, others = build_split(200, 2, kind)
    known, last = build_split(300, pool, kind)
    return ArmData(
        train,
        val,
        test,
        held_back=known.subset(range(300, 300 + held_back)),
        pool=known.taking_objects(np.zeros(0, np.int64)),
        images=images | more | others | last,
        teacher_val=labels_of(val),
        teacher_pool=labels_of(known, score=score),
        store={},
        maps=None,
    )
