"""Each of the small inputs that showed a fault is read as its `expected.md` says."""

import pytest

from support.cases.coco import RIGHT_OF_COCO
from support.cases.imports import RIGHT_OF_IMPORTS
from support.cases.read import CASES

RIGHT = RIGHT_OF_COCO | RIGHT_OF_IMPORTS
NAMES = sorted(folder.name for folder in CASES.iterdir() if folder.is_dir()) if CASES.is_dir() else []


@pytest.mark.skipif(not NAMES, reason=f"the shared inputs are not here: no folder {CASES}")
@pytest.mark.parametrize("name", NAMES or ["none"])
def test_the_input_is_read_as_is_right(name):
    if name not in RIGHT:
        pytest.fail(f"write down what is right for {name}")
    RIGHT[name](CASES / name)
