"""The gate: which labels a student learns from."""

import json
from dataclasses import replace
from math import inf

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gsam_edge.coco import Annotations
from gsam_edge.coco.errors import InvalidDatasetError
from gsam_edge.coco.packed import PackedDetections
from gsam_edge.coco.predictions import Predictions, PredictorInfo
from gsam_edge.distill.labels.gate import Gate, GateConfig, fit_gate, not_duplicated
from gsam_edge.distill.labels.gated import covered_share, gated
from gsam_edge.vision import Detections
from support.detections import packed, same
from support.gates import GATE

CLASSES = ({"id": 7, "name": "ear"}, {"id": 9, "name": "label"})
SEARCHED = PredictorInfo("a detector", "d1", prompted_with_boxes=False)
seeds = st.integers(0, 2**32 - 1)


def world(seed: int, images: int = 20) -> tuple[Annotations, np.random.Generator]:
    """Images of 60 by 60 pixels with four objects each, one in each quarter."""
    rng = np.random.default_rng(seed)
    objects = [
        {"id": 4 * image + place, "image_id": image, "category_id": int(rng.choice([7, 9])), "bbox": [x, y, 10, 10]}
        for image in range(images)
        for place, (x, y) in enumerate([(5, 5), (35, 5), (5, 35), (35, 35)])
    ]
    records = tuple({"id": i, "file_name": f"{i}.png", "width": 60, "height": 60} for i in range(images))
    return Annotations(records, tuple(objects), CLASSES), rng


def predictions(annotations: Annotations, objects: dict[int, Detections]) -> Predictions:
    return Predictions(packed(objects), annotations.class_names, SEARCHED)


def noisy(annotations: Annotations, rng: np.random.Generator) -> Predictions:
    """True objects with middling to high scores, some lost, beside wrong labels with low to middling ones."""
    objects = {}
    for image in annotations.images:
        truth = annotations.truth(image["id"])
        kept = truth.select(rng.random(len(truth)) < 0.9)
        count = int(rng.integers(0, 5))
        corners = rng.uniform(0, 48, (count, 2))
        xyxy = np.concatenate([kept.xyxy, np.concatenate([corners, corners + 12], 1)]).astype(np.float32)
        scores = np.concatenate([rng.uniform(0.3, 1, len(kept)), rng.uniform(0.05, 0.7, count)]).astype(np.float32)
        classes = np.concatenate([kept.class_ids, rng.integers(0, 2, count)])
        objects[image["id"]] = Detections(xyxy, scores, classes)
    return predictions(annotations, objects)


def fitted(annotations: Annotations, labels: Predictions, config: GateConfig = GATE) -> Gate:
    return fit_gate(annotations, labels, config, match_iou=0.5)


@given(seeds)
@settings(max_examples=20, deadline=None)
def test_perfect_labels_all_pass_as_objects(seed):
    annotations, rng = world(seed)
    truth = {i: annotations.truth(i) for i in annotations.image_by_id}
    labels = predictions(
        annotations,
        {i: replace(each, scores=rng.uniform(0.05, 1, len(each)).astype(np.float32)) for i, each in truth.items()},
    )
    passed = gated(labels, fitted(annotations, labels), GATE, split=annotations)
    assert passed.counts.objects == len(annotations.objects)
    assert (passed.counts.ignored, passed.counts.background, passed.counts.duplicates) == (0, 0, 0)
    assert all((weights.classes == 1).all() and (weights.boxes == 1).all() for weights in passed.weights.values())


@given(seeds)
@settings(max_examples=20, deadline=None)
def test_of_random_labels_nearly_none_is_an_object(seed):
    """A lucky one with the highest score of all may."""
    annotations, rng = world(seed)

    def some() -> Detections:
        corners = rng.uniform(0, 45, (10, 2)).astype(np.float32)
        return Detections(
            np.concatenate([corners, corners + 12], 1), rng.random(10, np.float32), rng.integers(0, 2, 10)
        )

    labels = predictions(annotations, {i: some() for i in annotations.image_by_id})
    gate = fitted(annotations, labels)
    assert sum(int(gate.objects(each.unmasked).sum()) for each in labels.objects.values()) <= 10  # of 200


