"""An interval holds the true difference about as often as it says, and is not given for a handful of images."""

from dataclasses import dataclass

import numpy as np
import pytest

from gsam_edge.metrics.bootstrap import LEAST_IMAGES, drawn_images, estimate, mean_of_runs, paired_difference


@dataclass
class MeanOf:
    """The mean of a value of each object; one object in each image unless said otherwise."""

    values: np.ndarray
    objects: np.ndarray | None = None

    def __post_init__(self):
        self.objects = np.ones(len(self.values), np.int64) if self.objects is None else self.objects

    def __call__(self, draws):
        objects = draws @ self.objects
        return np.where(objects > 0, draws @ self.values / np.maximum(objects, 1), np.nan)


def test_the_interval_of_a_mean_is_that_of_statistics():
    """The percentile interval of a mean of many values is nearly 1.96 standard errors on each side."""
    rng = np.random.default_rng(1)
    first, second = rng.normal(0, 1, 400), rng.normal(0.3, 1, 400)
    found = paired_difference(MeanOf(first), MeanOf(second))
    difference = second - first
    half = 1.96 * difference.std() / np.sqrt(400)
    assert found.difference == pytest.approx(difference.mean())
    assert found.low == pytest.approx(difference.mean() - half, abs=0.15 * half)
    assert found.high == pytest.approx(difference.mean() + half, abs=0.15 * half)
    assert found.excludes_zero
    assert found == paired_difference(MeanOf(first), MeanOf(second))


def test_images_that_are_hard_for_both_do_not_widen_it():
    hard = np.random.default_rng(2).normal(0, 10, 50)
    found = paired_difference(MeanOf(hard), MeanOf(hard + 0.1))
    assert found.low == pytest.approx(0.1)
    assert found.high == pytest.approx(0.1)


def test_luck_is_not_called_a_difference():
    rng = np.random.default_rng(3)
    alike = [paired_difference(MeanOf(rng.normal(size=30)), MeanOf(rng.normal(size=30))) for _ in range(100)]
    assert sum(found.excludes_zero for found in alike) <= 14  # 5 expected, 1 in 1000 chances for more than 13


def test_a_handful_of_images_has_no_interval():
    ones = np.ones(LEAST_IMAGES)
    assert paired_difference(MeanOf(0 * ones[1:]), MeanOf(ones[1:])) is None
    assert paired_difference(MeanOf(0 * ones), MeanOf(ones)).excludes_zero


def test_images_without_objects_are_no_evidence():
    """Of twenty images five hold an object: both models drew it, the second one better each time."""
    objects = np.repeat([1, 0], [LEAST_IMAGES - 1, 15])
    assert paired_difference(MeanOf(0.0 * objects, objects), MeanOf(1.0 * objects, objects)) is None
    objects[LEAST_IMAGES - 1] = 1
    found = paired_difference(MeanOf(0.0 * objects, objects), MeanOf(1.0 * objects, objects))
    assert (found.low, found.high, found.images) == (1, 1, 20)


def spread_of_mean(rng, runs: int, *, images: int = 40) -> bool:
    """Whether the interval of one experiment, seeds with a spread of their own on images with another, holds 0."""
    luck = rng.normal(0, 1, images)
    values = np.stack([rng.normal(0, 0.3) + luck for _ in range(runs)])
    draws = drawn_images(images)
    found = estimate(mean_of_runs(np.stack([draws @ row / images for row in values])))
    return bool(found.low <= 0 <= found.high)


@pytest.mark.parametrize(("runs", "least"), [(2, 0.82), (3, 0.88), (5, 0.9)])
def test_the_interval_of_a_mean_over_seeds_holds_the_truth_nearly_as_often_as_it_says(runs, least):
    """Both are luck, images and seeds: of the images alone it holds the truth in 72, 80 and 86 % of the cases."""
    rng = np.random.default_rng(4)
    assert np.mean([spread_of_mean(rng, runs) for _ in range(200)]) >= least


def test_a_seed_that_is_good_for_both_arms_does_not_widen_their_difference():
    seeds = np.random.default_rng(5).normal(0, 10, (4, 1))
    values = np.repeat(seeds, 1001, axis=1)
    found = estimate(mean_of_runs(values + 0.1) - mean_of_runs(values))
    assert found == pytest.approx((0.1, 0.1, 0.1))


def test_of_one_seed_the_interval_is_that_of_the_images():
    values = np.random.default_rng(6).normal(size=(1, 1001))
    assert estimate(mean_of_runs(values)) == estimate(values[0])
