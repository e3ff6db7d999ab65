import contextlib
import io
import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from gsam_edge.coco.annotations import Annotations
from gsam_edge.coco.geometry.segmentation import encode_mask
from gsam_edge.metrics.detection import (
    COCO_FIGURES,
    class_map50,
    coco_metrics,
    evaluate_coco,
    evaluate_predictions,
)
from gsam_edge.vision import Detections
from support.detections import packed
from support.random_coco import SIDE, random_world


def pycocotools_metrics(truth, predictions, iou_type):
    content = truth.to_coco()
    content["annotations"] = [{**record, "id": row} for row, record in enumerate(content["annotations"], start=1)]
    results = []
    for image_id, detections in predictions.items():
        for row in range(len(detections)):
            left, top, right, bottom = (float(value) for value in detections.xyxy[row])
            shape = (
                {"bbox": [left, top, right - left, bottom - top]}
                if iou_type == "bbox"
                else {"segmentation": encode_mask(detections.masks[row])}
            )
            category_id = truth.categories[int(detections.class_ids[row])]["id"]
            score = float(detections.scores[row])
            results.append({"image_id": image_id, "category_id": category_id, "score": score, **shape})
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO()
        coco.dataset = content
        coco.createIndex()
        evaluation = COCOeval(coco, coco.loadRes(results), iou_type)
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return {name: value for name, value in zip(COCO_FIGURES, evaluation.stats, strict=True) if value != -1}


def perfect(truth):
    return {image["id"]: truth.truth(image["id"]) for image in truth.images}


@pytest.mark.parametrize("iou_type", ["bbox", "segm"])
@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_equals_pycocotools(iou_type, seed):
    truth, predictions = random_world(seed)
    if not any(len(detections) for detections in predictions.values()):
        return  # pycocotools cannot read an empty list of results
    assert coco_metrics(truth, packed(predictions), iou_type) == pytest.approx(
        pycocotools_metrics(truth, predictions, iou_type), abs=1e-12
    )


@pytest.mark.parametrize("iou_type", ["bbox", "segm"])
class TestBothKinds:
    def test_perfect_predictions_give_one(self, iou_type):
        truth, _ = random_world(3)
        figures = coco_metrics(truth, packed(perfect(truth)), iou_type)
        assert figures["map50_95"] == pytest.approx(1)
        assert figures["map50"] == pytest.approx(1)
        assert figures["mar_100"] == pytest.approx(1)

    @pytest.mark.parametrize("predictions", ["none", "empty"])
    def test_no_predictions_give_zero(self, iou_type, predictions):
        truth, _ = random_world(3)
        empty = (
            {} if predictions == "none" else dict.fromkeys(truth.image_by_id, Detections.empty(mask_hw=(SIDE, SIDE)))
        )
        figures = coco_metrics(truth, packed(empty), iou_type)
        assert figures
        assert set(figures.values()) == {0.0}

    def test_an_image_without_an_entry_counts_as_empty(self, iou_type):
        truth, predictions = random_world(5)
        first = next(iter(predictions))
        emptied = predictions | {first: Detections.empty(mask_hw=(SIDE, SIDE))}
        absent = {image_id: found for image_id, found in predictions.items() if image_id != first}
        assert coco_metrics(truth, packed(absent), iou_type) == coco_metrics(truth, packed(emptied), iou_type)

    def test_figures_without_objects_are_absent(self, iou_type):
        truth, predictions = random_world(5)
        figures = coco_metrics(truth, packed(predictions), iou_type)
        assert "map_large" not in figures  # nothing reaches 96 x 96 pixels here
        assert "mar_large" not in figures
        assert -1 not in figures.values()

    def test_a_split_without_objects_has_no_figures(self, iou_type):
        truth, predictions = random_world(5)
        without = Annotations(truth.images, truth.objects[:0], truth.categories)
        assert coco_metrics(without, packed(predictions), iou_type) == {}

    def test_unknown_image(self, iou_type):
        truth, predictions = random_world(5)
        with pytest.raises(ValueError, match="image 999: expected one of the 5 images"):
            coco_metrics(truth, packed({999: predictions[10]}), iou_type)

    def test_unknown_class(self, iou_type):
        truth, _ = random_world(3)
        wrong = {i: replace(found, class_ids=found.class_ids + 7) for i, found in perfect(truth).items()}
        with pytest.raises(ValueError, match=r"expected class ids 0\.\.2, got"):
            coco_metrics(truth, packed(wrong), iou_type)

    def test_nan(self, iou_type):
        truth, _ = random_world(3)
        wrong = {i: replace(found, scores=found.scores * np.float32(np.nan)) for i, found in perfect(truth).items()}
        with pytest.raises(ValueError, match="expected finite boxes and scores"):
            coco_metrics(truth, packed(wrong), iou_type)

    def test_prints_nothing_and_changes_nothing(self, iou_type, capfd):
        truth, predictions = random_world(5)
        before = json.dumps(truth.to_coco())
        first = coco_metrics(truth, packed(predictions), iou_type)
        assert coco_metrics(truth, packed(predictions), iou_type) == first
        assert json.dumps(truth.to_coco()) == before
        assert capfd.readouterr() == ("", "")

    def test_a_detection_inside_a_crowd_is_neither_right_nor_wrong(self, iou_type):
        truth, _ = random_world(3, crowds=False)
        crowd = {**truth.objects[0], "iscrowd": 1}
        with_crowd = Annotations(truth.images, (crowd, *truth.objects[1:]), truth.categories)
        assert coco_metrics(with_crowd, packed(perfect(truth)), iou_type)["map50"] == pytest.approx(1)

    def test_per_class(self, iou_type):
        truth, _ = random_world(3, crowds=False)
        spoilt = {i: found.select(found.class_ids != 1) for i, found in perfect(truth).items()}
        figures = class_map50(truth, evaluate_predictions(truth, packed(spoilt), iou_type))
        names = truth.class_names
        assert figures == pytest.approx({names[0]: 1, names[1]: 0, names[2]: 1})

    def test_a_missing_area_is_computed(self, iou_type):
        truth, predictions = random_world(5)
        bare = tuple({key: value for key, value in record.items() if key != "area"} for record in truth.objects)
        without = Annotations(truth.images, bare, truth.categories)
        found = packed(predictions)
        assert coco_metrics(without, found, iou_type) == coco_metrics(truth, found, iou_type)


