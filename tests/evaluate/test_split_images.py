import numpy as np
import pytest

from gsam_edge.coco.annotations import Annotations
from gsam_edge.evaluate.split_images import SplitImages


class Recorder(dict):
    """A source that notes what was read."""

    def __init__(self, *names):
        super().__init__({name: np.full((2, 2, 3), row, np.uint8) for row, name in enumerate(names)})
        self.read = []

    def __getitem__(self, name):
        self.read.append(name)
        return super().__getitem__(name)


def test_order_and_laziness():
    truth = Annotations(tuple({"id": i, "file_name": name} for i, name in enumerate("ca")), (), ())
    source = Recorder("a", "b", "c")
    images = SplitImages(truth, source)
    assert len(images) == 2
    assert source.read == []
    assert images[1][0, 0, 0] == 0
    assert source.read == ["a"]
    assert [image[0, 0, 0] for image in images] == [2, 0]
    assert len(images[:1]) == 1
    with pytest.raises(IndexError):
        images[2]
