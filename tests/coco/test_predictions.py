import pytest

from gsam_edge.coco import Annotations
from gsam_edge.coco.packed import PackedDetections
from gsam_edge.coco.predictions import by_image
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
