"""Augmentation from a description of object and scene in words: rules turn each word into image transforms.

Importing this package imports neither albumentations nor OpenCV; `build` does.
"""

from typing import TYPE_CHECKING

from gsam_edge.augmentation.config import AugmentationConfig, AugmentationRules, Description, SceneDescription
from gsam_edge.augmentation.plan import (
    Reason,
    Step,
    available_characteristics,
    available_environments,
    describe,
    description_for,
    identity,
)
from gsam_edge.augmentation.rules import RuleAdditions, rules_with, shipped_rules
from gsam_edge.augmentation.sample import Sample

if TYPE_CHECKING:
    from gsam_edge.augmentation.augmentation import Augmentation

__all__ = [
    "AugmentationConfig",
    "AugmentationRules",
    "Description",
    "Reason",
    "RuleAdditions",
    "Sample",
    "SceneDescription",
    "Step",
    "available_characteristics",
    "available_environments",
    "build",
    "describe",
    "description_for",
    "identity",
    "rules_with",
    "shipped_rules",
]


def build(description: Description, rules: AugmentationRules) -> "Augmentation":
    """Builds the augmentation for a description.

    Args:
        description: object, scene and intensity in words.
        rules: what each word means.

    Raises:
        AugmentationError: if the description uses a word that the rules do not define, or the rules name a transform or
            a parameter that albumentations does not have; the message names the nearest valid name.
    """
    from gsam_edge.augmentation.augmentation import Augmentation

    return Augmentation(describe(description, rules), rules.image)
