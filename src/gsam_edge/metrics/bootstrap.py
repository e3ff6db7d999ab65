"""Confidence intervals by the percentile bootstrap over images (Efron and Tibshirani 1993, chapter 13)."""

from dataclasses import dataclass
from typing import Protocol

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
    """A figure of a split in which image i counts draws[i] times."""

    @property
    def objects(self) -> NDArray[np.int64]:
        """How many objects the figure counts in each image, int64 [images]."""

    def __call__(self, draws: NDArray[np.int64]) -> float:
        """Returns the figure for draws, int64 [images]; NaN where it does not apply."""


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


def paired_difference(first: Resampled, second: Resampled) -> Interval | None:
    """Returns by how much a figure of two models on the same images differs.

    Images are drawn with replacement, for both models the same ones, so that images which are hard for both do not
    widen the interval. The draws have a fixed seed: the same predictions give the same interval.

    Args:
        first: the figure of one model.
        second: of the other, on the same objects.

    Returns:
        The interval of `second - first`, or None where fewer than `LEAST_IMAGES` images hold objects.
    """
    if (first.objects > 0).sum() < LEAST_IMAGES:
        return None
    images = len(first.objects)
    rng = np.random.default_rng(0)
    draws = rng.multinomial(images, np.full(images, 1 / images), size=RESAMPLES)
    differences = np.array([second(draw) - first(draw) for draw in draws])
    outside = (1 - LEVEL) / 2
    low, high = np.nanquantile(differences, [outside, 1 - outside])
    once = np.ones(images, np.int64)
    return Interval(second(once) - first(once), float(low), float(high), images)
