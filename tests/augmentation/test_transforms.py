"""Labels keep to their pixels: every transform of the rules at every intensity, and every one that a rule may name."""

import inspect
from collections.abc import Callable

import numpy as np
import pytest

from gsam_edge.augmentation import Sample, Step
from gsam_edge.augmentation.augmentation import Augmentation
from gsam_edge.augmentation.config import AugmentationRules, TransformSpec
from gsam_edge.augmentation.geometry import transform_class
from gsam_edge.augmentation.transform_names import GEOMETRIC, PIXEL, TRANSFORMS
from gsam_edge.vision import Detections

BORDERED = sorted(
    name for name in GEOMETRIC if "border_mode" in inspect.signature(transform_class(name).__init__).parameters
)
Make = Callable[..., Sample]


def white_on_black(xyxy: list[list[int]], image_hw: tuple[int, int] = (90, 120)) -> Sample:
    """White rectangles on black, each twice: once with a mask, once with a box alone (ids from 100)."""
    image, count = np.zeros((*image_hw, 3), np.uint8), len(xyxy)
    masks = np.zeros((2 * count, *image_hw), bool)
    for row, (left, top, right, bottom) in enumerate(xyxy):
        masks[row, top:bottom, left:right] = True
        image[masks[row]] = 255
    classes = np.arange(2 * count) % count
    objects = Detections(np.array(xyxy * 2, np.float32), np.ones(2 * count, np.float32), classes, masks)
    return Sample(image, objects, np.concatenate([np.arange(count), 100 + np.arange(count)]))


def always(transform: str, strength: dict | None = None, settings: dict | None = None) -> Step:
    return Step(transform, 1.0, strength or {}, (), TransformSpec(neutral={}, settings=settings or {}))


def check_consistent(before: Sample, after: Sample) -> None:
    """What must hold whatever was applied."""
    count, (height, width) = len(after.objects.xyxy), after.image.shape[:2]
    assert after.image.dtype == np.uint8
    assert len(after.objects.class_ids) == len(after.instance_ids) == count
    assert set(after.instance_ids) <= set(before.instance_ids), "an object was invented"
    rows = [list(before.instance_ids).index(name) for name in after.instance_ids]
    assert rows == sorted(rows)
    np.testing.assert_array_equal(after.objects.class_ids, before.objects.class_ids[rows])
    assert np.all(after.objects.xyxy[:, 2:] > after.objects.xyxy[:, :2]), "a box without an area"
    assert after.objects.xyxy.min(initial=0) >= 0
    assert np.all(after.objects.xyxy <= np.array([width, height, width, height]) + 1e-3)
    if before.objects.masks is None:
        assert after.objects.masks is None
    else:
        assert after.objects.masks.shape == (count, height, width)
        for mask, box, row in zip(after.objects.masks, after.objects.xyxy, rows, strict=True):
            assert mask.any() == before.objects.masks[row].any()
            if mask.any():
                lines, columns = np.nonzero(mask)
                assert box.tolist() == [columns.min(), lines.min(), columns.max() + 1, lines.max() + 1]


def test_labels_stay_consistent(use: Step, rules: AugmentationRules, random_sample: Make) -> None:
    augment = Augmentation((use,), rules.image)
    for seed, (image_hw, count) in enumerate([((37, 53), 7), ((64, 48), 0), ((40, 40), 19), ((16, 90), 3)]):
        sample = random_sample(np.random.default_rng(seed), image_hw, count)
        untouched = sample.image.copy(), sample.objects.masks.copy(), sample.objects.xyxy.copy()
        once, again = augment(sample, seed=seed), augment(sample, seed=seed)
        check_consistent(sample, once)
        np.testing.assert_array_equal(once.image, again.image)
        np.testing.assert_array_equal(once.objects.xyxy, again.objects.xyxy)
        for was, now in zip(untouched, (sample.image, sample.objects.masks, sample.objects.xyxy), strict=True):
            np.testing.assert_array_equal(was, now)
        assert not np.shares_memory(once.image, sample.image)
        assert not np.shares_memory(once.objects.masks, sample.objects.masks)


def test_the_box_of_the_moved_mask_is_the_moved_box(use: Step, rules: AugmentationRules) -> None:
    sample = white_on_black([[50, 35, 75, 55], [30, 25, 44, 60], [60, 62, 61, 63]])
    augment = Augmentation((use,), rules.image)
    pairs = 0
    for seed in range(8):
        moved = augment(sample, seed=seed)
        boxes = dict(zip(moved.instance_ids.tolist(), moved.objects.xyxy, strict=True))
        for name in (0, 1):
            if name in boxes and 100 + name in boxes and not _touches_edge(boxes[name], moved.image.shape):
                # A turned box holds its turned corners, a nearest-neighbour mask misses them by up to a pixel or two.
                np.testing.assert_allclose(boxes[name], boxes[100 + name], atol=2.5)
                pairs += 1
    assert pairs, "nothing to compare"


def test_masks_lie_on_the_pixels_of_their_object(moving_use: Step, rules: AugmentationRules) -> None:
    sample = white_on_black([[50, 35, 75, 55]])
    for seed in range(8):
        moved = Augmentation((moving_use,), rules.image)(sample, seed=seed)
        white, mask = moved.image[..., 0] > 127, moved.objects.masks[0]
        assert (white & mask).sum() / (white | mask).sum() > 0.93


