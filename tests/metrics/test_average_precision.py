import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gsam_edge.metrics.average_precision import average_precision
from gsam_edge.vision import Detections


def found(xyxy, scores, class_ids=None):
    n = len(scores)
    return Detections(
        np.asarray(xyxy, np.float32).reshape(n, 4),
        np.asarray(scores, np.float32),
        np.asarray(class_ids if class_ids is not None else [0] * n, np.int64),
    )


A, B = [0, 0, 10, 10], [20, 20, 40, 40]


def test_perfect_detections_score_one_and_none_scores_zero():
    truth = [found([A, B], [1, 1], [0, 1])]
    assert average_precision(truth, truth, 0.5) == 1
    assert average_precision(truth, [Detections.empty()], 0.5) == 0


def test_a_second_detection_of_an_object_is_wrong_and_costs_only_when_it_ranks_higher():
    truth = [found([A], [1]), found([B], [1])]
    late = [found([A, A], [0.9, 0.2]), found([B], [0.8])]
    early = [found([A, A], [0.9, 0.7]), found([B], [0.6])]
    assert average_precision(truth, late, 0.5) == 1
    # recall 0.5 at precision 1 (51 of 101 points), then 2 right of 3
    assert average_precision(truth, early, 0.5) == pytest.approx((51 + 50 * 2 / 3) / 101)


def test_the_class_must_match():
    assert average_precision([found([A], [1], [0])], [found([A], [1], [1])], 0.5) == 0


def test_classes_count_equally():
    truth = [found([A, B, B], [1, 1, 1], [0, 1, 1])]
    assert average_precision(truth, [found([A], [1], [0])], 0.5) == pytest.approx(0.5)


def test_images_must_agree_in_number_and_hold_something():
    with pytest.raises(ValueError, match=r"as many predictions as truths \(1\), got 0"):
        average_precision([found([A], [1])], [], 0.5)
    with pytest.raises(ValueError, match="at least one labelled object"):
        average_precision([Detections.empty()], [Detections.empty()], 0.5)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([0.5, 0.75]))
def test_equals_pycocotools_at_any_overlap(seed, iou):
    from contextlib import redirect_stdout
    from io import StringIO

    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    rng = np.random.default_rng(seed)
    truths, predictions, labelled, results = [], [], [], []
    for image_id in range(1, 4):
        corner = rng.uniform(0, 50, (4, 2))
        boxes = np.concatenate([corner, corner + rng.uniform(5, 30, (4, 2))], 1).astype(np.float32)
        class_ids = rng.integers(0, 2, 4)
        truths.append(found(boxes, np.ones(4), class_ids))
        moved = (boxes + rng.normal(0, 3, boxes.shape)).astype(np.float32)
        predictions.append(found(moved, rng.permutation(12)[:4] / 12 + image_id / 100, rng.integers(0, 2, 4)))
        for one, store in ((truths[-1], labelled), (predictions[-1], results)):
            for box, score, class_id in zip(one.xyxy, one.scores, one.class_ids, strict=True):
                x, y, right, bottom = (float(v) for v in box)
                xywh = [x, y, right - x, bottom - y]
                record = {"image_id": image_id, "category_id": int(class_id), "bbox": xywh, "area": 1.0, "iscrowd": 0}
                store.append({**record, "score": float(score), "id": len(store) + 1})
    with redirect_stdout(StringIO()):
        coco = COCO()
        categories = [{"id": 0, "name": "a"}, {"id": 1, "name": "b"}]
        coco.dataset = {"images": [{"id": i} for i in range(1, 4)], "annotations": labelled, "categories": categories}
        coco.createIndex()
        evaluation = COCOeval(coco, coco.loadRes(results), "bbox")
        evaluation.params.iouThrs = np.array([iou])
        evaluation.params.areaRng, evaluation.params.areaRngLbl = [[-1e9, 1e9]], ["all"]
        evaluation.evaluate()
        evaluation.accumulate()
    precision = evaluation.eval["precision"][0, :, :, 0, -1]
    assert average_precision(truths, predictions, iou) == pytest.approx(precision[precision > -1].mean(), abs=1e-6)
