"""Figures of a split in which images count several times are those of a split that holds them several times."""

from dataclasses import replace

import numpy as np
import pytest

from gsam_edge.metrics.detection import coco_metrics
from gsam_edge.metrics.mask_overlap import paired_mask_iou, paired_mask_ious
from gsam_edge.metrics.resampling import IOU_50, IOUS_50_95, resampled_map, resampled_mean_iou
from support.detections import packed
from support.random_coco import random_world
from support.repeated import repeated


@pytest.mark.parametrize("iou_type", ["bbox", "segm"])
@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize(("name", "ious"), [("map50", IOU_50), ("map50_95", IOUS_50_95)])
def test_map_is_that_of_coco_on_the_repeated_images(seed, iou_type, name, ious):
    truth, predictions = random_world(seed, images=7)
    # Scores that differ: COCO's figure depends on the order of equal ones.
    rng = np.random.default_rng(seed)
    predictions = {
        image_id: replace(found, scores=rng.random(len(found)).astype(np.float32))
        for image_id, found in predictions.items()
    }
    figure = resampled_map(truth, packed(predictions), iou_type, ious)
    every = [np.ones(7, np.int64), rng.multinomial(7, np.full(7, 1 / 7)), np.array([0, 3, 0, 1, 2, 0, 1])]
    assert figure(np.stack(every)) == pytest.approx(np.stack([figure(draws) for draws in every]), nan_ok=True)
    for draws in every:
        again, found = repeated(truth, predictions, draws)
        expected = coco_metrics(again, packed(found), iou_type).get(name, np.nan)
        # The same matches give the same curve, but the weighted curve has no points inside a repeated detection.
        assert float(figure(draws)) == pytest.approx(expected, abs=1e-9, nan_ok=True)


def test_mask_iou_is_that_of_the_repeated_images():
    truth, _ = random_world(3, images=7, crowds=False)
    shifted = {
        image["id"]: replace(objects, masks=np.roll(objects.masks, 3, axis=2))
        for image in truth.images
        for objects in [truth.truth(image["id"])]
    }
    figure = resampled_mean_iou(truth, paired_mask_ious(truth, packed(shifted)))
    for draws in (np.ones(7, np.int64), np.array([0, 3, 0, 1, 2, 0, 1])):
        again, found = repeated(truth, shifted, draws)
        assert float(figure(draws)) == pytest.approx(paired_mask_iou(again, packed(found)).mean_iou)
    assert np.isnan(figure(np.zeros(7, np.int64)))
