"""Images as network inputs, for INT8 calibration and for comparing two artefacts."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from gsam_edge.coco.provenance import require_made_from
from gsam_edge.export.format import BuildData
from gsam_edge.runtime.card import Card
from gsam_edge.runtime.tasks.table import INPUT_NAME, task_of
from gsam_edge.vision.images import ImageSource


class Canvases(Protocol):
    """Network inputs float32 [1, 3, S, S], RGB in 0..1, by index; a list of arrays is one."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> NDArray[np.float32]: ...


@dataclass(frozen=True)
class CalibrationCanvases:
    """Network inputs, each decoded and prepared on access.

    Attributes:
        images: where the images come from.
        file_names: which of them, in order.
        card: of the student whose inputs they are.
    """

    images: ImageSource
    file_names: tuple[str, ...]
    card: Card

    @classmethod
    def of_training(cls, card: Card, data: BuildData, *, what: str, count: int) -> "CalibrationCanvases":
        """Draws inputs for an exported student from its training images.

        Args:
            card: the artefact's card.
            data: training split, images, and the seed of the draw.
            what: the artefact's name, for messages.
            count: how many to draw, without repetition; all, if there are fewer.

        Raises:
            InvalidDatasetError: if the student was made from another split of the images, or for other classes.
        """
        remedy = "run the pipelines distillation and optimization"
        require_made_from(data.train, what=what, class_names=card.class_names, split_digest=card.split, remedy=remedy)
        names = [image["file_name"] for image in data.train.images]
        order = np.random.default_rng(data.seed).permutation(len(names))[:count]
        return cls(data.images, tuple(sorted(names[row] for row in order)), card)

    def __len__(self) -> int:
        return len(self.file_names)

    def __getitem__(self, index: int) -> NDArray[np.float32]:
        """float32 [1, 3, S, S], RGB in 0..1."""
        return task_of(self.card).prepare(self.images[self.file_names[index]], self.card)[0]


class CanvasReader:
    """Reader of canvases for ONNX Runtime's calibration: gives a range of them one by one, then None."""

    def __init__(self, canvases: Canvases) -> None:
        """Reads nothing before a range is set."""
        self._canvases = canvases
        self._indices = iter(range(0))

    def __len__(self) -> int:
        return len(self._canvases)

    def set_range(self, start_index: int, end_index: int) -> None:
        """Sets what `get_next` gives from now on: indices start_index..end_index-1."""
        self._indices = iter(range(start_index, end_index))

    def get_next(self) -> dict[str, NDArray[np.float32]] | None:
        """Returns the next canvas by input name; None at the end of the range."""
        index = next(self._indices, None)
        return None if index is None else {INPUT_NAME: self._canvases[index]}
