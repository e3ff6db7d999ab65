import numpy as np
import pytest

from gsam_edge.coco import Annotations
from gsam_edge.coco.packed import PackedDetections
from gsam_edge.coco.predictions import Predictions, PredictorInfo, by_image
from gsam_edge.vision import Detections


def split(*image_ids):
    return Annotations(tuple({"id": i, "file_name": f"{i}.png", "width": 4, "height": 3} for i in image_ids), (), ())


def test_predictions_in_the_order_of_the_images():
    one, two = (PackedDetections.pack(Detections.empty(mask_hw=(side, side))) for side in (1, 2))
    assert by_image(split(7, 3), [one, two]) == {7: one, 3: two}


@pytest.mark.parametrize("image_ids", [[1], [1, 1], [1, 2, 3]])
def test_ids_that_do_not_fit(image_ids):
    nothing = PackedDetections.pack(Detections.empty())
    with pytest.raises(ValueError, match="predictions: expected one for each of"):
        by_image(split(*image_ids), [nothing, nothing])


@pytest.mark.parametrize(("prompted", "left"), [(False, [0.3, 0.5]), (True, [0.1, 0.3, 0.5])])
def test_what_scores_less_is_left_out_but_not_of_a_predictor_that_was_given_the_boxes(prompted, left):
    scores = np.array([0.1, 0.3, 0.5], np.float32)
    found = Detections(np.array([[0, 0, 2, 2]] * 3, np.float32), scores, np.zeros(3, np.int64))
    all_of_them = Predictions({7: PackedDetections.pack(found)}, ("bag",), PredictorInfo("x", "d", prompted))
    kept = all_of_them.scoring(0.3)
    np.testing.assert_allclose(kept.objects[7].unmasked.scores, left)
    assert (kept.class_names, kept.predictor) == (all_of_them.class_names, all_of_them.predictor)
