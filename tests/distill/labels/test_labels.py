import json
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest

from gsam_edge.coco import Annotations
from gsam_edge.coco.crowds import crowds_of
from gsam_edge.coco.packed import StoredDetectionsError
from gsam_edge.coco.predictions import Predictions, PredictorInfo
from gsam_edge.distill.labels.label_report import label_figures
from gsam_edge.distill.labels.labelling import StoreCounts, label_images
from gsam_edge.vision import Detections
from support.detections import packed, same

DETECTOR = PredictorInfo("a detector", "d1", prompted_with_boxes=False)
PAINTER = PredictorInfo("a painter", "p1", prompted_with_boxes=True)
IMAGES = {f"{number}.png": np.full((20, 30, 3), number, np.uint8) for number in (1, 2, 3)}


def square(left: int, top: int, side: int = 6) -> list[list[int]]:
    return [[left, top, left + side, top, left + side, top + side, left, top + side]]


def annotations(*, masks: bool = True) -> Annotations:
    """Image 1: an ear (7) and a label (9); image 2: an ear; image 3: nothing."""
    places = [(1, 7, 2, 2), (1, 9, 20, 10), (2, 7, 5, 5)]
    objects = [
        {"id": row, "image_id": image, "category_id": category, "bbox": [left, top, 6, 6]}
        | ({"segmentation": square(left, top)} if masks else {})
        for row, (image, category, left, top) in enumerate(places)
    ]
    images = tuple({"id": i, "file_name": f"{i}.png", "width": 30, "height": 20} for i in (1, 2, 3))
    return Annotations(images, tuple(objects), ({"id": 7, "name": "ear"}, {"id": 9, "name": "label"}))


def found(*rows: tuple[int, int, float, float], masks: bool = True) -> Detections:
    """Objects of 6 by 6 pixels by (left, top, score for ear, score for label)."""
    scores = np.array([row[2:] for row in rows], np.float32).reshape(-1, 2)
    xyxy = np.array([[left, top, left + 6, top + 6] for left, top, *_ in rows], np.float32).reshape(-1, 4)
    stack = np.zeros((len(rows), 20, 30), bool)
    for mask, (left, top, *_) in zip(stack, rows, strict=True):
        mask[top : top + 6, left : left + 6] = True
    return Detections(xyxy, scores.max(1, initial=0), scores.argmax(1), stack if masks else None, scores)


ANSWERS = {
    1: found((2, 2, 0.9, 0.2), (20, 11, 0.6, 0.5), (12, 12, 0.8, 0.1)),
    2: found((5, 5, 0.2, 0.1)),
    3: found(),
}


class Teacher:
    """Answers from the table what scores 0.3 or more; counts how often it was built and asked."""

    def __init__(self, fail_at: int = 0) -> None:
        self.built, self.asked, self.fail_at = 0, 0, fail_at

    def __call__(self):
        self.built += 1
        return self.answer

    def answer(self, images, prompts):
        for image in images:
            self.asked += 1
            if self.asked == self.fail_at:
                raise KeyboardInterrupt
            answer = ANSWERS[int(image[0, 0, 0])]
            yield answer.select(answer.scores >= 0.3)


class JsonStore(dict):
    """Only what JSON holds goes in and comes out."""

    def __setitem__(self, key, value):
        super().__setitem__(key, json.dumps(value))

    def __getitem__(self, key):
        return json.loads(super().__getitem__(key))


def ask(teacher, store, *, who=DETECTOR, split=None, images=IMAGES, batch_size=1):
    return label_images(teacher, who, split or annotations(), images, batch_size=batch_size, store=store)


def measured(split, labels):
    return label_figures(split, labels.objects, match_iou=0.5, prompted=labels.predictor.prompted_with_boxes)


def test_a_second_run_asks_nobody():
    store = JsonStore()
    first, counts = ask(Teacher(), store)
    assert counts == StoreCounts(hits=0, new=3)
    again = Teacher()
    second, counts = ask(again, store)
    assert counts == StoreCounts(hits=3, new=0)
    assert (again.built, again.asked) == (0, 0)
    assert all(same(first.objects[i].unpack(), second.objects[i].unpack()) for i in (1, 2, 3))


