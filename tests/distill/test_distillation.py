import json
from dataclasses import replace

import numpy as np
import pytest

from gsam_edge.augmentation import AugmentationConfig, SceneDescription
from gsam_edge.coco import Annotations, InvalidDatasetError
from gsam_edge.coco.annotations import BBOX_SOURCE, FROM_SEGMENTATION
from gsam_edge.coco.packed import PackedDetections
from gsam_edge.coco.predictions import Predictions, PredictorInfo
from gsam_edge.distill.config import DistillationConfig, LossWeights
from gsam_edge.distill.distillation import distil_student, distillation_fingerprint
from gsam_edge.distill.losses import LOSSES
from gsam_edge.students import EdgeConfig, StudentConfig
from gsam_edge.students.ultralytics.config import StudentTrainingConfig, UltralyticsAugmentation
from gsam_edge.training.metrics import discard_metric
from gsam_edge.vision import Detections
from support.detections import packed
from support.runs import a_run

SIDE = 64
STUDENT = StudentConfig(
    architecture="auto",
    size="n",
    image_size=SIDE,
    edge=EdgeConfig(max_detections=10, candidates=50, iou_threshold=0.6, nms_iterations=12, score_floor=0.001),
)
SCENE = SceneDescription(characteristics=("changes_size",), environment={"lighting": "variable", "camera": "shaky"})
CONFIG = DistillationConfig(
    augmentation=AugmentationConfig(intensity="high", leave_out=("camera",)),
    losses=LossWeights(**dict.fromkeys(LOSSES, 0.0), detection=1.0),
    training=StudentTrainingConfig(
        steps=2, batch_size=2, pseudo_share=0.5, truth_only=0.33,
        optimizer="AdamW", learning_rate=1e-3, final_learning_rate=0.1, momentum=0.9,
        weight_decay=5e-4, warmup_steps=0, ema_decay=0.5, box_gain=7.5, class_gain=0.5, distribution_gain=1.5,
        close_mosaic_steps=0, validate_every=2, patience=0, workers=0, cache_megabytes=16, mixed_precision=False,
        rare_below=1.0, ultralytics=UltralyticsAugmentation(
            mosaic=0, mixup=0, copy_paste=0, fliplr=0.5, flipud=0, degrees=0, translate=0.1, scale=0.2,
            hsv_h=0, hsv_s=0, hsv_v=0.2,
        ),
    ),
)  # fmt: skip


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


def teacher_labels(train: Annotations, *, class_scores: bool) -> Predictions:
    objects: dict[int, Detections] = {}
    for image in train.images:
        truth = train.truth(image["id"])
        scores = np.full((len(truth), 1), 0.8, np.float32) if class_scores else None
        objects[image["id"]] = replace(truth, class_scores=scores)
    return Predictions(
        packed(objects), train.class_names, PredictorInfo("t", "1", prompted_with_boxes=not class_scores)
    )


def distil(train, val, images, labels, rules, log=discard_metric):
    return distil_student(
        train, val, images, labels, student=STUDENT, config=CONFIG, scene=SCENE, rules=rules, initial=None,
        run=a_run(log=log),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "architecture", "figures"),
    [
        ("boxes", "yolov8", {"box_map50", "box_map50_95"}),
        ("masks", "fastsam", {"box_map50", "box_map50_95", "mask_map50", "mask_map50_95"}),
        ("both", "yolov8-seg", {"box_map50", "box_map50_95", "mask_map50", "mask_map50_95"}),
    ],
)
def test_the_data_decides_the_student_and_the_report_says_so(kind, architecture, figures, augmentation_rules):
    train, train_images = build_split(0, 4, kind)
    val, val_images = build_split(100, 2, kind)
    labels = teacher_labels(train, class_scores=kind != "masks")
    result = distil(train, val, train_images | val_images, labels, augmentation_rules)
    report = result.report
    assert result.weights.architecture == report["student"]["architecture"] == architecture
    assert result.weights.class_names == ("square",)
    assert set(report["full"]) == figures
    assert all(set(figure) == {"mean"} and 0 <= figure["mean"] <= 1 for figure in report["full"].values())
    assert report["seeds"] == [0]
    assert "control" not in report
    assert report["labels"] == {"without_area": 0}
    assert {"train_box_loss", "train_cls_loss", "train_dfl_loss"} <= set(report["losses"])
    json.dumps(report)


