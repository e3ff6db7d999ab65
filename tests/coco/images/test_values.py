"""Keys and parts of file names, and messages that say what images have instead."""

import pytest

from gsam_edge.coco import InvalidDatasetError
from gsam_edge.coco.images.values import image_values

IMAGES = ({"id": 1, "file_name": "a/line1_7.png", "extra": {"day": 3}}, {"id": 2, "file_name": "b/line2_8.png"})


def test_keys_and_patterns():
    assert image_values(IMAGES, "extra.day", where="x") == [3, None]
    assert image_values(IMAGES, "extra.day.hour", where="x", required=False) == [None, None]
    assert image_values(IMAGES, r"file_name:(line\d)_", where="x") == ["line1", "line2"]
    assert image_values(IMAGES, "file_name:^a", where="x") == ["a", None]


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("day", r"split.group_by: expected a key .*got 'day'.* none of 2 .*they have extra, file_name, id"),
        ("file_name:^c", r"expected a regular expression that file names match.*they are called like 'a/line1_7.png'"),
        ("file_name:[", r"split.group_by: expected a regular expression, got '\['"),
    ],
)
def test_references_that_say_nothing(reference, message):
    with pytest.raises(InvalidDatasetError, match=message):
        image_values(IMAGES, reference, where="split.group_by")
