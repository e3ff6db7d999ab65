"""The images of a split and their true boxes, in order, for `measure`."""

from collections.abc import Sequence
from typing import overload

import numpy as np
from numpy.typing import NDArray

from gsam_edge.coco.annotations import Annotations
from gsam_edge.vision import Detections
from gsam_edge.vision.images import ImageSource


class SplitImages(Sequence[NDArray[np.uint8]]):
    """RGB uint8 [H, W, 3] images in the order of `truth.images`, decoded on access."""

    def __init__(self, truth: Annotations, source: ImageSource) -> None:
        self._names = [image["file_name"] for image in truth.images]
        self._source = source

    def __len__(self) -> int:
        return len(self._names)

    @overload
    def __getitem__(self, index: int) -> NDArray[np.uint8]: ...
    @overload
    def __getitem__(self, index: slice) -> list[NDArray[np.uint8]]: ...
    def __getitem__(self, index: int | slice) -> NDArray[np.uint8] | list[NDArray[np.uint8]]:
        if isinstance(index, slice):
            return [self._source[name] for name in self._names[index]]
        return self._source[self._names[index]]


class TrueBoxes(Sequence[Detections]):
    """The true objects of a split's images in order, without masks, built on access.

    Prompts are sent to the measured process, where true masks would count as its memory.
    """

    def __init__(self, truth: Annotations) -> None:
        self._truth = truth

    def __len__(self) -> int:
        return len(self._truth.images)

    @overload
    def __getitem__(self, index: int) -> Detections: ...
    @overload
    def __getitem__(self, index: slice) -> list[Detections]: ...
    def __getitem__(self, index: int | slice) -> Detections | list[Detections]:
        if isinstance(index, slice):
            return [self[row] for row in range(len(self))[index]]
        return self._truth.truth(self._truth.images[index]["id"], masks=False)
