"""The whole: alike in every process, all sizes of images, crowds, no objects, samples that contradict themselves."""

import multiprocessing
import pickle
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from gsam_edge.augmentation import AugmentationRules, Description, Sample, Step, build
from gsam_edge.augmentation.augmentation import Augmentation
from gsam_edge.augmentation.config import TransformSpec
from gsam_edge.augmentation.mask_bits import pack_masks, unpack_masks
from gsam_edge.vision import Detections
from gsam_edge.vision.masks import CroppedMasks
from support.detections import same

Make = Callable[..., Sample]
TWO = Detections(np.zeros((2, 4), np.float32), np.ones(2, np.float32), np.zeros(2, np.int64))


@pytest.fixture(scope="module")
def strongest(rules: AugmentationRules, everything: Callable[[str], Description]) -> Augmentation:
    return build(everything("high"), rules)


def assert_same(one: Sample, other: Sample) -> None:
    for name in ("image", "instance_ids"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)
    assert same(one.objects, other.objects)


def test_the_same_seed_gives_the_same_in_workers_and_in_any_order(strongest: Augmentation, random_sample: Make) -> None:
    sample = random_sample(np.random.default_rng(0), (48, 64), 6)
    here = [strongest(sample, seed=seed) for seed in range(6)]
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        answers = {seed: pool.apply_async(strongest, (sample,), {"seed": seed}) for seed in (5, 3, 1, 0, 2, 4)}
        for seed, answer in answers.items():
            assert_same(answer.get(timeout=120), here[seed])
    assert_same(pickle.loads(pickle.dumps(strongest))(sample, seed=3), here[3])  # noqa: S301
    assert not all(np.array_equal(here[0].image, other.image) for other in here[1:])


def test_transforms_draw_apart_from_one_another(rules: AugmentationRules, random_sample: Make) -> None:
    """albumentations' own seeding gives all transforms the same draws: both would mirror, or none."""
    flips = tuple(Step(name, 0.5, {}, (), TransformSpec(neutral={})) for name in ("HorizontalFlip", "VerticalFlip"))
    sample = random_sample(np.random.default_rng(0), (9, 8), 1)
    seen = {Augmentation(flips, rules.image)(sample, seed=seed).image.tobytes() for seed in range(40)}
    assert len(seen) == 4


@pytest.mark.parametrize("image_hw", [(37, 53), (8, 300), (16, 16), (500, 90)])
@pytest.mark.parametrize("count", [0, 1, 40])
def test_pictures_of_all_sizes(
    image_hw: tuple[int, int], count: int, strongest: Augmentation, random_sample: Make
) -> None:
    for seed in range(4):
        sample = random_sample(np.random.default_rng(seed), image_hw, count)
        changed = strongest(sample, seed=seed)
        assert changed.image.shape == sample.image.shape
        assert changed.objects.masks.shape[1:] == image_hw
        assert len(changed.objects) == len(changed.objects.masks) == len(changed.instance_ids)


def test_a_crowd_passes(strongest: Augmentation) -> None:
    """More objects than OpenCV takes channels, all on top of each other."""
    image = np.full((30, 40, 3), 90, np.uint8)
    masks = np.ones((1100, 30, 40), bool)
    xyxy = np.tile(np.array([0, 0, 40, 30], np.float32), (1100, 1))
    objects = Detections(xyxy, np.ones(1100, np.float32), np.zeros(1100, np.int64), masks)
    changed = strongest(Sample(image, objects), seed=5)
    assert len(changed.objects) == 1100
    assert np.array_equal(changed.objects.masks[0], changed.objects.masks[-1])


def test_boxes_alone_and_masks_alone(strongest: Augmentation, random_sample: Make) -> None:
    sample = random_sample(np.random.default_rng(1), (60, 60), 6)
    boxes = replace(sample, objects=replace(sample.objects, masks=None))
    assert strongest(boxes, seed=2).objects.masks is None
    outside = np.full((6, 4), -50, np.float32)  # no box is in the image, but four masks are
    wild = replace(sample, objects=replace(sample.objects, xyxy=outside))
    assert set(strongest(wild, seed=2).instance_ids) <= {0, 1, 3, 4}


