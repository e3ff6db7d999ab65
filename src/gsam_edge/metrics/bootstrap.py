"""Confidence intervals by the percentile bootstrap over images (Efron and Tibshirani 1993, chapter 13)."""

from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

#: Share of the resampled values inside the interval.
LEVEL = 0.95
#: Two-sided quantiles at this level vary by a few hundredths of the interval's width from seed to seed.
RESAMPLES = 1000
#: With five images that all favour one of two models, chance alone does so in 2 x 0.5^5 = 6 % of the cases: more than
#: the interval leaves outside. Images without objects favour none.
LEAST_IMAGES = 6


class Resampled(Protocol):
    """A figure of a split in which image i counts draws[..., i] times."""

    @property
    def objects(self) -> NDArray[np.int64]:
        """How many objects the figure counts in each image, int64 [images]."""

    def __call__(self, draws: NDArray[np.int64]) -> NDArray[np.float64]:
        """Returns the figure [...] for draws, int64 [..., images]; NaN where it does not apply."""


@dataclass(frozen=True)
class Interval:
    """A difference of two figures with its confidence interval.

    It is about the luck of which images are in the split, and nothing else: where a model was chosen on them, the
    difference is too large. With few images it is too narrow: of normally distributed differences it covers the true
    mean in 85 % of the cases with six images, 93 % with twenty.

    Attributes:
        difference: second less first, on the split itself.
        low: lower end of the interval.
        high: upper end.
        images: how many images were drawn from.
    """

    difference: float
    low: float
    high: float
    images: int

    @property
    def excludes_zero(self) -> bool:
        """Whether the difference is more than the luck of which images were in the split."""
        return self.low > 0 or self.high < 0


class Estimate(NamedTuple):
    """A value with its confidence interval.

    Attributes:
        value: on the split itself.
        low: lower end of the interval.
        high: upper end.
    """

    value: float
    low: float
    high: float


def paired_difference(first: Resampled, second: Resampled, groups: NDArray[np.int64] | None = None) -> Interval | None:
    """Returns by how much a figure of two models on the same images differs.

    Args:
        first: the figure of one model.
        second: of the other, on the same objects.
        groups: see `drawn_images`.

    Returns:
        The interval of `second - first`, or None where fewer than `LEAST_IMAGES` images, or groups of them, hold
        objects.
    """
    if not enough_images(first.objects, groups):
        return None
    draws = drawn_images(len(first.objects), groups)
    return Interval(*estimate(second(draws) - first(draws)), len(first.objects))


def enough_images(objects: NDArray[np.int64], groups: NDArray[np.int64] | None = None) -> bool:
    """Whether at least `LEAST_IMAGES` images, or groups of them (see `drawn_images`), hold objects, int64 [images]."""
    holding = objects > 0
    return len(np.flatnonzero(holding) if groups is None else np.unique(groups[holding])) >= LEAST_IMAGES


def drawn_images(images: int, groups: NDArray[np.int64] | None = None) -> NDArray[np.int64]:
    """Draws the images of a split with replacement.

    The draws have a fixed seed: the same predictions give the same interval, and two models see the same images, so
    that those which are hard for both do not widen the interval of their difference.

    Args:
        images: how many there are.
        groups: label of each image, int64 [images]; those of one label, such as copies of a photograph, are drawn
            together, since they are no independent evidence (Davison and Hinkley 1997, section 3.8). None: each by
            itself.

    Returns:
        How often each image counts, int64 [1 + RESAMPLES, images]; the first row is the split itself.
    """
    label = np.arange(images) if groups is None else np.unique(groups, return_inverse=True)[1].reshape(-1)
    count = int(label.max()) + 1 if len(label) else 0
    draws = np.random.default_rng(0).multinomial(count, np.full(count, 1 / max(count, 1)), size=RESAMPLES)
    return np.concatenate([np.ones((1, images), np.int64), draws[:, label]])


def mean_of_runs(runs: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns the mean over independent trainings, which are drawn with replacement beside the images.

    The trainings of two arms are drawn alike, so that a seed that is good for both does not widen their difference. A
    plain bootstrap of n values finds (n - 1) / n of their variance, half of it for two: the draws are stretched by
    sqrt(n / (n - 1)) about the mean (Rao and Wu 1988, section 2). Where trainings differ twice as much as images allow,
    the interval holds the truth in 86, 92 and 93 % of the cases with two, three and five of them (600 draws each);
    where they differ six times as much, in 70, 84 and 89 % (300 draws each). Of one training no spread is known, and
    the interval is about the images alone.

    Args:
        runs: a figure of each training for each row of `drawn_images`, [runs, 1 + RESAMPLES, ...].

    Returns:
        The mean for each row, [1 + RESAMPLES, ...]; the first one is the plain mean.
    """
    count = len(runs)
    weights = np.full((1 + RESAMPLES, count), 1 / count)
    if count > 1:
        drawn = np.random.default_rng(1).multinomial(count, weights[0], size=RESAMPLES) / count
        weights[1:] += np.sqrt(count / (count - 1)) * (drawn - 1 / count)
    mean: NDArray[np.float64] = np.einsum("rn,nr...->r...", weights, runs)
    return mean


def estimate(values: NDArray[Any]) -> Estimate:
    """Returns the first value with the interval of the others, float [1 + RESAMPLES]; NaN among them are left out."""
    outside = (1 - LEVEL) / 2
    low, high = np.nanquantile(values[1:], [outside, 1 - outside])
    return Estimate(float(values[0]), float(low), float(high))
