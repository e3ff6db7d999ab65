"""The interface of a task."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from gsam_edge.runtime.card import Card
from gsam_edge.vision.detections import Detections
from gsam_edge.vision.letterbox import Letterbox


@runtime_checkable
class Task(Protocol):
    """Preparation of inputs and reading of outputs for every student of a task, with any engine."""

    def outputs(self, card: Card) -> tuple[tuple[str, ...], ...]:
        """Returns the names that a student's outputs may have, in order: one tuple for each number of outputs."""
        ...

    def prepare(self, image: NDArray[np.uint8], card: Card) -> tuple[NDArray[np.float32], Letterbox]:
        """Returns the network input of an image, and the geometry that maps back.

        Args:
            image: uint8 [H, W, 3], RGB.
            card: of the student; its `image_size` is S.

        Returns:
            float32 [1, 3, S, S], RGB in 0..1; and the placement of the image in it.

        Raises:
            ValueError: if the image is not uint8 [H, W, 3] with at least one pixel.
        """
        ...

    def prepare_file(
        self, content: bytes, card: Card, *, name: str, max_pixels: int, reduced: bool
    ) -> tuple[NDArray[np.float32], Letterbox]:
        """Returns what `prepare` gives for the decoded image, from an image file's content.

        Args:
            content: the bytes of the file.
            card: of the student; its `image_size` is S.
            name: the file's name in errors.
            max_pixels: images with more pixels (width x height) are refused before they are decoded.
            reduced: whether fewer pixels than the image has may be decoded where the input has room for half of them a
                side or less. Otherwise the numbers are those of `prepare`.

        Raises:
            ImageError: if the bytes are no complete image, or one that is too large.
        """
        ...

    def read(
        self,
        outputs: Mapping[str, NDArray[Any]],
        geometry: Letterbox,
        card: Card,
        *,
        threshold: float | Sequence[float],
    ) -> Detections:
        """Reads the outputs as detections in the original image.

        Args:
            outputs: the student's outputs by name for one image.
            geometry: what `prepare` did to the image.
            card: of the student.
            threshold: objects that score less are left out (0..1); one number, or one for each class of the card.

        Raises:
            ValueError: if an output is missing, has another shape, or is not finite.
        """
        ...
