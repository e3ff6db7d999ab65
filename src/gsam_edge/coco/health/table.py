"""The table of health checks, and their thresholds and policies."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, field_validator

from gsam_edge.coco.checks.table import Check, Policy, known_policies
from gsam_edge.coco.health.cases import Cases, Inspected
from gsam_edge.coco.health.classes import classes_below, imbalanced_classes
from gsam_edge.coco.health.copies import copied_images, tiny_images
from gsam_edge.coco.health.objects import (
    boxes_as_images,
    mask_box_disagreements,
    objects_labelled_twice,
    tiny_boxes,
)
from gsam_edge.coco.health.splits import missing_classes, parted_images
from gsam_edge.coco.images.near_duplicates import MOST_DISTANCE

#: When a check runs: on all annotations, on those left after the policies, or on the splits.
Stage: TypeAlias = Literal["before policies", "after policies", "splits"]


@dataclass(frozen=True)
class HealthCheck(Check):
    """One health check.

    Attributes:
        find: returns its cases. Those of the stage "before policies" name the images and rows that a policy changes.
        stage: when it runs.
    """

    find: Callable[[Inspected, "HealthConfig"], Cases]
    stage: Stage = "before policies"


_KEEP: tuple[Policy, ...] = ("keep", "error")
_DROP: tuple[Policy, ...] = ("keep", "drop", "error")

HEALTH_CHECKS: Mapping[str, HealthCheck] = {
    "exact_duplicate": HealthCheck(
        "warning", _DROP, "an image file with the same bytes as an earlier one",
        find=lambda seen, config: copied_images(seen.annotations, seen.duplicates["exact"]),
    ),
    "near_duplicate": HealthCheck(
        "info", _DROP, "an image that shows the same as an earlier one, perhaps altered",
        find=lambda seen, config: copied_images(seen.annotations, seen.duplicates["near"]),
    ),
    "tiny_image": HealthCheck(
        "warning", _DROP, "an image with a side shorter than health.smallest_image_side pixels",
        find=lambda seen, config: tiny_images(seen.annotations, config.smallest_image_side),
    ),
    "tiny_box": HealthCheck(
        "warning", _DROP, "a box with a side shorter than health.smallest_box_side pixels",
        find=lambda seen, config: tiny_boxes(seen.annotations, config.smallest_box_side),
    ),
    "box_as_image": HealthCheck(
        "warning", _DROP, "a box that covers its whole image",
        find=lambda seen, config: boxes_as_images(seen.annotations),
    ),
    "overlapping_duplicate": HealthCheck(
        "warning", _DROP, "an object that covers nearly the same as an earlier one of its class",
        find=lambda seen, config: objects_labelled_twice(seen.annotations, config.duplicate_iou),
    ),
    "mask_box_disagreement": HealthCheck(
        "warning", ("keep", "fix", "drop", "error"), "a box that is not the box of its mask; fixed, it is",
        find=lambda seen, config: mask_box_disagreements(seen.annotations, config.mask_box_iou),
    ),
    "class_below_minimum": HealthCheck(
        "warning", _KEEP, "a class with fewer objects than health.fewest_objects_of_class",
        find=lambda seen, config: classes_below(seen.annotations, config.fewest_objects_of_class),
        stage="after policies",
    ),
    "class_imbalance": HealthCheck(
        "warning", _KEEP, "a class far rarer than the most frequent one",
        find=lambda seen, config: imbalanced_classes(seen.annotations, config.largest_imbalance),
        stage="after policies",
    ),
    "class_missing_from_split": HealthCheck(
        "warning", _KEEP, "a class of which a split shows no object",
        find=lambda seen, config: missing_classes(seen.parts),
        stage="splits",
    ),
    "split_leak": HealthCheck(
        "error", _KEEP, "images that belong together, parted between splits",
        find=lambda seen, config: parted_images(seen.parts, seen.related),
        stage="splits",
    ),
}  # fmt: skip


class HealthConfig(BaseModel):
    """Thresholds and policies of the health checks."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    near_duplicate_distance: int = Field(
        ge=0, le=MOST_DISTANCE, description="bits of 256 in which the perceptual hashes of near duplicates may differ"
    )
    smallest_image_side: int = Field(ge=0, description="pixels, the shorter side of the smallest image worth learning")
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

    def in_words(self, code: str) -> str:
        """Returns what a finding of this code means, with the values of the thresholds in place of their names."""
        thresholds = self.model_dump()
        return re.sub(r"health\.(\w+)", lambda name: f"{thresholds[name[1]]:g}", HEALTH_CHECKS[code].meaning)

    def policy(self, code: str) -> Policy:
        """Returns what to do about a finding of this code."""
        return self.policies.get(code, HEALTH_CHECKS[code].policies[0])
