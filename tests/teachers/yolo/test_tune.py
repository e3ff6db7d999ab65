"""A user's YOLO is tuned, or asked as it is, and takes part like any teacher."""

import logging
import pickle
from dataclasses import replace

import numpy as np
import pytest
import torch

from gsam_edge.coco import Annotations, InvalidDatasetError
from gsam_edge.coco.needs import not_needed
from gsam_edge.distill.labels.label_report import label_figures
from gsam_edge.distill.labels.labelling import label_images
from gsam_edge.teachers.compose import TunedTeacher, compose_teacher
from gsam_edge.teachers.config import FloorConfig
from gsam_edge.teachers.errors import AdapterError, BaseModelError, ClassMatchError
from gsam_edge.teachers.family import Setting
from gsam_edge.teachers.features import MemoryFeatures
from gsam_edge.teachers.judging.report import LabelRule, teacher_report
from gsam_edge.teachers.judging.verdict import UNKNOWN
from gsam_edge.teachers.lora.layers import adapter_parameters, add_lora, weights_digest
from gsam_edge.teachers.table import TEACHERS, TeacherChoice
from gsam_edge.teachers.tuning import tune_where_needed
from gsam_edge.teachers.yolo.model import load_yolo
from gsam_edge.teachers.yolo.network import columns_of, detection_loss, raw_answers
from gsam_edge.teachers.yolo.tune import labelled_batch, tune_yolo
from gsam_edge.training.loop.learner import set_training
from gsam_edge.vision import Detections
from support.runs import a_run, source_of
from support.yolo import DETECTION, SIDE, TUNING, random_network, save_weights

ALONE = TeacherChoice(finder="yolo", outliner="yolo")
RULES = {
    "detection": DETECTION,
    "labelling": LabelRule(score_threshold=0.25, match_iou=0.5),
    "floor": FloorConfig(map50=0, mask_iou=0, recall=0, score_threshold=0.25, below="error"),
    "device": "cpu",
}


@pytest.fixture(scope="module")
def detector(tmp_path_factory):
    return load_yolo(save_weights(tmp_path_factory.mktemp("yolo") / "own.pt", random_network()))


@pytest.fixture(scope="module")
def segmenter(tmp_path_factory):
    return load_yolo(save_weights(tmp_path_factory.mktemp("yolo") / "own.pt", random_network("v8/yolov8-seg.yaml")))


def dataset(numbers, *, masks=True, names=("ring", "gold star", "comet")):
    """Images of 80 x 60 pixels (width x height), two objects each, of the first two classes in turn."""
    images, objects = [], []
    for number in numbers:
        images.append({"id": number, "file_name": f"{number}.png", "width": 80, "height": 60})
        for left in (5, 40):
            polygon = [left, 10, left + 25, 10, left + 25, 45, left, 45]
            record = {"id": len(objects), "image_id": number, "category_id": len(objects) % 2}
            record |= {"bbox": [left, 10, 25, 35]} | ({"segmentation": [polygon]} if masks else {})
            objects.append(record)
    categories = [{"id": class_id, "name": name} for class_id, name in enumerate(names)]
    return Annotations.from_coco({"images": images, "annotations": objects, "categories": categories})


IMAGES = {f"{n}.png": np.random.default_rng(n).integers(0, 256, (60, 80, 3), np.uint8) for n in range(6)}


def tune(base, config=TUNING, train=None, *, log=None):
    run = a_run(seed=1) if log is None else a_run(log=log, seed=1)
    train = dataset(range(4)) if train is None else train
    return tune_yolo(base, train, dataset(range(4, 6)), IMAGES, config, augmentation=None, run=run)


def test_tuning_gives_an_adapter_and_leaves_the_base_with_its_statistics(detector):
    digest, logged = weights_digest(detector.model), []
    adapter = tune(detector, log=lambda name, value, step: logged.append(name))
    assert weights_digest(detector.model) == digest == adapter.config.base_digest
    assert (adapter.config.kind, adapter.config.class_names) == ("yolo", ("ring", "gold star", "comet"))
    assert adapter.config.facts == {
        "class_names": [["Ring"], ["gold_star"], []],
        "weights_class_names": ["Ring", "gold_star", "moon"],
        "image_size": SIDE,
    }
    assert {"yolo/box_loss", "yolo/class_loss", "yolo/distribution_loss", "yolo/val_ap50", "yolo/val_ap75"} <= set(
        logged
    )
    assert not adapter.changes_nothing
    again = tune(detector)
    assert all(torch.equal(tensor, again.tensors[name]) for name, tensor in adapter.tensors.items())


