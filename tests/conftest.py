"""For all tests: a busy machine fails no property test for being slow, and two runs try the same examples."""

from pathlib import Path

import pytest
import yaml
from hypothesis import settings

from gsam_edge.augmentation import AugmentationRules

settings.register_profile("steady", deadline=None, derandomize=True)
settings.load_profile("steady")


@pytest.fixture(scope="session")
def augmentation_rules() -> AugmentationRules:
    """The rules that the project ships."""
    text = (Path(__file__).parents[1] / "conf" / "base" / "parameters_augmentation.yml").read_text()
    return AugmentationRules(**yaml.safe_load(text)["augmentation_rules"])
