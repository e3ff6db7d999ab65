import random

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from ultralytics.utils.instance import Instances

from gsam_edge.students.ultralytics.copy_paste import RareCopyPaste, rare_classes


@given(st.lists(st.integers(0, 3), min_size=1), st.floats(0, 2))
def test_a_class_is_rare_below_its_fraction_of_an_equal_share(class_ids, rare_below):
    rare = rare_classes(np.array(class_ids), 4, rare_below)
    for class_id in range(4):
        assert rare[class_id] == (class_ids.count(class_id) * 4 < rare_below * len(class_ids))


def image():
    """Three squares in the left half, whose mirror images have room in the right half; row 7 is the rare one."""
    image = np.zeros((60, 100, 3), np.uint8)
    boxes = np.array([[4, 4, 14, 14], [4, 24, 14, 34], [4, 44, 14, 54]], np.float32)
    for shade, (x0, y0, x1, y1) in zip((80, 160, 240), boxes.astype(int), strict=True):
        image[y0:y1, x0:x1] = shade
    corners = [[[x0, y0], [x1, y0], [x1, y1], [x0, y1]] for x0, y0, x1, y1 in boxes]
    instances = Instances(boxes, np.array(corners, np.float32), bbox_format="xyxy", normalized=False)
    return {"img": image, "cls": np.array([[2.0], [7.0], [1.0]]), "instances": instances}


def test_only_chosen_objects_are_pasted_and_carry_their_row():
    chosen = np.zeros(8, bool)
    chosen[7] = True
    pasted = RareCopyPaste(chosen, 1.0)(image())
    assert pasted["cls"][:, 0].tolist() == [2, 7, 1, 7]
    assert (pasted["img"][29, 90] == 160).all()
    assert (pasted["img"][9, 90] == 0).all()
    np.testing.assert_array_equal(pasted["instances"].bboxes[3], [86, 24, 96, 34])


def test_each_object_is_pasted_with_the_given_probability():
    """Ultralytics' own rounding would paste none of one."""
    random.seed(0)
    chosen = np.zeros(8, bool)
    chosen[7] = True
    paste = RareCopyPaste(chosen, 0.15)
    counts = [len(paste(image())["cls"]) - 3 for _ in range(600)]
    assert 0.11 < np.mean(counts) < 0.19
    assert len(RareCopyPaste(chosen, 0.0)(image())["cls"]) == 3
