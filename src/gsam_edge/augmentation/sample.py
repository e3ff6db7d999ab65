"""An image with its labels: input and output of the augmentation."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from gsam_edge.vision import Detections

_NOT_GIVEN = np.zeros(0, np.int64)


@dataclass(frozen=True)
class Sample:
    """One image and the objects in it.

    Attributes:
        image: uint8 [H, W, 3], RGB.
        objects: its N objects; the mask of one that has only a box is empty.
        instance_ids: int64 [N], names of the objects, each once; 0..N-1 where they are not given.

    Raises:
        ValueError: if shapes, types or ids do not fit together.
    """

    image: NDArray[np.uint8]
    objects: Detections
    instance_ids: NDArray[np.int64] = field(default_factory=lambda: _NOT_GIVEN)

    def __post_init__(self) -> None:
        n, masks = len(self.objects), self.objects.held_masks
        if self.instance_ids is _NOT_GIVEN:
            object.__setattr__(self, "instance_ids", np.arange(n, dtype=np.int64))
        if self.image.ndim != 3 or self.image.shape[2] != 3 or self.image.dtype != np.uint8 or not self.image.size:
            raise ValueError(f"Sample.image: expected uint8 [H, W, 3], got {self.image.dtype} {list(self.image.shape)}")
        if self.instance_ids.shape != (n,) or len(np.unique(self.instance_ids)) != n:
            raise ValueError(f"Sample.instance_ids: expected {n}, each once, got {self.instance_ids.tolist()}")
        expected = (n, *self.image.shape[:2])
        kind = masks.dtype if isinstance(masks, np.ndarray) else np.dtype(bool)
        if masks is not None and (masks.shape != expected or kind != np.bool_):
            got = f"{kind} {list(masks.shape)}"
            raise ValueError(f"Sample.objects.masks: expected bool {list(expected)}, got {got}")
