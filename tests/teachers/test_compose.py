"""The tuned teachers as one: what they draw, how they are told apart, and how they are measured."""

import hashlib
import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from gsam_edge.coco import Annotations, InvalidDatasetError
from gsam_edge.coco.needs import not_needed
from gsam_edge.distill.config import LabellingConfig
from gsam_edge.teachers import report as reports
from gsam_edge.teachers.compose import TunedTeacher, compose_teacher
from gsam_edge.teachers.config import DetectionConfig
from gsam_edge.teachers.errors import AdapterError, BaseModelError
from gsam_edge.teachers.grounding_dino.tiny import build_tiny_grounding_dino
from gsam_edge.teachers.lora.adapter import AdapterConfig, extract_adapter
from gsam_edge.teachers.lora.config import LoraConfig
from gsam_edge.teachers.lora.layers import adapter_parameters, add_lora, weights_digest
from gsam_edge.teachers.sam.architecture import build_sam
from gsam_edge.teachers.sam.model import SamModel
from gsam_edge.teachers.table import TeacherChoice
from gsam_edge.vision import Detections
from support.tiny import TINY_GROUNDING_DINO, TINY_SAM

CLASSES = ("ring", "star")
SIDE = 64
LABELLING = LabellingConfig(
    detection=DetectionConfig(score_threshold=0, candidates=1000, nms_iou=0.5, max_detections=6, batch_size=1),
    score_threshold=0.3,
    match_iou=0.5,
)
SPLIT = Annotations(
    tuple({"id": n, "file_name": f"{n}.png", "width": SIDE, "height": SIDE} for n in range(4)),
    (),
    tuple({"id": n, "name": name} for n, name in enumerate(CLASSES)),
)


def adapter(kind, build, targets):
    """One that changes next to nothing."""
    lora = LoraConfig(r=1, alpha=1, dropout=0, frozen=(), max_share=0.9, targets=targets)
    model, base_digest = build(), weights_digest(build())
    add_lora(model, lora, seed=0)
    with torch.no_grad():
        for value in adapter_parameters(model).values():
            value.add_(1e-5)
    return extract_adapter(
        model, AdapterConfig(kind=kind, class_names=CLASSES, base_name="base", base_digest=base_digest, lora=lora)
    )


def build_detector():
    return build_tiny_grounding_dino(TINY_GROUNDING_DINO, CLASSES, seed=0)


def build_painter():
    torch.manual_seed(0)
    return SamModel(build_sam(TINY_SAM).requires_grad_(False), TINY_SAM, "random")


def build_teachers():
    """New ones for each use: their adapters are put on in place."""
    return {
        "grounding_dino": TunedTeacher(
            build_detector(),
            adapter("grounding_dino", lambda: build_detector().model, r"^model\.decoder\.layers.*query"),
        ),
        "sam": TunedTeacher(
            build_painter(), adapter("sam", lambda: build_painter().model, r"^mask_decoder\.transformer\..*q_proj$")
        ),
    }


def composed(teachers, detection=LABELLING.detection, data=SPLIT):
    choice = TeacherChoice(finder="grounding_dino", outliner="sam")
    return compose_teacher(data, teachers, choice, detection=detection, device="cpu")


