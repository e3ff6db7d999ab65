"""Real pictures as network inputs: to show a network which values to expect, and to compare two artefacts on."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from gsam_edge.coco import Annotations
from gsam_edge.coco.provenance import require_made_from
from gsam_edge.export.onnx_export import read_card
from gsam_edge.runtime.artefact import INPUT_NAME
from gsam_edge.runtime.preprocess import preprocess
from gsam_edge.vision.images import ImageSource


class Canvases(Protocol):
    """Network inputs float32 [1, 3, S, S], RGB in 0..1, by index; a list of arrays is one."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> NDArray[np.float32]: ...


@dataclass(frozen=True)
class CalibrationCanvases:
    """Network inputs, each decoded and letterboxed when it is asked for.

    Attributes:
        images: where the pictures come from.
        file_names: which of them, in order.
        image_size: side S of the canvas in pixels.
    """

    images: ImageSource
    file_names: tuple[str, ...]
    image_size: int

    @classmethod
    def of_training(
        cls, model: bytes, train: Annotations, images: ImageSource, *, count: int, seed: int
    ) -> "CalibrationCanvases":
        """Canvases of the size that an exported student asks for, of images that taught it.

        Args:
            model: the ONNX file's content.
            train: the training split.
            images: where the pictures come from.
            count: how many to draw, without repetition; all, if there are fewer.
            seed: of the drawing.

        Raises:
            DatasetError: if the student was made before the images were shared out anew, or for other classes.
        """
        card = read_card(model)
        remedy = "run the pipelines distillation and optimization"
        require_made_from(
            train, what="student_onnx", class_names=card.class_names, split_digest=card.split, remedy=remedy
        )
        names = [image["file_name"] for image in train.images]
        order = np.random.default_rng(seed).permutation(len(names))[:count]
        return cls(images, tuple(sorted(names[row] for row in order)), card.image_size)

    def __len__(self) -> int:
        return len(self.file_names)

    def __getitem__(self, index: int) -> NDArray[np.float32]:
        """float32 [1, 3, S, S], RGB in 0..1."""
        return preprocess(self.images[self.file_names[index]], self.image_size)[0]


class CanvasReader:
    """Canvases as ONNX Runtime's calibration wants them: a range is set, then read one by one until None."""

    def __init__(self, canvases: Canvases) -> None:
        """Reads nothing before a range is set."""
        self._canvases = canvases
        self._indices = iter(range(0))

    def __len__(self) -> int:
        return len(self._canvases)

    def set_range(self, start_index: int, end_index: int) -> None:
        """What `get_next` gives from now on: indices start_index..end_index-1."""
        self._indices = iter(range(start_index, end_index))

    def get_next(self) -> dict[str, NDArray[np.float32]] | None:
        """The next canvas by input name; None at the end of the range."""
        index = next(self._indices, None)
        return None if index is None else {INPUT_NAME: self._canvases[index]}
