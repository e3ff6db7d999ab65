"""A figure with its 95 % interval, as reports hold it in several forms."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import sqrt
from typing import Any, Self

#: Half the width of a 95 % interval of a normal distribution, in standard deviations.
_Z = 1.959964


@dataclass(frozen=True)
class Estimate:
    """A figure.

    Attributes:
        value: the figure.
        ci95: low and high end of its 95 % interval; None where it has none.
    """

    value: float
    ci95: tuple[float, float] | None = None

    @classmethod
    def of(cls, figure: Any) -> Self | None:
        """Reads a number, or a mapping with `value` (or `mean`, or `difference`) and `ci95`; None for anything else."""
        if isinstance(figure, Mapping):
            value = next((figure[key] for key in ("value", "mean", "difference") if key in figure), None)
            ends = figure.get("ci95")
        else:
            value, ends = figure, None
        if isinstance(value, bool) or not isinstance(value, int | float):
            return None
        return cls(float(value), None if ends is None else (float(ends[0]), float(ends[1])))

    def times(self, factor: float) -> Self:
        """Returns the figure in another unit."""
        ends = None if self.ci95 is None else (factor * self.ci95[0], factor * self.ci95[1])
        return type(self)(factor * self.value, ends)


def share(part: int, whole: int) -> Estimate:
    """Returns a share (0..1) of independent cases with its interval by Wilson (1927), which holds for few cases, too.

    Args:
        part: cases that count.
        whole: all cases, at least 1.
    """
    value = part / whole
    middle = (value + _Z**2 / (2 * whole)) / (1 + _Z**2 / whole)
    half = _Z / (1 + _Z**2 / whole) * sqrt(value * (1 - value) / whole + _Z**2 / (4 * whole**2))
    return Estimate(value, (max(0.0, middle - half), min(1.0, middle + half)))