def test_a_killed_run_continues():
    store = JsonStore()
    with pytest.raises(KeyboardInterrupt):
        ask(Teacher(fail_at=3), store)
    rest = Teacher()
    labels, counts = ask(rest, store)
    assert (counts, rest.asked) == (StoreCounts(hits=2, new=1), 1)
    assert set(labels.objects) == {1, 2, 3}


def test_the_bar_goes_when_the_teacher_fails(monkeypatch):
    """Not with the traceback, which is shown first."""
    bars = []
    monkeypatch.setattr("gsam_edge.distill.labels.labelling.Progress.stop", lambda bar: bars.append("gone"))
    with pytest.raises(KeyboardInterrupt) as failure:
        ask(Teacher(fail_at=2), JsonStore())
    assert failure.traceback
    assert bars == ["gone"]


def test_what_an_answer_depends_on_is_asked_again():
    store = JsonStore()
    ask(Teacher(), store)
    brighter = {**IMAGES, "2.png": np.where(np.arange(30)[:, None] == 29, 9, IMAGES["2.png"]).astype(np.uint8)}
    assert ask(Teacher(), store, images=brighter)[1].new == 1
    assert ask(Teacher(), store, who=replace(DETECTOR, digest="d2"))[1].new == 3
    renamed = replace(annotations(), categories=({"id": 7, "name": "ear of bag"}, {"id": 9, "name": "label"}))
    assert ask(Teacher(), store, split=renamed)[1].new == 3


def test_labels_of_an_earlier_format_are_made_anew(monkeypatch):
    """They lack what a label holds now, and nothing in them says so."""
    store = JsonStore()
    monkeypatch.setattr("gsam_edge.distill.labels.labelling._FORMAT", 1)
    ask(Teacher(), store)
    monkeypatch.undo()
    assert ask(Teacher(), store)[1].new == 3


@pytest.mark.parametrize("batch_size", [2, 5])
def test_images_asked_about_together_get_the_labels_that_they_get_alone(batch_size):
    alone, _ = ask(Teacher(), JsonStore())
    together, counts = ask(Teacher(), JsonStore(), batch_size=batch_size)
    assert counts.new == 3
    assert all(same(alone.objects[i].unpack(), together.objects[i].unpack()) for i in (1, 2, 3))


def test_masks_are_decoded_only_when_they_are_asked_for(decoded):
    """Not by a run that finds all labels in the store, nor by files or the report, which compares masks."""
    store = JsonStore()
    ask(Teacher(), store)
    labels, counts = ask(Teacher(), store)
    Predictions.from_dict(labels.to_dict())
    assert measured(annotations(), labels)["mask_iou"] == 1
    assert decoded == []
    assert counts.hits == 3
    assert labels.objects[1].unpack().masks.any(axis=(1, 2)).tolist() == [True, True, True]


def test_true_masks_are_not_decoded_for_boxes(decoded):
    """The prompt of a painter, crowds, and the report of a teacher without masks need boxes and classes."""
    split = annotations()
    crowd = {"id": 9, "image_id": 1, "category_id": 7, "bbox": [8, 8, 12, 12], "segmentation": square(8, 8, 12)}
    split = replace(split, objects=(*split.objects, {**crowd, "iscrowd": 1}))
    bare = {image_id: replace(objects, masks=None) for image_id, objects in ANSWERS.items()}
    labels = Predictions(packed(bare), split.class_names, DETECTOR)
    assert split.has_masks
    ask(Teacher(), JsonStore(), who=PAINTER, split=split)
    np.testing.assert_array_equal(crowds_of(split, 1).xyxy, [[8, 8, 20, 20]])
    measured(split, labels)
    assert decoded == []


def test_labels_of_many_pictures_need_the_memory_of_one():
    """However many are asked about at once; an image's twenty masks are 3 MB."""

    def answer(images, prompts):
        for _ in images:
            yield Detections(
                np.zeros((20, 4), np.float32),
                np.ones(20, np.float32),
                np.zeros(20, np.int64),
                np.ones((20, 400, 400), bool),
            )

    side = {"width": 400, "height": 400}
    images = tuple({"id": number, "file_name": f"{number}.png", **side} for number in range(12))
    pixels = {image["file_name"]: np.full((400, 400, 3), image["id"], np.uint8) for image in images}
    split = Annotations(images, (), ({"id": 7, "name": "ear"},))
    tracemalloc.start()
    labels, _ = ask(lambda: answer, {}, split=split, images=pixels, batch_size=12)
    kept, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(labels.objects) == 12
    assert kept < 3e6
    assert peak < 3 * 3.2e6