@pytest.mark.parametrize("kind", ["detector", "segmenter"])
def test_every_matrix_of_the_adapter_gets_a_gradient_in_one_step(request, kind):
    base = request.getfixturevalue(kind)
    network = pickle.loads(pickle.dumps(base)).model  # noqa: S301 - our own bytes
    add_lora(network, TUNING.lora, seed=0)
    with torch.no_grad():
        for value in adapter_parameters(network).values():
            value.normal_(0, 0.02)
    # Few enough anchors lie in this box that all are taught: four, four and one of the three levels.
    truth = Detections(np.array([[4.5, 4.5, 27.5, 27.5]], np.float32), np.ones(1, np.float32), np.zeros(1, np.int64))
    image = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), np.uint8)
    batch = labelled_batch([(image, truth)], [0, 1], SIDE, torch.device("cpu"))
    set_training(network, keep_statistics=True)
    raw = raw_answers(network, batch["img"])
    answers = {**raw, "scores": columns_of(raw["scores"], [[0], [1]])}
    loss, _ = detection_loss(network, 2, TUNING.loss).loss(answers, batch)
    loss.sum().backward()
    still = [name for name, value in adapter_parameters(network).items() if value.grad is None or not value.grad.any()]
    assert still == []


def test_labels_are_what_the_loss_reads():
    """On a canvas of 64 pixels an image of 80 x 60 is 64 x 48, with 8 pixels above."""
    xyxy = np.array([[0, 0, 80, 60], [0, 0, 40, 30]], np.float32)
    truth = Detections(xyxy, np.ones(2, np.float32), np.array([2, 0]))
    samples = [(IMAGES["0.png"], truth), (IMAGES["1.png"], truth.select(np.zeros(2, bool)))]
    batch = labelled_batch(samples, [2], SIDE, torch.device("cpu"))
    assert batch["img"].shape == (2, 3, SIDE, SIDE)
    assert (batch["batch_idx"].tolist(), batch["cls"].tolist()) == ([0], [0])
    torch.testing.assert_close(batch["bboxes"], torch.tensor([[0.5, 0.5, 1.0, 0.75]]))


def test_training_finds_what_it_is_shown(detector):
    data, outliner = dataset([0]), TunedTeacher(not_needed("nothing to draw"), not_needed("nothing to draw"))
    config = TUNING.model_copy(
        update={
            "loop": TUNING.loop.model_copy(update={"epochs": 2, "min_steps": 40, "learning_rate": 5e-3}),
            "lora": TUNING.lora.model_copy(update={"r": 16, "alpha": 16}),
            "batch_size": 1,
        }
    )
    adapter = tune_yolo(detector, data, data, IMAGES, config, augmentation=None, run=a_run())
    teachers = {"yolo": TunedTeacher(detector, adapter), "sam": outliner}
    choice = TeacherChoice(finder="yolo", outliner="sam")
    report = teacher_report(data, IMAGES, teachers, choice, **RULES).content
    assert report["yolo"]["tuned"]["map50"] > 0.9 > report["yolo"]["base"]["map50"]
    assert (report["yolo"]["status"], report["yolo"]["verdict"]) == ("tuned", UNKNOWN)  # one image decides nothing
    assert report["sam"] == not_needed("nothing to draw")


def setting(*, masks):
    return Setting(("ring", "gold star", "comet"), DETECTION, "cpu", masks, True, None)


def test_what_is_found_lies_in_the_image_with_scores_of_the_datas_classes(segmenter):
    adapter = tune(segmenter, TUNING.model_copy(update={"tune": False}))
    predict = TEACHERS["yolo"].predictor(segmenter, adapter, setting(masks=True))
    (found,) = predict([IMAGES["0.png"]], None)
    assert 0 < len(found) <= DETECTION.max_detections
    assert found.masks.shape == (len(found), 60, 80)
    assert np.isnan(found.class_scores[:, 2]).all()
    np.testing.assert_array_equal(found.scores, found.class_scores[:, :2].max(1))
    assert (found.xyxy >= 0).all()
    assert (found.xyxy <= [80, 60, 80, 60]).all()
    (bare,) = TEACHERS["yolo"].predictor(segmenter, adapter, setting(masks=False))([IMAGES["0.png"]], None)
    assert bare.masks is None
    np.testing.assert_array_equal(bare.xyxy, found.xyxy)


def test_detect_weights_draw_no_masks(detector):
    adapter = tune(detector, TUNING.model_copy(update={"tune": False}))
    with pytest.raises(BaseModelError, match="expected segment weights"):
        list(TEACHERS["yolo"].predictor(detector, adapter, setting(masks=True))([IMAGES["0.png"]], None))


def where_needed(base, data, config, choice, rules):
    features, scene = MemoryFeatures(), None
    return tune_where_needed(
        "yolo", base, data, data, IMAGES, config, choice, scene, rules, features=features, run=a_run()
    )


def test_detect_weights_that_are_to_draw_masks_are_refused_before_they_are_tuned(detector, augmentation_rules):
    config, boxes = TUNING.model_copy(update={"tune": False}), dataset(range(2), masks=False)

    def tuned(data):
        return where_needed(source_of(detector), data, config, ALONE, augmentation_rules)

    with pytest.raises(BaseModelError, match="expected segment weights"):
        tuned(dataset(range(2)))
    assert tuned(boxes).config.kind == "yolo"


def test_the_same_tensors_under_other_names_are_another_base(detector):
    renamed = replace(detector, class_names=("moon", "gold_star", "Ring"))
    adapter = tune(detector, TUNING.model_copy(update={"tune": False}))
    with pytest.raises(AdapterError, match=r"\['Ring', 'gold_star', 'moon'\].*got weights of \['moon', "):
        TEACHERS["yolo"].predictor(renamed, adapter, setting(masks=False))
    assert TEACHERS["yolo"].base_digest(renamed) != TEACHERS["yolo"].base_digest(detector)


