"""What can be unwise in annotations that are sound, and from where on it is."""

from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict, Field, field_validator

from gsam_edge.coco.checks.table import Check, Policy, known_policies
from gsam_edge.coco.images.near_duplicates import MOST_DISTANCE

_KEEP: tuple[Policy, ...] = ("keep", "error")
_DROP: tuple[Policy, ...] = ("keep", "drop", "error")

HEALTH_CHECKS: Mapping[str, Check] = {
    "exact_duplicate": Check("warning", _DROP, "an image file with the same bytes as an earlier one"),
    "near_duplicate": Check("info", _DROP, "an image that shows the same as an earlier one, perhaps altered"),
    "tiny_box": Check("warning", _DROP, "a box with a side shorter than health.smallest_box_side"),
    "box_as_image": Check("warning", _DROP, "a box that covers its whole image"),
    "overlapping_duplicate": Check(
        "warning", _DROP, "an object that covers nearly the same as an earlier one of its class"
    ),
    "mask_box_disagreement": Check(
        "warning", ("keep", "fix", "drop", "error"), "a box that is not the box of its mask; fixed, it is"
    ),
    "class_below_minimum": Check("warning", _KEEP, "a class with fewer objects than health.fewest_objects_of_class"),
    "class_imbalance": Check("warning", _KEEP, "a class far rarer than the most frequent one"),
    "class_missing_from_split": Check("warning", _KEEP, "a class of which a split shows no object"),
    "split_leak": Check("error", _KEEP, "images that belong together, parted between splits"),
}


class HealthConfig(BaseModel):
    """From where on something is worth a finding."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    near_duplicate_distance: int = Field(
        ge=0, le=MOST_DISTANCE, description="bits of 256 in which the perceptual hashes of near duplicates may differ"
    )
    smallest_box_side: float = Field(ge=0, description="pixels, the shorter side of the smallest box worth learning")
    duplicate_iou: float = Field(gt=0.5, le=1, description="overlap from which two objects of a class are one")
    mask_box_iou: float = Field(
        ge=0, le=1, description="overlap of a box with its mask's box under which they disagree"
    )
    fewest_objects_of_class: int = Field(ge=0, description="objects under which a class is hardly learnt")
    largest_imbalance: float = Field(ge=1, description="how many times rarer than the most frequent class one may be")
    max_examples: int = Field(ge=0, description="how many cases of each finding are written out")
    policies: dict[str, Policy] = Field(
        description="what to do about a finding, by code, where not keep, which only reports it"
    )

    @field_validator("policies")
    @classmethod
    def _known(cls, policies: dict[str, Policy]) -> dict[str, Policy]:
        return known_policies(policies, HEALTH_CHECKS)

    def policy(self, code: str) -> Policy:
        """What to do about a finding of this code."""
        return self.policies.get(code, HEALTH_CHECKS[code].policies[0])