def test_hidden_pixels_leave_the_mask(rules: AugmentationRules) -> None:
    step = always("CoarseDropout", {"num_holes_range": (6, 6)}, {"fill": 0})
    sample = white_on_black([[20, 10, 100, 80]])
    for seed in range(5):
        moved = Augmentation((step,), rules.image)(sample, seed=seed)
        np.testing.assert_array_equal(moved.objects.masks[0], moved.image[..., 0] > 127)


def test_an_object_all_hidden_is_gone(rules: AugmentationRules) -> None:
    step = always("CoarseDropout", {"hole_height_range": (0.99, 0.99), "hole_width_range": (0.99, 0.99)})
    moved = Augmentation((step,), rules.image)(white_on_black([[20, 10, 100, 80]]), seed=0)
    assert (len(moved.objects), len(moved.objects.masks), len(moved.instance_ids)) == (0, 0, 0)


def test_an_object_of_one_pixel_survives_what_does_not_cover_it(rules: AugmentationRules) -> None:
    step = always("CoarseDropout", {"hole_height_range": (0.05, 0.05), "hole_width_range": (0.05, 0.05)})
    sample = white_on_black([[60, 62, 61, 63]])
    survived = [len(Augmentation((step,), rules.image)(sample, seed=seed).objects.xyxy) for seed in range(20)]
    assert survived.count(2) >= 18


@pytest.mark.parametrize("border_mode", [1, 2, 3, 4], ids=["replicate", "reflect", "wrap", "reflect 101"])
@pytest.mark.parametrize("name", BORDERED)
def test_no_border_invents_a_part_of_an_object(name: str, border_mode: int, rules: AugmentationRules) -> None:
    sample = white_on_black([[0, 0, 6, 40], [44, 34, 50, 40]], (40, 50))
    constant = Augmentation((always(name, {}, {"border_mode": 0}),), rules.image)
    bordered = Augmentation((always(name, {}, {"border_mode": border_mode}),), rules.image)
    for seed in range(3):
        expected, moved = constant(sample, seed=seed), bordered(sample, seed=seed)
        np.testing.assert_array_equal(moved.objects.masks, expected.objects.masks)
        np.testing.assert_array_equal(moved.objects.xyxy, expected.objects.xyxy)


@pytest.mark.parametrize("name", sorted(TRANSFORMS))
def test_every_known_transform_keeps_the_promises(name: str, rules: AugmentationRules, random_sample: Make) -> None:
    augment = Augmentation((always(name),), rules.image)
    for seed, image_hw in enumerate([(48, 40), (37, 53)]):
        sample = random_sample(np.random.default_rng(seed), image_hw, 9)
        once, again = augment(sample, seed=seed), augment(sample, seed=seed)
        check_consistent(sample, once)
        np.testing.assert_array_equal(once.image, again.image)
        if name in PIXEL:
            np.testing.assert_array_equal(once.objects.masks, sample.objects.masks)
            np.testing.assert_allclose(once.objects.xyxy, sample.objects.xyxy, atol=1e-3)


def test_a_distorted_box_that_left_the_picture_is_gone(rules: AugmentationRules) -> None:
    """albumentations would leave it where it was."""
    step = always("ElasticTransform", {"alpha": 60_000.0}, {"sigma": 25.0})
    sample = white_on_black([[0, 0, 2, 2]])
    gone = [len(Augmentation((step,), rules.image)(sample, seed=seed).objects.xyxy) for seed in range(12)]
    assert 0 in gone


@pytest.mark.parametrize("name", ["ElasticTransform", "ThinPlateSpline"])
def test_a_distortion_by_nothing_keeps_the_whole_box(name: str, rules: AugmentationRules) -> None:
    """albumentations would lose its last column and row, and with them an object of one pixel."""
    nothing = {"ElasticTransform": {"alpha": 0.0}, "ThinPlateSpline": {"scale_range": (0.0, 0.0)}}[name]
    sample = white_on_black([[50, 35, 75, 55], [60, 62, 61, 63]])
    moved = Augmentation((always(name, nothing),), rules.image)(sample, seed=0)
    np.testing.assert_allclose(moved.objects.xyxy, sample.objects.xyxy, atol=1e-4)


def test_the_zoom_holds_every_box_and_keeps_the_size(rules: AugmentationRules) -> None:
    sample = white_on_black([[50, 35, 75, 55], [30, 25, 44, 60]])
    zoom = Augmentation((always("BoxSafeZoom", {"zoom": (1.3, 3.0)}),), rules.image)
    for seed in range(20):
        moved = zoom(sample, seed=seed)
        assert moved.image.shape == sample.image.shape
        assert len(moved.objects.xyxy) == 4
        sides, sides_before = (xyxy[:, 2:] - xyxy[:, :2] for xyxy in (moved.objects.xyxy, sample.objects.xyxy))
        factor = sides / sides_before
        assert factor.min() > 1.2
        assert np.ptp(factor) < 0.15


def test_objects_as_wide_as_the_picture_leave_no_room_to_zoom(rules: AugmentationRules) -> None:
    sample = white_on_black([[0, 35, 120, 55]])
    moved = Augmentation((always("BoxSafeZoom", {"zoom": (1.5, 3.0)}),), rules.image)(sample, seed=0)
    np.testing.assert_allclose(moved.objects.xyxy, sample.objects.xyxy, atol=1e-3)


def _touches_edge(box: np.ndarray, shape: tuple[int, ...]) -> bool:
    return bool(np.any(box[:2] <= 0) or box[2] >= shape[1] or box[3] >= shape[0])