@given(seeds)
@settings(max_examples=20, deadline=None)
def test_what_passes_on_the_fitted_images_is_as_precise_as_asked_for(seed):
    """And one label of the next lower score more would not be, nor would any lower threshold."""
    annotations, rng = world(seed)
    labels = noisy(annotations, rng)
    gate = fitted(annotations, labels)
    truth = {i: annotations.truth(i, masks=False) for i in annotations.image_by_id}
    rows = []  # class, score, correct: an object lies exactly under each of its labels, and under no other's
    for image_id, each in labels.objects.items():
        found = each.unmasked.select(not_duplicated(each.unmasked, GATE.duplicate_iou))
        for box, score, class_id in zip(found.xyxy, found.scores, found.class_ids, strict=True):
            exact = (truth[image_id].xyxy == box).all(1) & (truth[image_id].class_ids == class_id)
            rows.append((class_id, score, exact.any()))
    classes, scores, correct = (np.array(column) for column in zip(*rows, strict=True))
    for class_id in (0, 1):
        of_class = classes == class_id
        shares = {
            score: correct[of_class & (scores >= score)].mean()
            for score in scores[of_class]
            if score <= gate.high[class_id]
        }
        wrong_by_luck = 0.1  # a random box may lie on an object of its class
        assert shares.pop(np.float32(gate.high[class_id])) >= GATE.precision - wrong_by_luck
        assert all(share < GATE.precision for share in shares.values())


@given(seeds, st.tuples(*[st.floats(0.05, 1)] * 2), st.tuples(*[st.floats(0.05, 1)] * 2))
@settings(max_examples=30, deadline=None)
def test_stricter_demands_never_let_more_through(seed, precisions, recalls):
    annotations, rng = world(seed)
    labels = noisy(annotations, rng)
    (weak, strict), (few, many) = sorted(precisions), sorted(recalls)
    gates = {
        (precision, recall): fitted(
            annotations, labels, GATE.model_copy(update={"precision": precision, "recall": recall})
        )
        for precision in (weak, strict)
        for recall in (few, many)
    }
    for class_id in (0, 1):
        assert gates[weak, few].high[class_id] <= gates[strict, few].high[class_id]
        assert gates[weak, few].low[class_id] >= gates[weak, many].low[class_id]
        assert all(gate.low[class_id] <= gate.high[class_id] for gate in gates.values())


@given(seeds, st.floats(0, 1), st.floats(0, 1), st.floats(0, 0.2))
@settings(max_examples=30, deadline=None)
def test_higher_thresholds_let_fewer_through(seed, low, high, more):
    annotations, rng = world(seed, images=3)
    labels = noisy(annotations, rng)
    low, high = sorted((low, high))

    def passing(low: float, high: float) -> tuple[np.ndarray, np.ndarray]:
        gate = replace(Gate.hard(high, 2), low=(low, low))
        found = [each.unmasked for each in labels.objects.values()]
        return tuple(np.concatenate([rule(each) for each in found]) for rule in (gate.objects, gate.ignored))

    objects, ignored = passing(low, high)
    fewer, as_many = passing(low, high + more)
    assert not (fewer & ~objects).any()
    np.testing.assert_array_equal(objects | ignored, fewer | as_many)
    assert not (objects & ignored).any()


@given(seeds)
@settings(max_examples=20, deadline=None)
def test_the_order_of_labels_and_images_decides_nothing(seed):
    annotations, rng = world(seed)
    labels = noisy(annotations, rng)
    coarse = {  # of equal scores, classes and places tell
        i: replace(each.unmasked, scores=np.ceil(each.unmasked.scores * 5) / np.float32(5))
        for i, each in labels.objects.items()
    }
    mixed = {i: coarse[i].select(rng.permutation(len(coarse[i]))) for i in rng.permutation(list(coarse)).tolist()}
    first, second = predictions(annotations, coarse), predictions(annotations, mixed)
    gate = fitted(annotations, first)
    assert fitted(annotations, second) == gate
    passed, again = (gated(each, gate, GATE, split=annotations) for each in (first, second))
    assert passed.counts == again.counts
    for image_id, each in passed.objects.items():
        assert set(map(tuple, each.unmasked.xyxy)) == set(map(tuple, again.objects[image_id].unmasked.xyxy))


def one_class(rows: list[tuple[float, bool]], *, missed: int = 0, others: int = 0) -> tuple[Annotations, Predictions]:
    """A label a picture by (score, whether it lies on the picture's ear); `missed` ears and `others` labels besides."""
    images = tuple(
        {"id": i, "file_name": f"{i}.png", "width": 60, "height": 60} for i in range(len(rows) + missed + others)
    )
    objects = [
        {"id": i, "image_id": i, "category_id": 9 if i >= len(rows) + missed else 7, "bbox": [0, 0, 10, 10]}
        for i in range(len(images))
    ]
    place = {True: [0, 0, 10, 10], False: [40, 40, 50, 50]}
    labels = {
        i: Detections(np.array([place[right]], np.float32), np.array([score], np.float32), np.zeros(1, np.int64))
        for i, (score, right) in enumerate(rows)
    }
    annotations = Annotations(images, tuple(objects), CLASSES)
    none = Detections.empty()
    return annotations, predictions(annotations, {i: labels.get(i, none) for i in annotations.image_by_id})


