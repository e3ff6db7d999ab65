"""The tuned teachers as one: what they draw, how they are told apart, and how they are measured."""

import hashlib
import json
import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from kedro.config import OmegaConfigLoader

from gsam_edge.coco import Annotations, InvalidDatasetError
from gsam_edge.coco.needs import not_needed
from gsam_edge.datasets.features import FolderFeatures
from gsam_edge.distill.config import LabellingConfig
from gsam_edge.distill.labels.labelling import label_images
from gsam_edge.teachers.compose import TunedTeacher, compose_teacher
from gsam_edge.teachers.config import DetectionConfig
from gsam_edge.teachers.errors import AdapterError, BaseModelError
from gsam_edge.teachers.grounding_dino.tiny import build_tiny_grounding_dino
from gsam_edge.teachers.judging import report as reports
from gsam_edge.teachers.judging.figures import found_figures, outlined_figures
from gsam_edge.teachers.lora.adapter import AdapterConfig, extract_adapter
from gsam_edge.teachers.lora.config import LoraConfig
from gsam_edge.teachers.lora.layers import adapter_parameters, add_lora, weights_digest
from gsam_edge.teachers.sam.architecture import build_sam
from gsam_edge.teachers.sam.model import SamModel
from gsam_edge.teachers.table import TEACHERS, TeacherChoice
from gsam_edge.training.workers import WorkersConfig
from gsam_edge.vision import Detections
from gsam_edge.vision.masks import masks_to_xyxy
from support.gates import GATE
from support.tiny import TINY_GROUNDING_DINO, TINY_SAM

CLASSES = ("ring", "star")
SIDE = 64
LABELLING = LabellingConfig(
    workers=WorkersConfig(engine="local", count=1),
    flips=(),
    detection=DetectionConfig(score_threshold=0, candidates=1000, nms_iou=0.5, max_detections=6, batch_size=1),
    score_threshold=0.3,
    match_iou=0.5,
    gate=GATE,
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


def composed(teachers, detection=LABELLING.detection, data=SPLIT, boxes_from_masks=False):
    choice = TeacherChoice(finder="grounding_dino", outliner="sam")
    return compose_teacher(data, teachers, choice, detection=detection, boxes_from_masks=boxes_from_masks, device="cpu")


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


@pytest.mark.slow
def test_tuned_teachers_label_in_two_processes_as_in_one(tmp_path):
    """With adapters, a store of features and flips, in batches of two: byte for byte."""
    random, choice = np.random.default_rng(0), TeacherChoice(finder="grounding_dino", outliner="sam")
    images = {f"{n}.png": random.integers(0, 256, (SIDE, SIDE, 3), np.uint8) for n in range(4)}

    def labelled(count: int) -> dict[str, str]:
        teacher = compose_teacher(
            SPLIT, build_teachers(), choice, detection=LABELLING.detection, flips=("horizontal",), device="cpu",
            features=FolderFeatures(tmp_path, max_mb=16),
        )  # fmt: skip
        store, workers = {}, WorkersConfig(engine="local", count=count)
        label_images(teacher.factory, teacher.description, SPLIT, images, batch_size=2, store=store, workers=workers)
        return {key: json.dumps(record) for key, record in store.items()}

    alone, shared = labelled(1), labelled(2)
    assert len(alone) == 4
    assert shared == alone


def test_flips_tell_teachers_apart_where_they_detect_and_the_finder_sees_them(monkeypatch):
    image = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), np.uint8)
    choice = TeacherChoice(finder="grounding_dino", outliner="sam")
    shown = []
    finder = type(build_detector())
    find = finder.predict_batch
    monkeypatch.setattr(
        finder,
        "predict_batch",
        lambda self, images, *rest: find(self, (shown.append(each) or each for each in images), *rest),
    )
    made = {
        flips: compose_teacher(
            SPLIT, build_teachers(), choice, detection=LABELLING.label_detection, flips=flips, device="cpu"
        )
        for flips in ((), ("horizontal",))
    }
    assert made[()].description.digest == composed(build_teachers(), LABELLING.label_detection).description.digest
    assert made[()].description.digest != made[("horizontal",)].description.digest
    (found,) = made[("horizontal",)].factory()([image])
    np.testing.assert_array_equal(shown[0], image)
    np.testing.assert_array_equal(shown[1], image[:, ::-1])
    assert found.masks is not None
    assert found.masks.shape == (len(found), SIDE, SIDE)


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


def test_labels_are_made_anew_when_a_base_prepares_its_images_otherwise():
    """With the same weights: the finder's own folder says how; SAM's sizes say which tokens attend to each other."""
    digests = {composed(build_teachers()).description.digest}
    teachers = build_teachers()
    teachers["grounding_dino"].base.processor.image_processor.image_mean = [0, 0, 0]
    digests.add(composed(teachers).description.digest)
    teachers = build_teachers()
    heads = TINY_SAM.model_copy(update={"encoder_heads": 4})
    digests.add(
        composed(
            teachers | {"sam": teachers["sam"]._replace(base=replace(teachers["sam"].base, architecture=heads))}
        ).description.digest
    )
    assert len(digests) == 3


def test_boxes_are_those_of_the_masks_where_the_report_found_them_better():
    """The teacher is another one for it: its labels differ."""
    image = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), np.uint8)
    ours, theirs = (composed(build_teachers(), boxes_from_masks=taken) for taken in (True, False))
    assert (ours.description.boxes_from_masks, theirs.description.boxes_from_masks) == (True, False)
    assert ours.description.digest != theirs.description.digest
    (of_masks,), (of_finder,) = (teacher.factory()([image]) for teacher in (ours, theirs))
    assert np.array_equal(of_masks.masks, of_finder.masks)
    there = of_masks.masks.any(axis=(1, 2))
    assert there.any()
    assert np.array_equal(of_masks.xyxy[there], masks_to_xyxy(of_masks.masks[there]))
    assert np.array_equal(of_masks.xyxy[~there], of_finder.xyxy[~there])
    alone = build_teachers()
    alone["grounding_dino"] = alone["grounding_dino"]._replace(adapter=not_needed("no boxes"))
    record = {"id": 1, "image_id": 0, "category_id": 0, "segmentation": [[10, 10, 40, 10, 40, 40, 10, 40]]}
    only_masks = replace(SPLIT, objects=({**record, "bbox": [10, 10, 30, 30], "bbox_source": "segmentation"},))
    assert not composed(alone, data=only_masks, boxes_from_masks=True).description.boxes_from_masks


def test_reports_and_the_label_store_know_the_teachers_of_before():
    """Names and digests are in reports and label stores: the same teachers, asked the same, are the same."""
    teacher = composed(build_teachers())
    assert teacher.description.name == "Grounding DINO and SAM"
    digests = [
        digest
        for name, (base, adapter) in build_teachers().items()
        for digest in (TEACHERS[name].base_digest(base), adapter.digest)
    ]
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
    conf = Path(__file__).parents[2] / "conf"
    shipped = OmegaConfigLoader(conf_source=str(conf), base_env="base", default_run_env="base")["parameters"]
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

    ask = reports._Ask(split, pixels, LABELLING.detection.model_copy(update={"batch_size": 12}), "cpu")
    for prompted, figures in (
        (False, lambda found: found_figures(split, found, "segm")),
        (True, lambda found: outlined_figures(split, found)),
    ):
        tracemalloc.start()
        result = figures(ask._found(lambda: predict, prompted=prompted, bar="teachers")).whole
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert result == pytest.approx(dict.fromkeys(result, 1.0))
        assert peak < 8 * 3.2e6
