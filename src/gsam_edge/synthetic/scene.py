"""A drawn image with its exact annotations, as both worlds return it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Scene:
    """A drawn image with its exact annotations.

    Attributes:
        image: uint8 [H, W, 3], RGB.
        masks: bool [N, H, W], the visible pixels of each object; no pixel belongs to two objects.
        phrases: N noun phrases in lower case, one per object; every object that a phrase is true of has it.

    Raises:
        ValueError: if the three do not agree in size.
    """

    image: NDArray[np.uint8]
    masks: NDArray[np.bool_]
    phrases: tuple[str, ...]

    def __post_init__(self) -> None:
        expected = (len(self.phrases), *self.image.shape[:2])
        if self.masks.shape != expected:
            raise ValueError(f"Scene.masks: expected shape {expected}, got {self.masks.shape}")