def test_thresholds_of_a_case_by_hand():
    """Of 5 labels from 0.5 on, 4 are correct; of 8 objects, the labels from 0.25 on hold 6, and none holds more."""
    rows = [(0.9, True), (0.8, False), (0.7, True), (0.6, True), (0.5, True), (0.4, False), (0.3, True), (0.25, True)]
    annotations, labels = one_class([*rows, (0.1, False)], missed=0)
    config = GATE.model_copy(update={"precision": 0.8})
    gate = fitted(annotations, labels, config)
    assert gate.high[0] == 0.5
    assert gate.low[0] == 0.25  # six of nine, all that are held
    half = fitted(annotations, labels, config.model_copy(update={"recall": 4 / 9}))
    assert half.low[0] == 0.5
    quarter = fitted(annotations, labels, config.model_copy(update={"recall": 2 / 9}))
    assert (quarter.low[0], quarter.high[0]) == (0.5, 0.5)  # never above the high one
    found = labels.objects[6].unmasked
    assert (gate.objects(found).tolist(), gate.ignored(found).tolist()) == ([False], [True])


def test_a_class_with_few_objects_takes_the_thresholds_of_all_classes():
    annotations, labels = one_class([(0.9, True)] * 10 + [(0.6, False)] * 5, others=2)
    gate = fitted(annotations, labels)
    assert gate.basis == ("its own labels", "the labels of all classes")
    assert gate.high == (pytest.approx(0.9), pytest.approx(0.9))
    assert fitted(annotations, labels, GATE.model_copy(update={"min_objects": 2})).high == (gate.high[0], inf)


def test_where_the_precision_is_never_reached_labels_are_ignored():
    annotations, labels = one_class([(0.9, False), (0.8, True), (0.7, False), (0.6, True), (0.5, False)] * 2)
    gate = fitted(annotations, labels)
    assert gate.high[0] == inf
    assert gate.low[0] == pytest.approx(0.6)
    assert gated(labels, gate, GATE, split=annotations).counts.objects == 0


@pytest.mark.parametrize("rows", [[], [(0.9, False)] * 6])
def test_without_a_correct_label_nothing_passes(rows):
    annotations, labels = one_class(rows, missed=6)
    gate = fitted(annotations, labels)
    assert gate.high == gate.low == (inf, inf)
    counts = gated(labels, gate, GATE, split=annotations).counts
    assert (counts.objects, counts.ignored, counts.background) == (0, 0, len(rows))


def test_labels_in_the_true_boxes_are_all_objects():
    annotations, labels = one_class([(0.1, True)] * 3)
    labels = replace(labels, predictor=replace(SEARCHED, prompted_with_boxes=True))
    assert fitted(annotations, labels) == Gate.hard(0.0, 2)


def test_labels_of_other_classes_are_refused():
    annotations, labels = one_class([(0.1, True)])
    with pytest.raises(InvalidDatasetError, match=r"expected the classes \('ear', 'label'\), got \('ear',\)"):
        fitted(annotations, replace(labels, class_names=("ear",)))


@given(seeds)
@settings(max_examples=20, deadline=None)
def test_a_gate_is_written_as_json_in_which_null_is_a_threshold_that_no_label_reaches(seed):
    annotations, rng = world(seed)
    for gate in (
        fitted(annotations, noisy(annotations, rng)),
        Gate.hard(0.25, 3),
        replace(Gate.hard(0, 1), high=(inf,)),
    ):
        written = json.loads(json.dumps(gate.to_dict(), allow_nan=False))
        assert [inf if score is None else score for score in written["high"]] == list(gate.high)
        assert [inf if score is None else score for score in written["low"]] == list(gate.low)
        assert written["basis"] == list(gate.basis)


def test_a_hard_gate_has_one_threshold_and_full_weights():
    found = Detections(np.zeros((3, 4), np.float32), np.array([0.7, 0.69, 0.9], np.float32), np.array([0, 1, 1]))
    gate = Gate.hard(0.7, 2)
    assert gate.objects(found).tolist() == [True, False, True]
    assert not gate.ignored(found).any()
    assert gate.class_weights(found).tolist() == [1, 1, 1]


def test_a_class_weight_is_the_share_of_correct_labels_about_that_score():
    annotations, labels = one_class([(0.9, True)] * 4 + [(0.5, True), (0.5, False)] * 2 + [(0.2, False)] * 3)
    gate = fitted(annotations, labels)
    found = Detections(
        np.zeros((5, 4), np.float32), np.array([0.95, 0.7, 0.5, 0.3, 0.1], np.float32), np.zeros(5, np.int64)
    )
    assert gate.class_weights(found).tolist() == [1, 0.5, 0.5, 0, 0]


