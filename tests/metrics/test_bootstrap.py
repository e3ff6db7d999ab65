"""An interval holds the true difference about as often as it says, and is not given for a handful of images."""

import numpy as np
import pytest

from gsam_edge.metrics.bootstrap import LEAST_IMAGES, paired_difference


def mean_of(values):
    return lambda draws: float(draws @ values) / float(draws.sum())


def test_the_interval_of_a_mean_is_that_of_statistics():
    """The percentile interval of a mean of many values is nearly 1.96 standard errors on each side."""
    rng = np.random.default_rng(1)
    first, second = rng.normal(0, 1, 400), rng.normal(0.3, 1, 400)
    found = paired_difference(mean_of(first), mean_of(second), 400)
    difference = second - first
    half = 1.96 * difference.std() / np.sqrt(400)
    assert found.difference == pytest.approx(difference.mean())
    assert found.low == pytest.approx(difference.mean() - half, abs=0.15 * half)
    assert found.high == pytest.approx(difference.mean() + half, abs=0.15 * half)
    assert found.excludes_zero
    assert found == paired_difference(mean_of(first), mean_of(second), 400)


def test_images_that_are_hard_for_both_do_not_widen_it():
    hard = np.random.default_rng(2).normal(0, 10, 50)
    found = paired_difference(mean_of(hard), mean_of(hard + 0.1), 50)
    assert found.low == pytest.approx(0.1)
    assert found.high == pytest.approx(0.1)


def test_luck_is_not_called_a_difference():
    rng = np.random.default_rng(3)
    alike = [paired_difference(mean_of(rng.normal(size=30)), mean_of(rng.normal(size=30)), 30) for _ in range(100)]
    assert sum(found.excludes_zero for found in alike) <= 14  # 5 expected, 1 in 1000 chances for more than 13


def test_a_handful_of_images_has_no_interval():
    ones = np.ones(LEAST_IMAGES)
    assert paired_difference(mean_of(0 * ones[1:]), mean_of(ones[1:]), LEAST_IMAGES - 1) is None
    assert paired_difference(mean_of(0 * ones), mean_of(ones), LEAST_IMAGES).excludes_zero