def test_sam_draws_what_becomes_a_label_and_nothing_else(monkeypatch):
    """The labels are those that the full answer would give, and the boxes of the others are never drawn."""
    image = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), np.uint8)
    (every,) = composed(build_teachers(), LABELLING.detection).factory()([image])
    threshold = float(np.sort(every.scores)[len(every) // 2])
    labelling = LABELLING.model_copy(update={"score_threshold": threshold})
    drawn = []
    decode = SamModel.decode
    monkeypatch.setattr(
        SamModel,
        "decode",
        lambda self, features, boxes, **options: drawn.append(len(boxes)) or decode(self, features, boxes, **options),
    )
    (labels,) = composed(build_teachers(), labelling.label_detection).factory()([image])
    wanted = every.select(every.scores >= threshold)
    assert drawn == [len(wanted)]
    assert 0 < len(wanted) < len(every)
    for name in ("xyxy", "scores", "class_ids", "masks"):
        assert np.array_equal(getattr(labels, name), getattr(wanted, name)), name


def test_the_threshold_of_labels_tells_teachers_apart_where_they_detect():
    lower = LABELLING.model_copy(update={"score_threshold": 0.2})
    finer = LABELLING.model_copy(
        update={"detection": LABELLING.detection.model_copy(update={"score_threshold": 0.1, "batch_size": 4})}
    )
    digest, other, same = (
        composed(build_teachers(), each.label_detection).description.digest for each in (LABELLING, lower, finer)
    )
    assert other != digest
    assert same == digest
    teachers = build_teachers()
    alone = teachers | {"grounding_dino": teachers["grounding_dino"]._replace(adapter=not_needed("no boxes"))}
    first, second = (composed(alone, each.label_detection).description for each in (LABELLING, lower))
    assert first.prompted_with_boxes
    assert first.digest == second.digest


def test_reports_and_the_label_store_know_the_teachers_of_before():
    """Names and digests are in reports and label stores: the same teachers, asked the same, are the same."""
    teacher = composed(build_teachers())
    assert teacher.description.name == "Grounding DINO and SAM"
    parts = build_teachers().values()
    digests = [digest for base, adapter in parts for digest in (weights_digest(base.model), adapter.digest)]
    settings = [repr(LABELLING.detection.model_dump(exclude={"batch_size"})), *CLASSES]
    assert teacher.description.digest == hashlib.sha256("\n".join(digests + settings).encode()).hexdigest()


def test_an_adapter_that_does_not_belong_to_what_is_there_is_refused():
    """A base that is no longer named, an adapter in the place of another, one from before the teacher was chosen."""
    teachers = build_teachers()
    nameless = teachers | {"sam": teachers["sam"]._replace(base=not_needed("no weights are named"))}
    with pytest.raises(BaseModelError, match="base of the sam adapter, got none: no weights are named"):
        composed(nameless)
    swapped = teachers | {"sam": teachers["sam"]._replace(adapter=teachers["grounding_dino"].adapter)}
    with pytest.raises(AdapterError, match="sam_adapter: expected one of sam, got one of 'grounding_dino'"):
        composed(swapped)
    stale = teachers | {"grounding_dino": teachers["grounding_dino"]._replace(adapter=not_needed("another finds"))}
    record = {"id": 1, "image_id": 0, "category_id": 0, "bbox": [1, 1, 5, 5]}
    with pytest.raises(
        InvalidDatasetError, match=r"1 of 1 objects have a box of their own; got .*\(another finds\); run"
    ):
        composed(stale, data=replace(SPLIT, objects=(record,)))
    with pytest.raises(InvalidDatasetError, match="expected an adapter of Grounding DINO or SAM, got none"):
        composed({name: teacher._replace(adapter=not_needed("no objects")) for name, teacher in teachers.items()})


def test_teachers_are_measured_down_to_the_students_floor_and_label_from_their_own():
    """Average precision that ends at a threshold leaves out what only the other may count."""
    text = (Path(__file__).parents[2] / "conf" / "base" / "parameters_distillation.yml").read_text()
    shipped = yaml.safe_load(text)
    labelling = LabellingConfig.model_validate(shipped["labelling"])
    assert labelling.detection.score_threshold == shipped["student"]["edge"]["score_floor"]
    assert labelling.label_detection.score_threshold == labelling.score_threshold
    assert labelling.label_detection.max_detections == labelling.detection.max_detections


def test_measuring_teachers_needs_the_memory_of_one_picture():
    """Twenty masks of an image are 3 MB."""
    side = 400
    images = tuple({"id": n, "file_name": f"{n}.png", "width": side, "height": side} for n in range(12))
    ring = [[10, 10, 100, 10, 100, 100, 10, 100]]
    objects = tuple(
        {"id": n + 1, "image_id": n // 20, "category_id": 0, "iscrowd": 0, "area": 8100, "segmentation": ring}
        | {"bbox": [10, 10, 90, 90]}
        for n in range(240)
    )
    split = Annotations(images, objects, SPLIT.categories)
    pixels = {image["file_name"]: np.zeros((side, side, 3), np.uint8) for image in images}

    def predict(images, prompts):
        for _ in images:
            masks = np.zeros((20, side, side), bool)
            masks[:, 10:100, 10:100] = True
            xyxy = np.tile(np.array([10, 10, 100, 100], np.float32), (20, 1))
            yield Detections(xyxy, np.ones(20, np.float32), np.zeros(20, np.int64), masks)

    for figures in (lambda: reports._detection_figures(lambda: predict, split, pixels, "segm"),
                    lambda: reports._mask_figures(lambda: predict, split, pixels)):  # fmt: skip
        tracemalloc.start()
        result = figures()
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert result == pytest.approx(dict.fromkeys(result, 1.0))
        assert peak < 8 * 3.2e6
