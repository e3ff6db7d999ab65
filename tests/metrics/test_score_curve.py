"""Precision and recall of labels by score."""

import contextlib
import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from gsam_edge.coco.predictions import Predictions, PredictorInfo
from gsam_edge.metrics.score_curve import ScoreCurve, score_curves
from support.detections import packed
from support.random_coco import random_world


def coco_precision(truth, predictions):
    """Returns pycocotools' precision of boxes at IoU 0.5, [101 recalls, classes], and its recall [classes]."""
    content = truth.to_coco()
    content["annotations"] = [{**record, "id": row} for row, record in enumerate(content["annotations"], start=1)]
    results = [
        {
            "image_id": image_id,
            "category_id": truth.categories[int(class_id)]["id"],
            "score": float(score),
            "bbox": [float(value) for value in (*box[:2], *(box[2:] - box[:2]))],
        }
        for image_id, found in predictions.items()
        for box, score, class_id in zip(found.xyxy, found.scores, found.class_ids, strict=True)
    ]
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO()
        coco.dataset = content
        coco.createIndex()
        evaluation = COCOeval(coco, coco.loadRes(results), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
    return evaluation.eval["precision"][0, :, :, 0, -1], evaluation.eval["recall"][0, :, 0, -1]


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_precision_and_recall_are_those_of_pycocotools(seed):
    """Of every class with objects; scores are made different, since COCO splits labels of one score by their order."""
    truth, predictions = random_world(seed, images=12, crowds=False)
    predictions = {  # COCO ignores boxes of negative area
        i: found.select((found.xyxy[:, 2:] > found.xyxy[:, :2]).all(1)) for i, found in predictions.items()
    }
    ranks = iter(np.random.default_rng(seed).permutation(1000).tolist())
    for found in predictions.values():
        found.scores[:] = [next(ranks) / 1000 for _ in found.scores]
    if not truth.objects or not any(map(len, predictions.values())):
        return
    labels = Predictions(packed(predictions), truth.class_names, PredictorInfo("one", "d", prompted_with_boxes=False))
    curves, together = score_curves(truth, labels, match_iou=0.5)
    precision, recall = coco_precision(truth, predictions)
    for class_id, curve in enumerate(curves):
        if not curve.objects:
            assert recall[class_id] == -1
            continue
        envelope = np.append(np.maximum.accumulate(curve.precision[::-1])[::-1], 0)
        reached = np.searchsorted(curve.recall, np.linspace(0, 1, 101), side="left")
        np.testing.assert_allclose(envelope[reached], precision[:, class_id], atol=1e-12)
        assert (curve.recall[-1] if len(curve.recall) else 0) == pytest.approx(recall[class_id])
    assert together.objects == sum(curve.objects for curve in curves)
    assert len(together.scores) == sum(len(curve.scores) for curve in curves)


def test_labels_of_one_score_are_taken_together():
    curve = ScoreCurve.of([0.5, 0.9, 0.5, 0.2], [True, True, False, False], 4)
    assert curve.scores.tolist() == pytest.approx([0.9, 0.5, 0.2])
    assert curve.precision.tolist() == pytest.approx([1, 2 / 3, 1 / 2])
    assert curve.recall.tolist() == [0.25, 0.5, 0.5]


def test_a_curve_may_be_empty():
    curve = ScoreCurve.of([], [], 0)
    assert len(curve.precision) == len(curve.recall) == len(curve.calibrated()) == 0


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), max_size=30))
def test_calibrated_scores_fall_and_keep_the_number_of_correct_labels(rows):
    """The mean over all labels of a probability is the share of correct ones; the best stretch has the best share."""
    curve = ScoreCurve.of([score / 5 for score, _ in rows], [right for _, right in rows], 3)
    chances = curve.calibrated()
    assert (np.diff(chances) <= 1e-12).all()
    assert ((chances >= 0) & (chances <= 1)).all()
    if rows:
        assert np.dot(chances, np.diff(curve.labels, prepend=0)) == pytest.approx(sum(right for _, right in rows))
        assert chances[0] == pytest.approx(curve.precision.max())
