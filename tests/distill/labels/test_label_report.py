"""What the report says of a teacher's labels before and behind the gate."""

import json
from dataclasses import replace

import numpy as np
import pytest

from gsam_edge.coco import Annotations
from gsam_edge.coco.annotations import SPLIT
from gsam_edge.coco.errors import InvalidDatasetError
from gsam_edge.coco.predictions import Predictions, PredictorInfo
from gsam_edge.distill.config import LabellingConfig
from gsam_edge.distill.labels.checking import CheckedLabels, check_labels
from gsam_edge.distill.labels.disagreement import LEGEND
from gsam_edge.pipelines.distillation import nodes
from gsam_edge.report.plots.worst_images import WorstImagesConfig, plot_worst_images
from gsam_edge.teachers.config import DetectionConfig, FloorConfig
from gsam_edge.teachers.judging.verdict import SUFFICIENT, USELESS
from gsam_edge.training.workers import WorkersConfig
from gsam_edge.vision import Detections
from support.detections import packed
from support.gates import GATE

CLASSES = ({"id": 7, "name": "ear"}, {"id": 9, "name": "label"}, {"id": 11, "name": "dent"})
SEARCHED = PredictorInfo("a detector", "d1", prompted_with_boxes=False)
FLOOR = FloorConfig(map50=0.1, mask_iou=0.5, recall=0.3, score_threshold=0.25, below="error")
CONFIG = LabellingConfig(
    workers=WorkersConfig(engine="local", count=1),
    flips=(),
    detection=DetectionConfig(score_threshold=0.1, candidates=1000, nms_iou=0.7, max_detections=30, batch_size=1),
    score_threshold=0.05,
    match_iou=0.5,
    gate=GATE,
)
SIDE = 60


def images(first: int, count: int) -> tuple[dict[str, object], ...]:
    return tuple({"id": i, "file_name": f"{i}.png", "width": SIDE, "height": SIDE} for i in range(first, first + count))


def split(first: int, count: int) -> Annotations:
    """Each image holds an ear at (5, 5) and a label at (35, 5), both 20 by 20 pixels, with masks."""
    objects = [
        {"id": 2 * image + row, "image_id": image, "category_id": category, "bbox": [x, 5, 20, 20],
         "segmentation": [[x, 5, x + 20, 5, x + 20, 25, x, 25]]}
        for image in range(first, first + count)
        for row, (category, x) in enumerate([(7, 5), (9, 35)])
    ]  # fmt: skip
    return Annotations(images(first, count), tuple(objects), CLASSES)


def boxes(*rows: tuple[int, int, float, int]) -> Detections:
    """Labels of 20 by 20 pixels with masks by (left, top, score, class)."""
    masks = np.zeros((len(rows), SIDE, SIDE), bool)
    for mask, (left, top, *_) in zip(masks, rows, strict=True):
        mask[top : top + 20, left : left + 20] = True
    xyxy = np.array([[left, top, left + 20, top + 20] for left, top, *_ in rows], np.float32).reshape(-1, 4)
    sure = np.full(len(rows), 0.9, np.float32)
    scores, classes = np.array([row[2] for row in rows], np.float32), np.array([row[3] for row in rows], np.int64)
    return Detections(xyxy, scores, classes, masks, mask_scores=sure, box_agreement=np.ones(len(rows), np.float32))


#: The ear is found for sure, the label with a middling score beside a wrong one of the same score.
USUAL = [(5, 5, 0.9, 0), (35, 5, 0.5, 1), (5, 35, 0.5, 1), (35, 35, 0.05, 0)]


def labelled(annotations: Annotations, **answers: Detections) -> Predictions:
    """The usual labels of every image; `i3` are those of image 3."""
    objects = {i: answers.get(f"i{i}", boxes(*USUAL)) for i in annotations.image_by_id}
    return Predictions(packed(objects), annotations.class_names, SEARCHED)


TRAIN, VAL = split(0, 4), split(10, 6)
#: Of four pooled images, the truth of two was held back.
HELD_BACK = split(20, 2)
POOL = Annotations(images(20, 4), (), CLASSES)


def checked(
    train: Predictions,
    val: Predictions,
    pool: Predictions,
    *,
    pooled: Annotations = POOL,
    config: LabellingConfig = CONFIG,
    count: int = 3,
) -> CheckedLabels:
    return check_labels(
        {"train": TRAIN, "val": VAL, "pool": pooled},
        {"train": TRAIN, "val": VAL, "pool": HELD_BACK},
        {"train": train, "val": val, "pool": pool},
        config,
        FLOOR,
        store={"hits": 3, "new": 11},
        count=count,
    )


