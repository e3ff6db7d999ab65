"""The project's own rules, every transform in them at every intensity, and images with objects in them."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib.resources import files

import numpy as np
import pytest
import yaml

from gsam_edge.augmentation import AugmentationRules, Description, Sample, Step, describe, shipped_rules
from gsam_edge.augmentation.transform_names import GEOMETRIC, TRANSFORMS
from gsam_edge.vision import Detections

RULES = shipped_rules()
INTENSITIES = ("low", "medium", "high")
#: Transforms that cover pixels and move none.
HIDING = {"CoarseDropout", "Erasing", "GridDropout"}


@pytest.fixture(scope="session")
def rules() -> AugmentationRules:
    return RULES


@pytest.fixture
def plain_rules() -> dict:
    """The rules as they stand in the file."""
    return yaml.safe_load(files("gsam_edge.augmentation").joinpath("rules.yml").read_text())


@pytest.fixture(scope="session")
def everything() -> Callable[[str], Description]:
    """All characteristics, and the last value of every factor of the environment, at an intensity."""

    def description(intensity: str) -> Description:
        environment = {factor: list(values)[-1] for factor, values in RULES.environment.items()}
        return Description(characteristics=tuple(RULES.characteristics), environment=environment, intensity=intensity)

    return description


def all_uses() -> Iterator[tuple[str, Step]]:
    """Every transform of every word at every intensity, applied always."""
    words = [((name,), {}) for name in RULES.characteristics]
    words += [((), {factor: value}) for factor, values in RULES.environment.items() for value in values]
    for characteristics, environment in words:
        for intensity in INTENSITIES:
            description = Description(characteristics=characteristics, environment=environment, intensity=intensity)
            for step in describe(description, RULES):
                yield f"{step.reasons[0].word}-{step.transform}-{intensity}", replace(step, p=1.0)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    for fixture, wanted in {"use": TRANSFORMS, "moving_use": GEOMETRIC - HIDING}.items():
        if fixture in metafunc.fixturenames:
            uses = {name: step for name, step in all_uses() if step.transform in wanted}
            metafunc.parametrize(fixture, uses.values(), ids=uses)


@pytest.fixture(scope="session")
def random_sample() -> Callable[..., Sample]:
    """Rectangles of one pixel to half the image; every third has a box alone."""

    def make(rng: np.random.Generator, image_hw: tuple[int, int], count: int) -> Sample:
        height, width = image_hw
        masks = np.zeros((count, height, width), bool)
        xyxy = np.zeros((count, 4), np.float32)
        for row in range(count):
            size = rng.integers(1, [max(2, width // 2), max(2, height // 2)])
            left, top = rng.integers(0, [width - size[0] + 1, height - size[1] + 1])
            xyxy[row] = left, top, left + size[0], top + size[1]
            if row % 3 != 2:
                masks[row, top : top + size[1], left : left + size[0]] = True
        image = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
        return Sample(image, Detections(xyxy, np.ones(count, np.float32), rng.integers(0, 5, count), masks))

    return make
