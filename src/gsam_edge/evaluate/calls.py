"""How many calls of an artefact are made and timed."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Calls:
    """How many calls of an artefact are timed.

    Attributes:
        warmup: calls before them that are not, at least 0.
        most: timed calls of a quick artefact, at least 1.
        seconds: time after which an artefact was timed enough, above 0.
        least: timed calls of a slow one, where `most` is not less; at least 1.

    Raises:
        ValueError: if a number is out of range.
    """

    warmup: int
    most: int
    seconds: float
    least: int

    def __post_init__(self) -> None:
        """Checks the numbers."""
        if self.warmup < 0 or self.most < 1 or self.least < 1 or not self.seconds > 0:
            raise ValueError(f"expected warmup >= 0, most >= 1, least >= 1 and seconds > 0, got {self}")

    def timed(self, warmup_ms: Sequence[float]) -> int:
        """Returns how many calls are timed of an artefact whose warm-up calls took so long; without any, `most`."""
        if not warmup_ms:
            return self.most
        in_time = int(1000 * self.seconds / max(float(np.median(warmup_ms)), 1e-6))
        return min(self.most, max(self.least, in_time))
