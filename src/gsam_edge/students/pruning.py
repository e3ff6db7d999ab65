"""Parameters and result of the pruning of a student."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

if TYPE_CHECKING:
    from gsam_edge.students.weights import StudentWeights


class PruningConfig(BaseModel):
    """What a pruned student may cost, and how its channels are chosen."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    of: Literal["flops", "parameters"] = Field(description="what is counted, of the convolutions")
    left: float = Field(gt=0, lt=1, description="share of it that stays")
    multiple_of: int = Field(gt=0, description="channels leave a group until a multiple of this is left")
    least_width: float = Field(gt=0, le=1, description="share of a layer's channels that stays in any case")
    rounds: int = Field(gt=0, description="times that channels leave; before each, their importance is found anew")
    batches: int = Field(gt=0, description="batches of training images by which importance is found, a round")


@dataclass(frozen=True)
class Pruning:
    """A pruned student, not trained any further.

    Attributes:
        weights: of the channels that stayed.
        facts: as JSON values `flops` and `parameters` of the convolutions, each {before, after}: a multiplication with
            its addition counts two, for one image.
    """

    weights: "StudentWeights"
    facts: Mapping[str, Any]
