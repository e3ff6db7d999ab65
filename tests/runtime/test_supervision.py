"""The lines of docs/coming_from.md that hand detections to supervision, where it is installed."""

import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from gsam_edge.vision import Detections

PAGE = Path(__file__).parents[2] / "docs" / "coming_from.md"
XYXY = np.array([[1, 2, 5, 6], [0, 0, 3, 3]], np.float32)


@pytest.mark.parametrize("masks", [None, np.ones((2, 8, 9), bool)])
@pytest.mark.parametrize("count", [2, 0])
def test_detections_become_those_of_supervision(masks, count):
    pytest.importorskip("supervision", reason="pip install supervision")
    (snippet,) = re.findall(r"^```python\n(.*?)^```", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    both = Detections(XYXY, np.array([0.9, 0.5], np.float32), np.array([1, 0]), masks)
    names = {
        "found": both.select(np.arange(count)),
        "detect": SimpleNamespace(card=SimpleNamespace(class_names=("ear", "label"))),
    }
    exec(snippet, names)  # noqa: S102 - the page's own lines
    theirs = names["detections"]
    np.testing.assert_array_equal(theirs.xyxy, XYXY[:count])
    assert theirs.data["class_name"].tolist() == ["label", "ear"][:count]
    assert theirs.confidence.tolist() == pytest.approx([0.9, 0.5][:count])
    assert (theirs.mask is None) == (masks is None)
