"""Test-time augmentation of a finder: what lies in a mirror image comes back to the image, and views are fused."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gsam_edge.teachers.config import DetectionConfig
from gsam_edge.teachers.family import one_by_one
from gsam_edge.teachers.flips import flipped, with_flips
from gsam_edge.vision import Detections
from gsam_edge.vision.masks import masks_to_xyxy

DETECTION = DetectionConfig(score_threshold=0.05, candidates=100, nms_iou=0.5, max_detections=5, batch_size=2)
HW = (11, 17)


def bright(image: np.ndarray, prompt: Detections | None) -> Detections:
    """Finds the two kinds of bright spots of an image, 200 and 100, each with its mask; it sees where they are."""
    masks = np.stack([image[..., 0] == value for value in (200, 100)])
    masks = masks[masks.any(axis=(1, 2))]
    values = np.array([image[..., 0][mask][0] for mask in masks], np.float32)
    return Detections(
        masks_to_xyxy(masks),
        values / 255,
        (values < 150).astype(np.int64),
        masks=masks,
        mask_scores=values / 200,
    )


@pytest.fixture
def image() -> np.ndarray:
    made = np.zeros((*HW, 3), np.uint8)
    made[1:4, 2:9] = 200
    made[7:10, 12:15] = 100
    return made


@pytest.mark.parametrize("flips", [("horizontal",), ("vertical",), ("horizontal", "vertical")])
def test_a_finder_that_does_not_mind_flips_answers_as_without_them(image, flips):
    (alone,) = one_by_one(bright)([image], None)
    (fused,) = with_flips(one_by_one(bright), flips, DETECTION)([image], None)
    np.testing.assert_allclose(fused.xyxy, alone.xyxy)
    np.testing.assert_allclose(fused.scores, alone.scores, rtol=1e-6)
    np.testing.assert_array_equal(fused.class_ids, alone.class_ids)
    np.testing.assert_array_equal(fused.masks, alone.masks)
    np.testing.assert_allclose(fused.mask_scores, alone.mask_scores)


@given(st.integers(0, 2**32 - 1), st.sampled_from(["horizontal", "vertical"]))
@settings(max_examples=40, deadline=None)
def test_boxes_and_masks_are_flipped_as_the_image_is_and_back(seed, flip):
    rng = np.random.default_rng(seed)
    masks = rng.random((int(rng.integers(0, 4)), *HW)) < rng.choice([0, 0.02, 0.4])
    found = Detections(masks_to_xyxy(masks), rng.random(len(masks), np.float32), np.arange(len(masks)), masks=masks)
    mirrored = flipped(found, flip, HW)
    axis = {"vertical": 1, "horizontal": 2}[flip]
    expected = np.flip(masks, axis)
    np.testing.assert_array_equal(mirrored.masks, expected)
    visible = expected.any(axis=(1, 2))
    np.testing.assert_array_equal(mirrored.xyxy[visible], masks_to_xyxy(expected)[visible])
    back = flipped(mirrored, flip, HW)
    np.testing.assert_array_equal(back.masks, masks)
    np.testing.assert_allclose(back.xyxy, found.xyxy)


def test_what_one_view_alone_has_keeps_half_of_its_score_with_its_mask_at_its_place(image):
    """The second spot is seen only where it lies on the left, as in the mirror image."""

    def left_only(shown: np.ndarray, prompt: Detections | None) -> Detections:
        found = bright(shown, prompt)
        return found.select(found.xyxy[:, 0] < 8)

    (fused,) = with_flips(one_by_one(left_only), ["horizontal"], DETECTION)([image], None)
    assert fused.class_ids.tolist() == [0, 1]
    # The first lies from 2 to 9, mirrored from 8 on: it is in the plain view alone.
    assert fused.scores.tolist() == pytest.approx([100 / 255, 50 / 255])
    np.testing.assert_allclose(fused.xyxy, [[2, 1, 9, 4], [12, 7, 15, 10]])
    np.testing.assert_array_equal(fused.masks[1], image[..., 0] == 100)


def test_what_falls_below_the_threshold_is_dropped_and_the_best_are_kept(image):
    seen = []

    def every_other(shown: np.ndarray, prompt: Detections | None) -> Detections:
        seen.append(shown)
        return bright(shown, prompt) if len(seen) % 2 else Detections.empty(mask_hw=HW)

    strict = DETECTION.model_copy(update={"score_threshold": 0.3})
    (fused,) = with_flips(one_by_one(every_other), ["horizontal"], strict)([image], None)
    assert fused.class_ids.tolist() == [0]  # 200 / 255 / 2 passes, 100 / 255 / 2 does not
    few = DETECTION.model_copy(update={"max_detections": 1})
    (fused,) = with_flips(one_by_one(bright), ["vertical"], few)([image], None)
    assert fused.class_ids.tolist() == [0]


def test_given_boxes_are_passed_on_and_no_flip_changes_nothing(image):
    prompts = [Detections.empty()]
    asked = []

    def find(images, given):
        asked.append((images, given))
        return [bright(shown, None) for shown in images]

    with_flips(find, ["horizontal"], DETECTION)([image], prompts)
    assert asked == [([image], prompts)]
    assert with_flips(find, (), DETECTION) is find