@pytest.mark.parametrize("crowd", [False, True])
def test_a_validation_split_without_objects_is_refused_before_anything_is_trained(crowd, augmentation_rules):
    train, images = build_split(0, 4, "both")
    val, _ = build_split(100, 2, "both")
    val = replace(val, objects=tuple({**record, "iscrowd": 1} for record in val.objects if crowd))
    logged = []
    with pytest.raises(
        InvalidDatasetError, match=r"validation split: expected at least one object, .* in its 2 images, got none"
    ):
        distil(
            train,
            val,
            images,
            teacher_labels(train, class_scores=True),
            augmentation_rules,
            log=lambda *entry: logged.append(entry),
        )
    assert logged == []


def test_the_state_of_a_run_has_a_name_of_its_own(augmentation_rules):
    train, _ = build_split(0, 2, "boxes")
    val, _ = build_split(100, 1, "boxes")
    labels = teacher_labels(train, class_scores=True)

    def name(*, teacher=labels, config=CONFIG, scene=SCENE, rules=augmentation_rules, seed=0) -> str:
        settings = {"student": STUDENT, "config": config, "scene": scene, "rules": rules, "initial": None, "seed": seed}
        return distillation_fingerprint(train, val, teacher, **settings)

    sure = {image_id: found.unpack() for image_id, found in labels.objects.items()}
    unsure = packed({i: replace(found, class_scores=found.class_scores / 2) for i, found in sure.items()})
    transforms = dict(reversed(augmentation_rules.transforms.items()))
    reordered = augmentation_rules.model_copy(update={"transforms": transforms})
    names = {
        name(),
        name(seed=1),
        name(config=CONFIG.model_copy(update={"losses": CONFIG.losses.model_copy(update={"detection": 0.5})})),
        name(config=CONFIG.model_copy(update={"augmentation": None})),
        name(rules=reordered),
        name(scene=SCENE.model_copy(update={"characteristics": ()})),
        name(config=CONFIG.model_copy(update={"augmentation": AugmentationConfig(intensity="high", leave_out=())})),
        name(teacher=replace(labels, objects=unsure)),
    }
    assert len(names) == 8
    assert name() == name()
    unused = {k: v for k, v in augmentation_rules.characteristics.items() if k in SCENE.characteristics}
    assert name() == name(rules=augmentation_rules.model_copy(update={"characteristics": unused}))


def test_no_records_are_built_to_name_the_state_of_a_run(augmentation_rules, monkeypatch):
    """A digest of bytes tells data apart: those of equal content have one name, each changed label gives another."""
    (train, _), (val, _) = build_split(0, 2, "both"), build_split(100, 1, "both")
    labels = teacher_labels(train, class_scores=True)
    stored = Predictions.from_dict(json.loads(json.dumps(labels.to_dict())))
    moved = {**train.objects[0], "bbox": [1, 1, 9, 9]}
    monkeypatch.setattr(Annotations, "to_coco", lambda self: pytest.fail("records of the annotations were built"))
    monkeypatch.setattr(Predictions, "to_dict", lambda self: pytest.fail("records of the labels were gathered"))

    def name(train=train, val=val, teacher=labels) -> str:
        return distillation_fingerprint(
            train,
            val,
            teacher,
            student=STUDENT,
            config=CONFIG,
            scene=SCENE,
            rules=augmentation_rules,
            initial=None,
            seed=0,
        )

    assert name() == name(Annotations.from_json(train.to_json()), Annotations.from_json(val.to_json()), stored)
    first = labels.objects[0]
    found = first.unpack()
    lost = PackedDetections.pack(replace(found, masks=np.zeros_like(found.masks)))
    others = [
        name(train.with_objects(np.array([0]), [moved])),
        name(val=val.taking_objects(np.zeros(0, np.int64))),
        name(train=train.with_source("another file")),
        name(teacher=replace(labels, objects={**labels.objects, 0: lost})),
        name(teacher=replace(labels, objects={0: first})),
        name(teacher=replace(labels, split="before")),
        name(teacher=replace(labels, predictor=replace(labels.predictor, digest="2"))),
    ]
    assert len({name(), *others}) == len(others) + 1


def test_labels_of_another_sharing_out_are_refused(augmentation_rules):
    train, images = build_split(0, 2, "boxes")
    val, more = build_split(2, 1, "boxes")
    labels = replace(teacher_labels(train, class_scores=True), split="before")
    assert Predictions.from_dict(json.loads(json.dumps(labels.to_dict()))).split == "before"
    with pytest.raises(
        InvalidDatasetError, match=r"teacher_labels: expected one made from the present splits.*beginning"
    ):
        distil(train, val, images | more, labels, augmentation_rules)
