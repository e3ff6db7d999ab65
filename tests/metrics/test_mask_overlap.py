from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pycocotools import mask as coco_mask

from gsam_edge.coco.annotations import Annotations
from gsam_edge.metrics.detection import evaluate_predictions
from gsam_edge.metrics.mask_overlap import match_boxes, matched_mask_iou, paired_mask_iou
from gsam_edge.vision import Detections
from gsam_edge.vision.masks import paired_iou
from support.detections import packed


def square(left, top, side=10):
    return [[left, top, left + side, top, left + side, top + side, left, top + side]]


def annotations(*objects):
    """Objects as (image id, category id, left, top), squares of 10 pixels in images of 40."""
    return Annotations.from_coco(
        {
            "images": [{"id": i, "file_name": f"{i}.png", "height": 40, "width": 40} for i in (1, 2, 3)],
            "annotations": [
                {"id": row, "image_id": i, "category_id": c, "bbox": [x, y, 10, 10], "segmentation": square(x, y)}
                for row, (i, c, x, y) in enumerate(objects)
            ],
            "categories": [{"id": 5, "name": "a"}, {"id": 9, "name": "b"}],
        }
    )


TRUTH = annotations((1, 5, 0, 0), (1, 9, 20, 20), (2, 5, 4, 4))


def perfect(truth):
    return {image["id"]: truth.truth(image["id"]) for image in truth.images}


def boxes(*xyxy, scores=None, class_ids=None):
    count = len(xyxy)
    return Detections(
        np.array(xyxy, np.float32).reshape(-1, 4),
        np.array([1.0] * count if scores is None else scores, np.float32),
        np.array([0] * count if class_ids is None else class_ids, np.int64),
    )


class TestPaired:
    def test_perfect(self):
        overlap = paired_mask_iou(TRUTH, packed(perfect(TRUTH)))
        assert (overlap.mean_iou, overlap.compared, overlap.objects) == (1, 3, 3)

    def test_mean_over_objects_not_images(self):
        predictions = perfect(TRUTH)
        half = predictions[2].masks.copy()
        half[:, :, 9:] = False  # 5 of the 10 columns stay
        overlap = paired_mask_iou(TRUTH, packed(predictions | {2: replace(predictions[2], masks=half)}))
        assert overlap.mean_iou == pytest.approx((1 + 1 + 0.5) / 3)

    def test_an_object_without_a_mask_is_left_out(self):
        bare = {key: value for key, value in TRUTH.objects[0].items() if key != "segmentation"}
        partial = Annotations(TRUTH.images, (bare, *TRUTH.objects[1:]), TRUTH.categories)
        overlap = paired_mask_iou(partial, packed(perfect(TRUTH)))
        assert (overlap.mean_iou, overlap.compared, overlap.objects) == (1, 2, 2)

    def test_no_masks_in_the_truth(self):
        bare = tuple({k: v for k, v in record.items() if k != "segmentation"} for record in TRUTH.objects)
        assert paired_mask_iou(Annotations(TRUTH.images, bare, TRUTH.categories), {}) is None

    @pytest.mark.parametrize(
        ("found", "got"),
        [
            (None, "got none"),
            (Detections.empty(mask_hw=(40, 40)), "got 0 with masks: True"),
            (replace(TRUTH.truth(1), masks=None), "got 2 with masks: False"),
        ],
    )
    def test_rows_that_do_not_answer_the_objects(self, found, got):
        predictions = perfect(TRUTH) | {1: found}
        if found is None:
            del predictions[1]
        with pytest.raises(ValueError, match=f"image 1: expected 2 rows with masks, {got}"):
            paired_mask_iou(TRUTH, packed(predictions))


class TestMatched:
    def test_perfect(self):
        overlap = matched_mask_iou(TRUTH, packed(perfect(TRUTH)), 0.5)
        assert (overlap.mean_iou, overlap.compared, overlap.objects) == (1, 3, 3)

    def test_what_was_not_found_is_counted_but_does_not_lower_the_mean(self):
        overlap = matched_mask_iou(TRUTH, packed({2: TRUTH.truth(2)}), 0.5)
        assert (overlap.mean_iou, overlap.compared, overlap.objects) == (1, 1, 3)

    def test_another_class_is_no_match(self):
        swapped = {i: replace(found, class_ids=1 - found.class_ids) for i, found in perfect(TRUTH).items()}
        assert matched_mask_iou(TRUTH, packed(swapped), 0.5) is None

    def test_a_model_without_masks(self):
        bare = {i: replace(found, masks=None) for i, found in perfect(TRUTH).items()}
        assert matched_mask_iou(TRUTH, packed(bare), 0.5) is None


