"""An image with its labels: input and output of the augmentation."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

_NOT_GIVEN = np.zeros(0, np.int64)


@dataclass(frozen=True)
class Sample:
    """One image and the objects in it.

    Attributes:
        image: uint8 [H, W, 3], RGB.
        xyxy: float32 [N, 4], corners in pixels.
        class_ids: int64 [N].
        masks: bool [N, H, W], or None where the data has no masks; the mask of an object with only a box is empty.
        instance_ids: int64 [N], unique ids of the objects; 0..N-1 where they are not given.

    Raises:
        ValueError: if shapes, types or ids do not fit together.
    """

    image: NDArray[np.uint8]
    xyxy: NDArray[np.float32]
    class_ids: NDArray[np.int64]
    masks: NDArray[np.bool_] | None = None
    instance_ids: NDArray[np.int64] = field(default_factory=lambda: _NOT_GIVEN)

    def __post_init__(self) -> None:
        if self.instance_ids is _NOT_GIVEN:
            object.__setattr__(self, "instance_ids", np.arange(len(self.xyxy), dtype=np.int64))
        if self.image.ndim != 3 or self.image.shape[2] != 3 or self.image.dtype != np.uint8 or not self.image.size:
            raise ValueError(f"Sample.image: expected uint8 [H, W, 3], got {self.image.dtype} {list(self.image.shape)}")
        n, (height, width) = len(self.xyxy), self.image.shape[:2]
        self._expect("xyxy", (n, 4))
        self._expect("class_ids", (n,))
        self._expect("instance_ids", (n,))
        if len(np.unique(self.instance_ids)) != n:
            raise ValueError(f"Sample.instance_ids: expected each once, got {self.instance_ids.tolist()}")
        if self.masks is not None:
            self._expect("masks", (n, height, width))
            if self.masks.dtype != np.bool_:
                raise ValueError(f"Sample.masks: expected bool, got {self.masks.dtype}")

    def _expect(self, name: str, shape: tuple[int, ...]) -> None:
        array = getattr(self, name)
        if array.shape != shape:
            raise ValueError(f"Sample.{name}: expected shape {list(shape)}, got {list(array.shape)}")
