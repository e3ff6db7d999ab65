from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gsam_edge.runtime.card import Card
from gsam_edge.runtime.tasks.table import TASKS
from gsam_edge.vision import Letterbox

DETECT, CARD = TASKS["detect"], Card("detect", ("a", "b", "c"), 64, "yolov8-seg", "0.1.0")
LETTERBOX = Letterbox.fit((50, 100), (64, 64))


@given(st.integers(1, 90), st.integers(1, 90), st.sampled_from([32, 64]))
@settings(max_examples=40, deadline=None)
def test_any_picture_becomes_one_canvas(height, width, size):
    image = np.full((height, width, 3), 255, np.uint8)
    batch, letterbox = DETECT.prepare(image, replace(CARD, image_size=size))
    assert batch.shape == (1, 3, size, size)
    assert batch.dtype == np.float32
    assert batch.flags.c_contiguous
    assert letterbox.image_hw == (height, width)
    covered = letterbox.resized_hw[0] * letterbox.resized_hw[1]
    assert np.isclose(batch, 1).all(axis=1).sum() == covered
    assert np.isclose(batch, 114 / 255).all(axis=1).sum() == size * size - covered


def test_channels_keep_their_order():
    image = np.zeros((8, 8, 3), np.uint8)
    image[..., 0] = 255
    batch, _ = DETECT.prepare(image, replace(CARD, image_size=32))
    assert batch[0, 0].min() == 1
    assert batch[0, 1:].max() == 0


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((4, 4), np.uint8),
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((4, 4, 3), np.float32),
        np.zeros((0, 4, 3), np.uint8),
    ],
)
def test_what_is_no_rgb_picture_is_refused(image):
    with pytest.raises(ValueError, match=r"expected uint8 \[H, W, 3\]"):
        DETECT.prepare(image, replace(CARD, image_size=32))


def outputs(xyxy, scores, class_ids=None, masks=None):
    answer = {
        "boxes": np.asarray([xyxy], np.float32).reshape(1, -1, 4),
        "scores": np.asarray([scores], np.float32),
        "class_ids": np.asarray([[0] * len(scores) if class_ids is None else class_ids], np.int64),
    }
    return answer if masks is None else answer | {"masks": np.asarray([masks], np.float32)}


def test_threshold_padding_and_order():
    boxes = [[0, 16, 10, 26], [10, 16, 20, 26], [20, 16, 30, 26], [0, 0, 0, 0]]
    found = DETECT.read(outputs(boxes, [0.3, 0.9, 0.2, 0.0], [2, 1, 0, 0]), LETTERBOX, CARD, threshold=0.25)
    assert found.scores.tolist() == pytest.approx([0.9, 0.3])
    assert found.class_ids.tolist() == [1, 2]
    assert found.masks is None
    at_zero = DETECT.read(outputs(boxes, [0.3, 0.9, 0.2, 0.0]), LETTERBOX, CARD, threshold=0)
    assert len(at_zero) == 3  # padding is no object at any threshold


def test_boxes_return_to_the_picture_and_lose_what_lies_outside():
    on_canvas = LETTERBOX.boxes_to_canvas(np.array([[10, 5, 60, 45]], np.float32))[0]
    padding_only = [5, 0, 20, 15]
    found = DETECT.read(outputs([on_canvas, padding_only], [0.8, 0.7]), LETTERBOX, CARD, threshold=0.1)
    np.testing.assert_allclose(found.xyxy, [[10, 5, 60, 45]], atol=1e-4)


def test_a_mask_returns_to_the_picture_and_stays_in_its_box():
    masks = np.ones((1, 16, 16))
    on_canvas = LETTERBOX.boxes_to_canvas(np.array([[10, 5, 60, 45]], np.float32))
    found = DETECT.read(outputs(on_canvas, [0.8], masks=masks), LETTERBOX, CARD, threshold=0.1)
    expected = np.zeros((1, 50, 100), bool)
    expected[0, 5:45, 10:60] = True
    assert found.masks.dtype == bool
    np.testing.assert_array_equal(found.masks, expected)


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=30, deadline=None)
def test_reading_inside_the_box_is_reading_all_and_cropping(seed):
    rng = np.random.default_rng(seed)
    letterbox = Letterbox.fit((int(rng.integers(5, 120)), int(rng.integers(5, 120))), (64, 64))
    height, width = letterbox.image_hw
    corners = np.sort(rng.uniform(0, 1, (4, 2, 2)), axis=1).reshape(4, 4) * [width, height, width, height]
    masks = rng.random((4, 16, 16)).astype(np.float32)
    cropped = letterbox.masks_to_image(masks, corners.astype(np.float32)).whole()
    wholes = letterbox.masks_to_image(masks, np.array([[0, 0, width, height]] * 4, np.float32)).whole()
    for mask, whole, (left, top, right, bottom) in zip(cropped, wholes, corners, strict=True):
        window = slice(round(top), round(bottom)), slice(round(left), round(right))
        assert (mask[window] != whole[window]).sum() <= 0.01 * mask[window].size  # but for values at the threshold
        outside = mask.copy()
        outside[window] = False
        assert not outside.any()


def test_nothing_found():
    found = DETECT.read(outputs([], [], masks=np.zeros((0, 16, 16))), LETTERBOX, CARD, threshold=0.1)
    assert len(found) == 0
    assert found.masks.shape == (0, 50, 100)


def test_what_is_no_students_answer_is_refused():
    good = outputs([[0, 16, 10, 26]], [0.9])
    with pytest.raises(ValueError, match=r"expected boxes, scores and class_ids, got \['boxes', 'scores'\]"):
        DETECT.read({"boxes": good["boxes"], "scores": good["scores"]}, LETTERBOX, CARD, threshold=0.1)
    with pytest.raises(ValueError, match=r"outputs\['boxes'\]: expected shape \(1, 1, 4\), got \(1, 2, 4\)"):
        DETECT.read(good | {"boxes": np.zeros((1, 2, 4), np.float32)}, LETTERBOX, CARD, threshold=0.1)
    with pytest.raises(ValueError, match=r"outputs\['scores'\]: expected finite numbers"):
        DETECT.read(good | {"scores": np.array([[np.nan]], np.float32)}, LETTERBOX, CARD, threshold=0.1)


def test_a_mask_that_is_no_number_is_refused_where_its_object_is_returned():
    """NaN is above no threshold: half precision that overflows would be an empty mask without a word."""
    masks = np.ones((2, 16, 16), np.float32)
    masks[1, 3, 3] = np.nan
    found = outputs([[0, 16, 32, 48]] * 2, [0.9, 0.2], masks=masks)
    assert len(DETECT.read(found, LETTERBOX, CARD, threshold=0.5)) == 1
    with pytest.raises(ValueError, match=r"outputs\['masks'\]: expected finite numbers"):
        DETECT.read(found, LETTERBOX, CARD, threshold=0.1)
