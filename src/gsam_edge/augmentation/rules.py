"""The rules that the package ships, and what a project adds to them."""

from functools import lru_cache
from importlib.resources import files
from typing import Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from gsam_edge.augmentation.config import AugmentationRules, ImageConfig, Rule, TransformSpec


class RuleAdditions(BaseModel):
    """A project's own words and transforms; an entry under a shipped name replaces that entry as a whole."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    image: ImageConfig | None = Field(default=None, description="what holds for every image; null: as shipped")
    transforms: dict[str, TransformSpec] = Field(
        default={}, description="more transforms that rules may use, applied after the shipped ones"
    )
    characteristics: dict[str, Rule] = Field(default={}, description="what objects are like")
    environment: dict[str, dict[str, Rule]] = Field(
        default={}, description="what the scene is like: factor, value, rule"
    )

    @model_validator(mode="after")
    def _fits_the_shipped_rules(self) -> Self:
        try:
            rules_with(self)
        except ValidationError as error:
            # Each part is valid by now, so there is one error, about the combination: show its message, not a nested
            # report.
            raise ValueError(error.errors()[0]["msg"].removeprefix("Value error, ")) from error
        return self


@lru_cache(maxsize=1)
def shipped_rules() -> AugmentationRules:
    """Returns the rules that the package ships (`augmentation/rules.yml`)."""
    text = files("gsam_edge.augmentation").joinpath("rules.yml").read_text(encoding="utf-8")
    return AugmentationRules.model_validate(yaml.safe_load(text))


def rules_with(additions: RuleAdditions) -> AugmentationRules:
    """Returns the shipped rules with a project's own: new names are appended, known ones are replaced in place."""
    shipped = shipped_rules()
    environment = {factor: shipped.environment.get(factor, {}) | own for factor, own in additions.environment.items()}
    return AugmentationRules(
        image=additions.image or shipped.image,
        transforms=shipped.transforms | additions.transforms,
        characteristics=shipped.characteristics | additions.characteristics,
        environment=shipped.environment | environment,
    )
