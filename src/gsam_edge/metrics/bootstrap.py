"""Confidence intervals by the percentile bootstrap over images (Efron and Tibshirani 1993, chapter 13)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

#: Share of the resampled values inside the interval.
LEVEL = 0.95
#: Two-sided quantiles at this level vary by a few hundredths of the interval's width from seed to seed.
RESAMPLES = 1000
#: With five images that all favour one of two models, chance alone does so in 2 x 0.5^5 = 6 % of the cases: more than
#: the interval leaves outside.
LEAST_IMAGES = 6

#: A figure of a split in which image i counts w[i] times: int64 [images] to a value, NaN where it does not apply.
Resampled: TypeAlias = Callable[[NDArray[np.int64]], float]


@dataclass(frozen=True)
class Interval:
    """A difference of two figures with its confidence interval.

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


def paired_difference(first: Resampled, second: Resampled, images: int) -> Interval | None:
    """Returns by how much a figure of two models on the same images differs.

    Images are drawn with replacement, for both models the same ones, so that images which are hard for both do not
    widen the interval. The draws have a fixed seed: the same predictions give the same interval.

    Args:
        first: the figure of one model.
        second: of the other.
        images: how many images the split has.

    Returns:
        The interval of `second - first`, or None with fewer than `LEAST_IMAGES` images.
    """
    if images < LEAST_IMAGES:
        return None
    rng = np.random.default_rng(0)
    draws = rng.multinomial(images, np.full(images, 1 / images), size=RESAMPLES)
    differences = np.array([second(draw) - first(draw) for draw in draws])
    outside = (1 - LEVEL) / 2
    low, high = np.nanquantile(differences, [outside, 1 - outside])
    once = np.ones(images, np.int64)
    return Interval(second(once) - first(once), float(low), float(high), images)