def test_the_report_measures_labels_before_and_behind_the_gate():
    """All ears are right and pass; half of the labels are, and all are ignored; one ear of the lowest score is gone."""
    report = checked(labelled(TRAIN), labelled(VAL), labelled(POOL)).report
    json.dumps(report, allow_nan=False)
    assert (report["teacher"], report["prompt"], report["boxes"]) == ("a detector", "class names", "of the finder")
    assert report["store"] == {"hits": 3, "new": 11}
    assert report["gate"] == {
        "ear": {
            "high": pytest.approx(0.9),
            "low": pytest.approx(0.9),
            "basis": "its own labels",
            "objects": 6,
            "labels": 12,
        },
        "label": {"low": 0.5, "basis": "its own labels", "objects": 6, "labels": 12},
        "dent": {
            "high": pytest.approx(0.9),
            "low": 0.5,
            "basis": "the labels of all classes",
            "objects": 0,
            "labels": 0,
        },
    }
    val = report["val"]
    assert (val["images"], val["labels"], val["empty_masks"]) == (6, 24, 0)
    assert (val["precision"], val["recall"], val["mask_iou"]) == (0.5, 1, 1)
    behind = val["gated"]
    assert (behind["images"], behind["objects"], behind["ignored"], behind["background"]) == (6, 6, 12, 6)
    assert (behind["precision"], behind["recall"], behind["mask_iou"]) == (1, 0.5, 1)
    assert (behind["reliability"], behind["boxes_taught"]) == (pytest.approx(0.9), 1)
    assert behind["per_class"]["label"] == {"recall": 0}
    assert (report["verdict"], report["train"]["gated"]["objects"]) == (SUFFICIENT, 4)


def test_of_the_pool_only_images_with_truth_are_measured_and_all_are_counted():
    report = checked(labelled(TRAIN), labelled(VAL), labelled(POOL, i20=boxes(), i23=boxes())).report["pool"]
    assert (report["images"], report["labels"], report["gated"]["images"]) == (4, 8, 4)
    assert (report["gated"]["recall"], report["gated"]["precision"]) == (0.25, 1)
    bare = check_labels(
        {"train": TRAIN, "val": VAL, "pool": POOL},
        {"train": TRAIN, "val": VAL, "pool": replace(POOL, images=())},
        {"train": labelled(TRAIN), "val": labelled(VAL), "pool": labelled(POOL)},
        CONFIG,
        FLOOR,
        store={},
        count=1,
    ).report["pool"]
    assert not {"recall", "precision", "per_class"} & (set(bare) | set(bare["gated"]))
    assert bare["gated"]["objects"] == 4


def test_labels_of_other_images_are_refused():
    """With those of an earlier pool, or of the images before they were split again."""
    train, val, pool = labelled(TRAIN), labelled(VAL), labelled(POOL)
    for message, stale in {
        "teacher_labels: expected labels of the 4 present images": (val, val, pool),
        "teacher_labels_pool: expected labels of the 4 present images": (train, val, labelled(HELD_BACK)),
        "teacher_labels_val: expected one made from the present splits": (train, replace(val, split="old"), pool),
    }.items():
        with pytest.raises(InvalidDatasetError, match=message):
            checked(*stale)
    with pytest.raises(InvalidDatasetError, match="annotations_pool: expected a part of the same split"):
        checked(train, val, pool, pooled=replace(POOL, info={SPLIT: "old"}))


def test_an_image_that_is_left_out_is_named():
    spread = boxes(*[(left, top, 0.5, 1) for left in (0, 20, 40) for top in (0, 20, 40)])
    report = checked(labelled(TRAIN, i2=spread), labelled(VAL), labelled(POOL)).report
    assert report["train"]["gated"]["left_out"] == [{"image": "2.png", "ignored": 1.0}]


@pytest.mark.parametrize(("left_out", "recall"), [(6, 0), (4, 1 / 6), (2, 1 / 3)])
def test_objects_of_images_that_are_left_out_are_not_held(left_out, recall, caplog):
    """Were they not counted, labels that the gate leaves out nearly everywhere would be judged by what is left."""
    few = [(5, 5, 0.9, 0), (35, 5, 0.5, 1)]  # the ear passes, the label does not
    many = boxes(*few, *[(left, top, 0.5, 1) for left in (0, 20, 40) for top in (20, 40)])
    val = {f"i{i}": many if i < 10 + left_out else boxes(*few) for i in VAL.image_by_id}
    report = checked(labelled(TRAIN), labelled(VAL, **val), labelled(POOL)).report
    assert len(report["val"]["gated"]["left_out"]) == left_out
    assert report["val"]["gated"]["recall"] == pytest.approx(recall)
    assert ("few labels pass the gate" in caplog.text) == (recall < FLOOR.recall)
    assert report["verdict"] == SUFFICIENT


def test_classes_that_teach_nothing_are_told_with_what_to_try(caplog):
    advice = checked(labelled(TRAIN), labelled(VAL), labelled(POOL)).report["advice"]
    assert [line.split(":")[0] for line in advice] == ["'label'", "'dent'"]
    assert "at no score are 85% of its labels correct" in advice[0]
    assert "labelling.gate.precision" in advice[0]
    assert "no validation object" in advice[1]
    blind = {f"i{i}": boxes((5, 5, 0.9, 0)) for i in VAL.image_by_id}
    advice = checked(labelled(TRAIN), labelled(VAL, **blind), labelled(POOL)).report["advice"]
    assert "finds none of its 6 validation objects" in advice[0]
    assert advice[0] in caplog.text


