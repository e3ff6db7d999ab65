"""What a teacher says about every place of an image, besides the objects that it finds; nothing here imports torch.

The image is given as the student sees it: on its square canvas of side S (`vision.letterbox`), a multiple of 32.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor

#: A part of the teachers: the one that finds the objects, or the one that draws their masks.
MapPart: TypeAlias = Literal["finder", "outliner"]

#: Strides of the levels, pixels of the canvas. The A cells of all levels together are the anchors of a YOLO head of
#: these strides: level by level, each row by row, cell (i, j) the square of one stride from (j, i) strides on.
MAP_STRIDES = (8, 16, 32)

#: Pixels of the canvas in a cell of `mask_logits`: that of the prototypes of a YOLO that segments.
MASK_STRIDE = 4

#: `maps(canvas, boxes)`: the canvas uint8 [S, S, 3] RGB, and the boxes float32 [N, 4] of objects on it, corners in
#: pixels. A teacher that finds takes no notice of the boxes and returns
#:   `scores` [A, C] in 0..1: the probability that the cell sees an object of the class; NaN where it gives none,
#:   `boxes` [A, 4]: the box of that object, corners as fractions of the canvas; NaN where it gives none,
#:   `features` [A, D]: what its encoder knows of the cell.
#: A teacher that outlines returns
#:   `mask_logits` [N, S / 4, S / 4]: of the mask of the object in each box, over the whole canvas.
#: All float32 on the CPU.
TeacherMaps: TypeAlias = Callable[[NDArray[np.uint8], NDArray[np.float32]], Mapping[str, "Tensor"]]


@dataclass(frozen=True)
class NoMaps:
    """The empty value of a teacher that has no maps.

    Attributes:
        why: the reason, in a clause.
    """

    why: str