def test_a_teacher_of_masks_is_given_the_true_boxes():
    def paint(images, prompts):
        for prompt in prompts:
            assert prompt.masks is None
            masks = found(*[(int(left), int(top), 0, 0) for left, top, *_ in prompt.xyxy]).masks
            yield replace(prompt, scores=np.full(len(prompt), 0.1, np.float32), masks=masks)

    split = annotations()
    labels, _ = ask(lambda: paint, JsonStore(), who=PAINTER, split=split)
    assert np.array_equal(labels.objects[1].unmasked.xyxy, split.truth(1).xyxy)
    report = measured(split, labels)
    assert report["mask_iou"] == 1
    assert not {"precision", "recall"} & set(report)


def test_labels_are_measured_against_truth():
    labels, _ = ask(Teacher(), JsonStore())
    report = measured(annotations(), labels)
    assert report == {
        "in_crowds": 0,
        "precision": pytest.approx(1 / 3),
        "recall": pytest.approx(1 / 3),
        "mask_iou": 1.0,
        "per_class": {
            "ear": {"precision": pytest.approx(1 / 3), "recall": 0.5, "mask_iou": 1.0},
            "label": {"recall": 0.0},
        },
    }


def test_how_good_the_teacher_believes_its_masks_to_be_stands_beside_how_good_they_are():
    """The means over the two matched objects; one mask is empty."""
    there = found((2, 2, 0.9, 0.2), (20, 10, 0.2, 0.9), (12, 12, 0.8, 0.1))
    there.masks[2] = False
    there = replace(there, mask_scores=np.array([0.9, 0.5, 0.1], np.float32))
    report = measured(annotations(), Predictions(packed({1: there}), ("ear", "label"), DETECTOR))
    assert (report["mask_iou"], report["mask_score"]) == (1.0, pytest.approx(0.7))
    assert report["per_class"]["ear"]["mask_score"] == pytest.approx(0.9)


def test_what_is_found_in_a_crowd_is_neither_right_nor_wrong():
    """Three finds in a crowd of ears: an ear inside, an ear half out of it, and a label, of which it says nothing."""
    crowd = {"id": 9, "image_id": 1, "category_id": 7, "bbox": [8, 8, 12, 12], "iscrowd": 1}
    whole = annotations(masks=False)
    split = replace(whole, objects=(*whole.objects, crowd))
    there = found((2, 2, 0.9, 0.2), (10, 10, 0.8, 0.1), (16, 16, 0.7, 0.1), (12, 9, 0.1, 0.6), masks=False)
    labels = Predictions(packed({1: there}), ("ear", "label"), DETECTOR)
    report = measured(split, labels)
    assert report["in_crowds"] == 1
    assert report["precision"] == pytest.approx(1 / 3)
    assert report["per_class"]["ear"]["precision"] == pytest.approx(1 / 2)


def test_without_masks_there_is_no_mask_iou():
    without = {image_id: replace(objects, masks=None) for image_id, objects in ANSWERS.items()}
    labels = Predictions(packed(without), ("ear", "label"), DETECTOR)
    assert "mask_iou" not in measured(annotations(masks=False), labels)


def test_labels_survive_json():
    labels, _ = ask(Teacher(), JsonStore())
    again = Predictions.from_dict(json.loads(json.dumps(labels.to_dict())))
    assert (again.class_names, again.predictor) == (labels.class_names, labels.predictor)
    assert all(same(again.objects[i].unpack(), labels.objects[i].unpack()) for i in labels.objects)


@pytest.mark.parametrize("content", [{}, {"predictor": {}, "class_names": [], "images": {}}, {"images": 3}])
def test_other_json_is_no_predictions(content):
    with pytest.raises(StoredDetectionsError, match="predictions: expected predictor, class_names and images"):
        Predictions.from_dict(content)
