"""Real pictures as network inputs: to show a network which values to expect, and to compare two artefacts on."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

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
    def for_model(
        cls, model: bytes, images: ImageSource, file_names: Sequence[str], *, count: int, seed: int
    ) -> "CalibrationCanvases":
        """Canvases of the size that an exported student asks for.

        Args:
            model: the ONNX file's content.
            images: where the pictures come from.
            file_names: pictures to draw from.
            count: how many to draw, without repetition; all, if there are fewer.
            seed: of the drawing.
        """
        order = np.random.default_rng(seed).permutation(len(file_names))[:count]
        return cls(images, tuple(sorted(file_names[row] for row in order)), read_card(model).image_size)

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