@pytest.mark.parametrize("tuned", [True, False])
def test_an_image_size_is_a_multiple_of_the_largest_stride(tmp_path, tuned):
    coarse = load_yolo(save_weights(tmp_path / "own.pt", random_network("v8/yolov8-p6.yaml")))
    with pytest.raises(BaseModelError, match=r"image_size: expected a multiple of 64, .* got 96"):
        tune(coarse, TUNING.model_copy(update={"image_size": 96, "tune": tuned}))


def composed(base, adapter, data):
    teachers = {"yolo": TunedTeacher(base, adapter)}
    return compose_teacher(data, teachers, ALONE, detection=DETECTION, device="cpu")


@pytest.mark.parametrize("masks", [True, False])
def test_it_labels_and_is_reported_like_the_others(segmenter, masks, caplog):
    data = dataset(range(4), masks=masks)
    adapter = tune(segmenter, TUNING.model_copy(update={"tune": False}), data)
    assert not adapter.is_tuned
    teacher = composed(segmenter, adapter, data)
    assert (teacher.description.name, teacher.description.prompted_with_boxes) == ("YOLO", False)
    labels, counts = label_images(teacher.factory, teacher.description, data, IMAGES, batch_size=2, store={})
    assert counts.new == 4
    found = labels.objects[0]
    assert len(found) > 0
    assert (found.mask_hw is not None) == masks
    figures = label_figures(data, labels.objects, match_iou=0.5, prompted=False)
    assert {"precision", "recall"} < set(figures)
    with caplog.at_level(logging.WARNING):
        report = teacher_report(data, IMAGES, {"yolo": TunedTeacher(segmenter, adapter)}, ALONE, **RULES).content
    assert report["yolo"]["status"] == "as it is"
    assert set(report["yolo"]["base"]) == {"map50", "map50_95"}
    assert report["grounded_sam"]["status"] == ("as it is" if masks else "not needed")
    assert "verdict" not in report["yolo"]
    assert "lower learning rate" not in caplog.text


def test_what_an_answer_depends_on_tells_teachers_apart(segmenter):
    """Tuned or not, which classes are meant, and whether masks are drawn."""
    data, as_it_is = dataset(range(4)), TUNING.model_copy(update={"tune": False})
    other = as_it_is.model_copy(update={"classes": {"moon": "comet"}})
    digests = {composed(segmenter, tune(segmenter, config), data).description.digest for config in (as_it_is, other)}
    digests.add(composed(segmenter, tune(segmenter), data).description.digest)
    boxes = dataset(range(4), masks=False)
    digests.add(composed(segmenter, tune(segmenter, as_it_is, boxes), boxes).description.digest)
    assert len(digests) == 4


def test_its_answers_are_the_same_in_another_process(segmenter):
    data = dataset(range(2))
    teacher = composed(segmenter, tune(segmenter, train=data), data)
    sent = pickle.dumps(teacher.factory)
    (there,) = pickle.loads(sent)()([IMAGES["0.png"]])  # noqa: S301 - our own bytes
    predict = TEACHERS["yolo"].predictor(segmenter, tune(segmenter, train=data), setting(masks=True))
    (here,) = predict([IMAGES["0.png"]], None)
    np.testing.assert_array_equal(here.scores, there.scores)
    np.testing.assert_array_equal(here.masks, there.masks)


def test_without_a_shared_class_or_objects_of_one_it_is_not_tuned(detector):
    content = dataset(range(2)).to_coco()
    suns = Annotations.from_coco({**content, "annotations": [], "categories": [{"id": 0, "name": "sun"}]})
    with pytest.raises(ClassMatchError, match=r"\['sun'\], got weights of \['Ring', 'gold_star', 'moon'\]"):
        tune(detector, train=suns)
    unknown = dataset(range(2), names=("sun", "planet", "moon"))
    with pytest.raises(InvalidDatasetError, match=r"the weights know, \['moon'\], got none in 2 images"):
        tune(detector, train=unknown)
    data = dataset(range(2))
    bare = Annotations.from_coco({**data.to_coco(), "annotations": []})
    with pytest.raises(InvalidDatasetError, match=r"expected validation objects .* got none in 2 images"):
        tune_yolo(detector, data, bare, IMAGES, TUNING, augmentation=None, run=a_run())


def test_a_finder_whose_weights_nobody_named_ends_the_run(augmentation_rules):
    nameless, data = not_needed("no weights are named"), dataset(range(2))
    with pytest.raises(BaseModelError, match=r"yolo_base: expected a \.pt file .* Name it in the catalog"):
        where_needed(nameless, data, TUNING, ALONE, augmentation_rules)
    today = TeacherChoice(finder="grounding_dino", outliner="sam")
    unasked = where_needed(nameless, data, TUNING, today, augmentation_rules)
    assert unasked == not_needed("teachers.finder is grounding_dino")
