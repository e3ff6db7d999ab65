"""For all tests: a busy machine fails no property test for being slow, and two runs draw the same."""

import gc
from collections.abc import Iterator

import pytest
from hypothesis import settings
from pycocotools import mask as coco_mask

from gsam_edge.augmentation import AugmentationRules, shipped_rules
from gsam_edge.training.seed import seed_everything

settings.register_profile("steady", deadline=None, derandomize=True)
settings.load_profile("steady")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds how often `tests/reliability` kills runs; a kill costs less than a run of its step."""
    parser.addoption("--kills", type=int, default=40, help="runs that are killed at random, of all steps together")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Puts the whole pipelines first: a process runs a file of them, and the others have the rest meanwhile."""
    items.sort(key=lambda item: "integration" not in item.path.parts)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[object]:
    """Libraries are imported here, and stay: no search for garbage looks at them, neither now nor after a training."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.freeze()


@pytest.fixture(autouse=True)
def _the_same_chance() -> None:
    """Ultralytics draws from the global generators: what a test sees is not left to the order of the tests."""
    seed_everything(0)


@pytest.fixture(scope="session")
def augmentation_rules() -> AugmentationRules:
    """The rules that the project ships."""
    return shipped_rules()


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Grows by one code with every mask that is decoded while the test runs, wherever that happens."""
    codes: list[object] = []
    decode = coco_mask.decode
    monkeypatch.setattr(coco_mask, "decode", lambda code: codes.append(code) or decode(code))
    return codes