@given(seed=st.integers(0, 2**32 - 1))
def test_masks_are_compared_as_their_pixels_are_and_never_decoded(seed):
    """To the last bit, at every overlap: the same masks, shifted, and none at all."""
    rng = np.random.default_rng(seed)
    shifts = {image_id: rng.integers(-6, 7, 2) for image_id in (1, 2, 3)}
    predictions = {
        image_id: replace(found, masks=np.roll(found.masks, shifts[image_id], (1, 2)) & (rng.random((40, 40)) < 0.9))
        for image_id, found in perfect(TRUTH).items()
    }
    pixels = np.concatenate([paired_iou(found.masks, TRUTH.truth(i).masks) for i, found in predictions.items()])
    ready = packed(predictions)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(coco_mask, "decode", lambda _: pytest.fail("a mask was decoded"))
        truth = Annotations(TRUTH.images, TRUTH.objects, TRUTH.categories)
        paired, matched = paired_mask_iou(truth, ready), matched_mask_iou(truth, ready, 0.5)
    assert paired.mean_iou == matched.mean_iou == float(np.mean(pixels.tolist()))


def test_polygons_are_drawn_once_for_all_metrics(monkeypatch):
    drawn, draw = [], coco_mask.frPyObjects
    monkeypatch.setattr(coco_mask, "frPyObjects", lambda polygons, *hw: drawn.append(polygons) or draw(polygons, *hw))
    truth, found = Annotations(TRUTH.images, TRUTH.objects, TRUTH.categories), packed(perfect(TRUTH))
    drawn.clear()
    assert evaluate_predictions(truth, found, "bbox")
    assert drawn == []
    assert evaluate_predictions(truth, found, "segm")
    assert matched_mask_iou(truth, found, 0.5)
    assert paired_mask_iou(truth, found)
    assert len(drawn) == len(truth.objects)


def test_masks_of_another_size_than_their_truth_are_refused():
    small = {image_id: replace(found, masks=found.masks[:, ::2]) for image_id, found in perfect(TRUTH).items()}
    with pytest.raises(ValueError, match=r"expected masks of one size, got \[40, 40\] and \[20, 40\]"):
        paired_mask_iou(TRUTH, packed(small))


class TestMatchBoxes:
    def test_the_better_score_takes_the_object(self):
        predicted = boxes([0, 0, 10, 10], [0, 0, 10, 9], scores=[0.3, 0.8])
        assert match_boxes(predicted, boxes([0, 0, 10, 10]), 0.5) == [(1, 0)]

    def test_the_best_overlap_is_taken_and_the_rest_stays_free(self):
        predicted = boxes([0, 0, 10, 10], [0, 0, 10, 8], scores=[0.9, 0.8])
        objects = boxes([0, 0, 10, 7], [0, 0, 10, 10])
        assert match_boxes(predicted, objects, 0.5) == [(0, 1), (1, 0)]

    @pytest.mark.parametrize(("threshold", "pairs"), [(0.5, [(0, 0)]), (0.51, [])])
    def test_the_threshold_itself_counts(self, threshold, pairs):
        assert match_boxes(boxes([0, 0, 10, 5]), boxes([0, 0, 10, 10]), threshold) == pairs

    def test_nothing_and_nothing(self):
        assert match_boxes(boxes(), boxes(), 0.5) == []
        assert match_boxes(boxes([0, 0, 1, 1]), boxes(), 0.5) == []
        assert match_boxes(boxes(), boxes([0, 0, 1, 1]), 0.5) == []

    @given(seed=st.integers(0, 2**32 - 1), threshold=st.floats(0.05, 1))
    def test_one_to_one_of_one_class_above_the_threshold(self, seed, threshold):
        from gsam_edge.vision.boxes import box_iou

        rng = np.random.default_rng(seed)
        corner = rng.integers(0, 20, (12, 2))
        xyxy = np.concatenate([corner, corner + rng.integers(1, 20, (12, 2))], axis=1)
        classes = rng.integers(0, 2, 12)
        predicted = boxes(*xyxy[:6], scores=rng.random(6), class_ids=classes[:6])
        objects = boxes(*xyxy[6:], class_ids=classes[6:])
        pairs = match_boxes(predicted, objects, threshold)
        rows, targets = [row for row, _ in pairs], [target for _, target in pairs]
        assert len(set(rows)) == len(rows)
        assert len(set(targets)) == len(targets)
        overlap = box_iou(predicted.xyxy, objects.xyxy)
        for row, target in pairs:
            assert overlap[row, target] >= threshold
            assert predicted.class_ids[row] == objects.class_ids[target]
