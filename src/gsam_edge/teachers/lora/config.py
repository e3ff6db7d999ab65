"""Parameters of low-rank adapters."""

import re

from pydantic import BaseModel, ConfigDict, Field, field_validator


class LoraConfig(BaseModel):
    """Rank, scale and target layers of low-rank adapters, and what they must keep to.

    `targets` must match whole names, which the `^` at its beginning tells the reader of the parameters.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    r: int = Field(gt=0, description="rank of the update, the width of the bottleneck")
    alpha: float = Field(gt=0, description="the update is scaled by alpha / r")
    dropout: float = Field(ge=0, lt=1, description="probability with which an adapter's input is zeroed in training")
    targets: str = Field(
        description="regular expression that the whole dotted name of a linear layer or a convolution must match"
    )
    frozen: tuple[str, ...] = Field(
        description="dotted names of the parts of the model in which `targets` must match nothing"
    )
    max_share: float = Field(
        gt=0, lt=1, description="largest share of all parameters that the adapters may have; more is refused"
    )

    @field_validator("targets")
    @classmethod
    def _is_anchored(cls, pattern: str) -> str:
        if not pattern.startswith("^"):
            raise ValueError(f"expected a regular expression that begins with '^', got {pattern!r}")
        try:
            re.compile(pattern)
        except re.error as error:
            raise ValueError(f"expected a regular expression, got {pattern!r}: {error}") from error
        return pattern
