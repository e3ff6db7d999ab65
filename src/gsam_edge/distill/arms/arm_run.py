"""One trained student of an arm, as far as the reports need it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from gsam_edge.coco.packed import StoredDetectionsError
from gsam_edge.coco.predictions import Predictions


@dataclass(frozen=True)
class ArmRun:
    """One trained student of an arm, as far as the reports need it.

    Attributes:
        arm: a name of `arms.ARMS`.
        seed: of all its random draws.
        facts: how it was trained, as JSON values (see `distillation.train_arm`).
        predictions: what it finds on the test split.
    """

    arm: str
    seed: int
    facts: Mapping[str, Any]
    predictions: Predictions

    def to_dict(self) -> dict[str, Any]:
        """Returns a mapping for JSON; `from_dict` gives an equal value back."""
        return {
            "arm": self.arm,
            "seed": self.seed,
            "facts": dict(self.facts),
            "predictions": self.predictions.to_dict(),
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Self:
        """The inverse of `to_dict`.

        Raises:
            StoredDetectionsError: if a part is missing or damaged.
        """
        try:
            predictions = Predictions.from_dict(content["predictions"])
            return cls(str(content["arm"]), int(content["seed"]), dict(content["facts"]), predictions)
        except (KeyError, TypeError, ValueError) as error:
            raise StoredDetectionsError(
                f"arm: expected arm, seed, facts and predictions, got {error!r}; run again the pipeline distillation"
            ) from error
