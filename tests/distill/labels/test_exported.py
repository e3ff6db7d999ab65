"""The teachers' labels of the pool become a dataset that other tools, and this project, read."""

import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from gsam_edge.coco import Annotations
from gsam_edge.coco.errors import InvalidDatasetError
from gsam_edge.coco.predictions import Predictions, PredictorInfo
from gsam_edge.datasets.images import ImageFolder
from gsam_edge.datasets.labels import ExportedImages, ExportedLabelsDataset
from gsam_edge.distill.config import LabellingConfig
from gsam_edge.distill.labels.exported import exported_labels
from gsam_edge.distill.labels.gate import GateConfig
from gsam_edge.distill.labels.pool import UNLABELLED
from gsam_edge.vision import Detections
from support.detections import packed

CATEGORIES = ({"id": 7, "name": "ear"},)
HW = (40, 60)


def found(*rows):
    """Objects of 10 by 10 pixels by (left, top, score), each with its mask."""
    xyxy = np.array([[left, top, left + 10, top + 10] for left, top, _ in rows], np.float32).reshape(-1, 4)
    masks = np.zeros((len(rows), *HW), bool)
    for mask, (left, top, _) in zip(masks, rows, strict=True):
        mask[top : top + 10, left : left + 10] = True
    scores = np.array([score for *_, score in rows], np.float32)
    return Detections(xyxy, scores, np.zeros(len(rows), np.int64), masks, mask_scores=scores, box_agreement=scores)


def images(*names):
    return tuple(
        {"id": number + 1, "file_name": name, "height": HW[0], "width": HW[1]} for number, name in enumerate(names)
    )


def labels(**by_id):
    objects = {int(name.removeprefix("i")): one for name, one in by_id.items()}
    return Predictions(packed(objects), ("ear",), PredictorInfo("a teacher", "d", prompted_with_boxes=False))


VAL = Annotations(
    images("v.png"),
    tuple(
        {"id": row, "image_id": 1, "category_id": 7, "bbox": [left, 0, 10, 10]} for row, left in enumerate((0, 15, 30))
    ),
    CATEGORIES,
)
#: From 0.8 on all are correct; at 0.4 two of three.
VAL_LABELS = labels(i1=found((0, 0, 0.9), (15, 0, 0.8), (0, 25, 0.5), (30, 0, 0.4)))
POOL = Annotations(images("held.png", UNLABELLED + "sub/new.jpg", UNLABELLED + "doubt.png"), (), CATEGORIES)
POOL_LABELS = labels(i1=found((5, 5, 0.95), (30, 5, 0.45)), i2=found(), i3=found((0, 0, 0.45)))


@pytest.fixture
def labelling():
    gate = GateConfig(precision=0.9, recall=1.0, min_objects=1, reliability=0.5, duplicate_iou=0.7, max_ignored=0.9)
    return LabellingConfig.model_construct(match_iou=0.5, gate=gate)


def export(labelling, pool=POOL, pool_labels=POOL_LABELS):
    return exported_labels(pool, pool_labels, VAL, VAL_LABELS, labelling, no_pool="no labels are held back")


def test_what_passes_the_gate_is_an_object_and_what_is_ignored_is_counted(labelling):
    exported = export(labelling)
    assert exported.report == {
        "images": 2,
        "objects": 1,
        "ignored": 1,
        "left_out": {UNLABELLED + "doubt.png": pytest.approx(100 / 2400)},
    }
    (record,) = exported.content["annotations"]
    assert record["bbox"] == [5, 5, 10, 10]
    assert (record["category_id"], record["area"], record["score"]) == (7, 100, pytest.approx(0.95))
    assert exported.sources == {
        "images/held_back/held.png": "held.png",
        "images/unlabelled/sub/new.jpg": UNLABELLED + "sub/new.jpg",
    }
    assert exported.texts["labels/unlabelled/sub/new.txt"] == ""
    assert exported.texts["labels/held_back/held.txt"].startswith("0 ")


def test_the_folder_is_a_dataset_with_its_images(labelling, tmp_path):
    for folder, name in ((tmp_path / "own", "held.png"), (tmp_path / "new", "sub/new.jpg")):
        (folder / name).parent.mkdir(parents=True)
        Image.new("RGB", HW[::-1]).save(folder / name)
    sources = (ImageFolder(tmp_path / part, max_pixels=10**6) for part in ("own", "new"))
    ExportedLabelsDataset(filepath=str(tmp_path / "out")).save(ExportedImages(export(labelling), *sources))
    files = {str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*") if path.is_file()}
    assert files == {
        "annotations.json",
        "data.yaml",
        "images/held_back/held.png",
        "images/unlabelled/sub/new.jpg",
        "labels/held_back/held.txt",
        "labels/unlabelled/sub/new.txt",
    }
    read = Annotations.from_coco(json.loads((tmp_path / "out" / "annotations.json").read_text()))
    assert read.truth(1).masks.sum() == 100
    assert (tmp_path / "out/images/held_back/held.png").read_bytes() == (tmp_path / "own/held.png").read_bytes()


def test_without_images_it_says_what_to_do(labelling):
    with pytest.raises(InvalidDatasetError, match=r"no labels are held back. They label those of .*`unlabelled`"):
        export(labelling, pool=replace(POOL, images=()))


def test_labels_of_other_images_are_refused(labelling):
    with pytest.raises(InvalidDatasetError, match=r"teacher_labels_pool: expected labels of the 3 present images"):
        export(labelling, pool_labels=labels(i1=found()))
