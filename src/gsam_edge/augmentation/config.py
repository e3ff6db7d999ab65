"""Parameters of the augmentation: the description of object and scene in words, and the rules that define the words."""

from itertools import pairwise
from typing import Literal, Self, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, model_validator

from gsam_edge.augmentation.names import check_known
from gsam_edge.augmentation.transform_names import TRANSFORMS

Intensity: TypeAlias = Literal["low", "medium", "high"]
Number: TypeAlias = int | float
#: A constant, or the two ends of a range from which a value is drawn for each image.
Strength: TypeAlias = Number | tuple[Number, Number]
#: A parameter that does not change with the intensity.
Setting: TypeAlias = bool | int | float | str | tuple[Number, ...] | None


class SceneDescription(BaseModel):
    """Description of object and scene in words, which the rules define."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    characteristics: tuple[str, ...] = Field(description="what the objects are like, e.g. reflective_surface")
    environment: dict[str, str] = Field(description="what the scene is like, e.g. {lighting: variable}")


class Description(SceneDescription):
    """Description of object and scene for one training, with an intensity."""

    intensity: Intensity = Field(description="how often and how strongly it shows")


class AugmentationConfig(BaseModel):
    """How one training uses the description of the scene."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    intensity: Intensity = Field(description="how often and how strongly the scene's words show: low, medium or high")
    leave_out: tuple[str, ...] = Field(
        description="characteristics and factors of the environment that this training does not see"
    )


class PerIntensity(BaseModel):
    """A parameter of a transform at each intensity, in the unit of the transform's own documentation."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    low: Strength
    medium: Strength
    high: Strength

    def at(self, intensity: Intensity) -> Strength:
        """Returns the value at one intensity."""
        return {"low": self.low, "medium": self.medium, "high": self.high}[intensity]


class Probability(BaseModel):
    """How often a transform is applied at each intensity."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    low: float = Field(ge=0, le=1, description="share of the images at low intensity")
    medium: float = Field(ge=0, le=1, description="share of the images at medium intensity")
    high: float = Field(ge=0, le=1, description="share of the images at high intensity")

    def at(self, intensity: Intensity) -> float:
        """Returns the value at one intensity."""
        return {"low": self.low, "medium": self.medium, "high": self.high}[intensity]


class Use(BaseModel):
    """One transform in a rule."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    why: str = Field(min_length=1, description="what it imitates, in an expert's words")
    p: Probability = Field(description="probability per intensity")
    strength: dict[str, PerIntensity] = Field(
        default={}, description="parameter: value or range per intensity; a mirrored image has none"
    )


class Rule(BaseModel):
    """Definition of one word: its meaning and its transforms."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    meaning: str = Field(min_length=1, description="what is true of the object or the scene, in one line")
    transforms: dict[str, Use] = Field(description="transforms by name; none where the word changes nothing")


class TransformSpec(BaseModel):
    """Parameters of a transform: which ones rules may set, which are fixed, which scale with the image."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    neutral: dict[str, Number] = Field(
        description="parameters that rules may set, with the value at which each changes nothing"
    )
    settings: dict[str, Setting] = Field(default={}, description="parameters that are the same in every rule")
    size_power: dict[str, Number] = Field(
        default={}, description="parameters in pixels: the power of the image's size by which each grows"
    )
    kernels: tuple[str, ...] = Field(default=(), description="parameters in size_power that are odd kernel widths")

    @model_validator(mode="after")
    def _names_fit_together(self) -> Self:
        for name in self.neutral.keys() & self.settings.keys():
            raise ValueError(f"{name}: expected it as neutral or a setting, not both")
        for name in self.size_power:
            check_known(name, {*self.neutral, *self.settings}, "size_power")
        for name in self.kernels:
            check_known(name, self.size_power, "kernels")
        return self


class ImageConfig(BaseModel):
    """Settings that hold for every image."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    reference_side: int = Field(gt=0, description="longer side of an image for which pixel values hold, pixels")
    smallest_side: int = Field(gt=0, description="smaller images are treated as if their longer side were this, pixels")
    min_visible: float = Field(
        ge=0, le=1, description="an object of whose box a transform leaves a smaller share in the image is dropped"
    )


class AugmentationRules(BaseModel):
    """Rules that map words to transforms; each entry defines a word."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    image: ImageConfig
    transforms: dict[str, TransformSpec] = Field(description="what rules may use, in the order of application")
    characteristics: dict[str, Rule] = Field(description="what objects are like")
    environment: dict[str, dict[str, Rule]] = Field(description="what the scene is like: factor, value, rule")

    @model_validator(mode="after")
    def _uses_what_it_knows(self) -> Self:
        for name in self.transforms:
            check_known(name, TRANSFORMS, "transforms")
        places = {f"characteristics.{name}": rule for name, rule in self.characteristics.items()}
        places |= {
            f"environment.{factor}.{value}": rule
            for factor, rules in self.environment.items()
            for value, rule in rules.items()
        }
        for place, rule in places.items():
            for name, use in rule.transforms.items():
                check_known(name, self.transforms, f"{place}.transforms")
                self._check_strength(f"{place}.transforms.{name}.strength", use, self.transforms[name])
        return self

    @staticmethod
    def _check_strength(place: str, use: Use, spec: TransformSpec) -> None:
        for name, values in use.strength.items():
            check_known(name, spec.neutral, place)
            for value in (values.low, values.medium, values.high):
                if isinstance(value, tuple) and value[0] > value[1]:
                    raise ValueError(f"{place}.{name}: expected a range [low end, high end], got {list(value)}")
            reaches = [reach(value, spec.neutral[name]) for value in (values.low, values.medium, values.high)]
            if any(stronger < weaker for weaker, stronger in pairwise(reaches)):
                raise ValueError(
                    f"{place}.{name}: expected values that move away from {spec.neutral[name]} from low to high, "
                    f"got {values.low}, {values.medium}, {values.high}"
                )


def ends(value: Strength) -> tuple[Number, Number]:
    """Returns both ends of a range; for a constant both are equal."""
    return value if isinstance(value, tuple) else (value, value)


def reach(value: Strength, neutral: Number) -> float:
    """Returns the largest distance of a parameter from its neutral value, which changes nothing."""
    return max(abs(end - neutral) for end in ends(value))