def without_masks(predictions):
    return {image_id: replace(found, masks=None) for image_id, found in predictions.items()}


class TestMasks:
    def test_masks_are_compared_without_being_decoded_or_encoded(self, monkeypatch):
        truth, predictions = random_world(5)
        ready = packed(predictions)
        for name in ("decode", "encode"):
            monkeypatch.setattr(coco_mask, name, lambda _: pytest.fail("a mask was decoded or encoded"))
        assert coco_metrics(truth, ready, "segm")

    def test_a_truth_without_masks_has_no_mask_figures(self):
        truth, predictions = random_world(5)
        boxes = tuple({k: v for k, v in record.items() if k != "segmentation"} for record in truth.objects)
        assert coco_metrics(Annotations(truth.images, boxes, truth.categories), packed(predictions), "segm") == {}

    def test_a_model_without_masks_has_no_mask_figures(self):
        truth, predictions = random_world(5)
        assert coco_metrics(truth, packed(without_masks(predictions)), "segm") == {}

    def test_boxes_without_masks_beside_masks(self):
        truth, predictions = random_world(5)
        image_id = max(predictions, key=lambda i: len(predictions[i]))
        mixed = predictions | {image_id: replace(predictions[image_id], masks=None)}
        with pytest.raises(ValueError, match=r"expected masks of \(height, width\) \(128, 128\), got none"):
            coco_metrics(truth, packed(mixed), "segm")

    def test_masks_of_another_size(self):
        truth, predictions = random_world(5)
        image_id = max(predictions, key=lambda i: len(predictions[i]))
        small = replace(predictions[image_id], masks=predictions[image_id].masks[:, ::2, ::2])
        with pytest.raises(ValueError, match=r"got masks of \(64, 64\)"):
            coco_metrics(truth, packed(predictions | {image_id: small}), "segm")

    def test_boxes_of_a_truth_with_masks_only(self):
        truth, predictions = random_world(5)
        masks = tuple({k: v for k, v in record.items() if k != "bbox"} for record in truth.objects)
        masks_only = Annotations(truth.images, masks, truth.categories)
        assert coco_metrics(masks_only, packed(predictions), "bbox") == coco_metrics(truth, packed(predictions), "bbox")

    def test_an_object_without_a_mask_is_not_held_against_the_masks(self):
        truth, _ = random_world(3, crowds=False)
        first = {k: v for k, v in truth.objects[0].items() if k != "segmentation"}
        partial = Annotations(truth.images, (first, *truth.objects[1:]), truth.categories)
        assert coco_metrics(partial, packed(perfect(truth)), "segm")["map50"] == pytest.approx(1)


def test_plain_results_for_an_unknown_image():
    truth, _ = random_world(3)
    result = {"image_id": 4711, "category_id": truth.categories[0]["id"], "score": 1.0, "bbox": [0, 0, 5, 5]}
    with pytest.raises(ValueError, match=r"expected only image_ids of the truth .* got also \[4711\]"):
        evaluate_coco(truth.to_coco(), [result], "bbox")