def test_boxes_without_area_or_outside_are_gone(rules: AugmentationRules) -> None:
    nothing = Augmentation((), rules.image)
    xyxy = np.array([[5, 5, 5, 9], [-9, -9, -1, -1], [50, 2, 70, 8], [1.5, 2, 3, 4]], np.float32)
    scores = np.array([0.4, 0.3, 0.2, 0.1], np.float32)
    sample = Sample(np.zeros((20, 60, 3), np.uint8), Detections(xyxy, scores, np.arange(4)))
    changed = nothing(sample, seed=0)
    assert changed.instance_ids.tolist() == changed.objects.class_ids.tolist() == [2, 3]
    assert changed.objects.scores.tolist() == scores[2:].tolist()
    np.testing.assert_allclose(changed.objects.xyxy, [[50, 2, 60, 8], [1.5, 2, 3, 4]], atol=1e-4)


def test_pixel_values_grow_with_the_picture(rules: AugmentationRules) -> None:
    augmentation = build(
        Description(characteristics=("moves_or_vibrates", "changes_shape"), environment={}, intensity="medium"), rules
    )
    by_size = {
        side: {type(t).__name__: t for t in augmentation._compose((side, side // 2)).transforms}
        for side in (320, 640, 2560)
    }
    assert [kinds["MotionBlur"].blur_limit for kinds in by_size.values()] == [(3, 5), (5, 11), (21, 45)]
    assert [kinds["ElasticTransform"].sigma for kinds in by_size.values()] == [15, 30, 120]
    alphas = [kinds["ElasticTransform"].alpha for kinds in by_size.values()]
    assert alphas == [alphas[1] / 4, alphas[1], alphas[1] * 16]


@given(hnp.arrays(bool, st.tuples(st.integers(0, 20), st.integers(1, 9), st.integers(1, 9))))
def test_packed_masks_come_back(masks: np.ndarray) -> None:
    planes = pack_masks(CroppedMasks.crop(masks.shape[1:], masks))
    assert planes.shape == (*masks.shape[1:], max(1, -(-len(masks) // 8)))
    np.testing.assert_array_equal(unpack_masks(planes, len(masks)).whole(), masks)


def test_masks_that_pass_some_at_a_time_come_out_as_together(
    strongest: Augmentation, random_sample: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    sample = random_sample(np.random.default_rng(5), (40, 60), 30)
    together = [strongest(sample, seed=seed) for seed in range(5)]
    monkeypatch.setattr("gsam_edge.augmentation.mask_bits._MOST_BYTES", 1)
    for seed, one in enumerate(together):
        apart = strongest(sample, seed=seed)
        np.testing.assert_array_equal(apart.image, one.image)
        np.testing.assert_array_equal(apart.instance_ids, one.instance_ids)
        np.testing.assert_array_equal(apart.objects.xyxy, one.objects.xyxy)
        np.testing.assert_array_equal(apart.objects.masks, one.objects.masks)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"image": np.zeros((4, 6), np.uint8)}, "image: expected uint8"),
        ({"image": np.zeros((4, 6, 3), np.float32)}, "image: expected uint8"),
        ({"objects": replace(TWO, masks=np.zeros((2, 6, 4), bool))}, r"masks: expected bool \[2, 4, 6\], got bool"),
        ({"objects": replace(TWO, masks=np.zeros((2, 4, 6), np.uint8))}, "masks: expected bool .* got uint8"),
        ({"instance_ids": np.array([3, 3])}, "each once"),
        ({"instance_ids": np.arange(3)}, "instance_ids: expected 2"),
    ],
)
def test_a_sample_that_contradicts_itself_is_refused(changes: dict, message: str) -> None:
    parts = {"image": np.zeros((4, 6, 3), np.uint8), "objects": TWO}
    with pytest.raises(ValueError, match=message):
        Sample(**parts | changes)


def test_the_room_is_light_and_albumentations_stays_off_the_network() -> None:
    script = """
import sys
import gsam_edge.augmentation, gsam_edge.report.contact_sheet
heavy = {"albumentations", "cv2", "torch"} & set(sys.modules)
assert not heavy, heavy
import urllib.request
urllib.request.OpenerDirector.open = None  # whoever opens an address from here on fails
import os
os.environ.pop("NO_ALBUMENTATIONS_UPDATE", None)
import warnings
warnings.simplefilter("error")
import gsam_edge.augmentation.augmentation
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