@pytest.mark.parametrize(("min_objects", "verdict"), [(6, USELESS), (7, SUFFICIENT)])
def test_a_class_that_is_never_found_ends_the_run_unless_it_has_too_few_objects_to_tell(min_objects, verdict):
    """The six labels of the validation images are missed, the ears are found."""
    blind = {f"i{i}": boxes((5, 5, 0.9, 0)) for i in VAL.image_by_id}
    config = CONFIG.model_copy(update={"gate": CONFIG.gate.model_copy(update={"min_objects": min_objects})})
    report = checked(labelled(TRAIN), labelled(VAL, **blind), labelled(POOL), config=config).report
    assert report["verdict"] == verdict
    assert ("none of the 6 validation objects of 'label' is found" in report["why"]) == (verdict == USELESS)


@pytest.mark.parametrize("answer", [boxes(), boxes((30, 35, 0.9, 0))])
def test_where_nothing_is_right_the_labels_are_useless(answer):
    val = {f"i{i}": answer for i in VAL.image_by_id}
    report = checked(labelled(TRAIN), labelled(VAL, **val), labelled(POOL)).report
    assert report["verdict"] == USELESS
    assert "of 100 objects the labels hold about 0" in report["why"]
    assert report["pool"]["gated"]["objects"] == 0
    assert not {"reliability", "boxes_taught"} & set(report["pool"]["gated"])


def test_labels_in_the_true_boxes_are_judged_by_their_masks():
    """And none is taken for the double of another, however much true boxes overlap."""
    prompted = replace(SEARCHED, prompted_with_boxes=True)

    def given(annotations: Annotations) -> Predictions:
        truth = {i: annotations.truth(i) for i in annotations.image_by_id}
        half = {i: replace(each, masks=each.masks & (np.arange(SIDE) < 45)) for i, each in truth.items()}
        return Predictions(packed(half), annotations.class_names, prompted)

    nothing = replace(POOL, images=())
    result = checked(given(TRAIN), given(VAL), given(nothing), pooled=nothing)
    report = result.report
    assert (report["prompt"], report["boxes"], report["advice"]) == ("true boxes", "given", [])
    assert report["val"]["gated"]["mask_iou"] == pytest.approx(0.75)
    assert (report["verdict"], report["gate"]["ear"]["basis"]) == (SUFFICIENT, "given")
    assert result.disagreements[0].why == "mask IoU 0.75, worst of 2: 0.50"


#: Image 1 lacks a true ear; in image 2 the teacher misses the label, which is said to be an ear; image 3 is as usual.
MISTAKEN = {"i1": boxes(*USUAL, (35, 35, 0.95, 0)), "i2": boxes((5, 5, 0.9, 0), (35, 5, 0.95, 0))}


def test_images_on_which_labels_and_truth_disagree_are_listed_the_most_first_and_drawn():
    result = checked(labelled(TRAIN, **MISTAKEN), labelled(VAL), labelled(POOL))
    assert result.report["disagreements"] == [
        {"image": "2.png", "why": "labels without truth: 1, truth without label: 1"},
        {"image": "1.png", "why": "labels without truth: 1, truth without label: 0"},
    ]
    rows = [
        each.row({f"{i}.png": np.full((SIDE, SIDE, 3), 90, np.uint8) for i in range(4)})
        for each in result.disagreements
    ]
    assert rows[0].truth_lines == ["solid", "dotted"]
    assert rows[1].found_lines == ["solid", "dashed", "dashed", "solid"]
    figure = plot_worst_images(rows, TRAIN.class_names, title="disagreement", image_width=200, legend=LEGEND)
    written = [text.get_text() for legend in figure.legends for text in legend.get_texts()]
    assert written == list(LEGEND.values())


def test_without_disagreement_the_sheet_says_so():
    result = checked(labelled(TRAIN), labelled(VAL), labelled(POOL))
    assert result.disagreements == []
    figure = plot_worst_images([], TRAIN.class_names, title="disagreement", image_width=200, legend=LEGEND)
    assert "no image" in figure.texts[0].get_text()


def test_the_node_gives_gate_report_and_sheet():
    pixels = {f"{i}.png": np.full((SIDE, SIDE, 3), 90, np.uint8) for i in range(30)}
    gate, report, sheet = nodes.check_labels(
        train=TRAIN,
        val=VAL,
        pool=POOL,
        held_back=HELD_BACK,
        teacher_labels=labelled(TRAIN, **MISTAKEN),
        teacher_labels_val=labelled(VAL),
        teacher_labels_pool=labelled(POOL),
        counts={"train": {"hits": 1, "new": 3}, "val": {"hits": 0, "new": 6}},
        images=pixels,
        labelling=CONFIG,
        floor=FLOOR,
        shown=WorstImagesConfig(count=1, image_width=120),
    )
    assert gate["high"][0] == pytest.approx(0.9)
    json.dumps(gate, allow_nan=False)
    assert report["store"] == {"hits": 1, "new": 9}
    assert [axes.get_title(loc="left") for axes in sheet.axes] == ["truth: 2.png", report["disagreements"][0]["why"]]