def test_the_best_of_labels_in_one_place_stays_whatever_their_classes():
    xyxy = np.array([[0, 0, 10, 10], [0, 0, 10, 9], [0, 0, 10, 5], [30, 30, 40, 40]], np.float32)
    found = Detections(xyxy, np.array([0.5, 0.8, 0.4, 0.3], np.float32), np.array([0, 1, 0, 0]))
    assert not_duplicated(found, 0.6).tolist() == [False, True, True, True]
    twice = found.select(np.array([3, 3]))
    assert not_duplicated(twice, 0.6).sum() == 1


def masked(agreement: float | None, estimate: float | None) -> PackedDetections:
    """A label of 10 by 10 pixels whose mask fills its upper half."""
    masks = np.zeros((1, 60, 60), bool)
    masks[0, 0:5, 0:10] = True
    return PackedDetections.pack(
        Detections(
            np.array([[0, 0, 10, 10]], np.float32),
            np.array([0.9], np.float32),
            np.zeros(1, np.int64),
            masks,
            mask_scores=None if estimate is None else np.array([estimate], np.float32),
            box_agreement=None if agreement is None else np.array([agreement], np.float32),
        )
    )


@pytest.mark.parametrize(
    ("agreement", "estimate", "reliability", "box"),
    [(0.9, 0.8, 0.72, 1), (0.9, 0.7, 0.63, 0), (0.0, 1.0, 0, 0), (None, 0.5, 0.25, 0), (None, None, 0.5, 0)],
)
def test_the_reliability_of_a_label_weighs_its_mask_and_decides_about_its_box(agreement, estimate, reliability, box):
    """Where the finder's box is not told apart, the label's own is compared with its mask; the class is untouched."""
    annotations, _ = world(0, images=1)
    labels = Predictions({0: masked(agreement, estimate)}, annotations.class_names, SEARCHED)
    weights = gated(labels, Gate.hard(0.5, 2), GATE, split=annotations).weights[0]
    assert weights.masks.tolist() == pytest.approx([reliability])
    assert weights.boxes.tolist() == [box]
    assert weights.classes.tolist() == [1]


def test_a_label_without_a_mask_is_taken_at_its_word():
    annotations, rng = world(0, images=1)
    weights = gated(noisy(annotations, rng), Gate.hard(0.0, 2), GATE, split=annotations).weights[0]
    assert (weights.boxes == 1).all()
    assert (weights.masks == 1).all()


def test_an_image_that_is_mostly_ignored_is_left_out_by_name_and_its_labels_are_not_counted():
    annotations, _ = world(0, images=2)
    large = Detections(
        np.array([[0, 0, 60, 20], [0, 15, 60, 31], [50, 50, 59, 59]], np.float32),
        np.array([0.5, 0.5, 0.9], np.float32),
        np.zeros(3, np.int64),
    )
    labels = predictions(annotations, {0: large, 1: large.select(np.array([0, 2]))})
    passed = gated(labels, replace(Gate.hard(0.8, 2), low=(0.3, 0.3)), GATE, split=annotations)
    assert passed.left_out == {"0.png": pytest.approx(31 / 60)}
    assert set(passed.objects) == set(passed.weights) == {1}
    assert (passed.counts.objects, passed.counts.ignored) == (1, 1)
    assert passed.weights[1].ignored.tolist() == [True, False]
    assert passed.weights[1].classes[0] == passed.weights[1].boxes[0] == passed.weights[1].masks[0] == 0
    assert same(passed.objects[1].unmasked, labels.objects[1].unmasked)


def test_an_image_on_which_nothing_is_certain_is_left_out_and_one_on_which_nothing_is_seen_is_not():
    """It would teach nothing but the background around what is ignored."""
    annotations, _ = world(0, images=3)
    small = Detections(
        np.array([[0, 0, 6, 4], [20, 20, 26, 24]], np.float32), np.array([0.5, 0.9], np.float32), np.zeros(2, np.int64)
    )
    nothing = small.select(np.zeros(0, np.int64))
    labels = predictions(annotations, {0: small.select(np.array([0])), 1: nothing, 2: small})
    passed = gated(labels, replace(Gate.hard(0.8, 2), low=(0.3, 0.3)), GATE, split=annotations)
    assert passed.left_out == {"0.png": pytest.approx(6 * 4 / 60**2)}
    assert {image_id: len(packed) for image_id, packed in passed.objects.items()} == {1: 0, 2: 2}


@given(st.lists(st.tuples(*[st.integers(-5, 25)] * 4), max_size=6))
def test_the_share_that_boxes_cover_is_that_of_their_pixels(rows):
    xyxy = np.array([[min(a, c), min(b, d), max(a, c), max(b, d)] for a, b, c, d in rows], np.float32).reshape(-1, 4)
    pixels = np.zeros((20, 15), bool)
    for left, top, right, bottom in xyxy.clip(0).astype(int):
        pixels[top:bottom, left:right] = True
    assert covered_share(xyxy, (20, 15)) == pytest.approx(pixels.mean())
