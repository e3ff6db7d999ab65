"""Inputs of distillation losses: what a student and its teachers say about every place of a plain image.

An image is plain where it is shown alone and upright or mirrored on its canvas (`vision.letterbox`): then the teachers'
maps lie on the student's grid.

In all shapes: P plain images of a batch, A anchors (positions at which the student may find an object), C classes, D
channels of the teacher's features, N labelled objects of all plain images together, M prototypes on h x w cells.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor


class ImageMaps(Protocol):
    """The teachers' maps of the training images, one image at a time."""

    @property
    def plain_share(self) -> float:
        """The share of the images (0..1) that are shown plain."""

    def of(self, name: str, xyxy: NDArray[np.float32]) -> "Mapping[str, Tensor]":
        """Returns the maps of an image on its canvas, on the CPU.

        Args:
            name: its `file_name`.
            xyxy: float32 [n, 4], the boxes of its objects, corners in pixels of the image.

        Returns:
            Those that are asked for among `scores` [A, C] in 0..1, `boxes` [A, 4] corners as fractions of the canvas,
            `features` [A, D], and `mask_logits` [n, h, w] of the objects. Scores and boxes are NaN where the teacher
            gives none.
        """


@dataclass(frozen=True)
class PlainOutputs:
    """What a student says about the plain images of a step, with gradients, float32.

    Attributes:
        class_logits: [P, A, C], before the sigmoid.
        boxes: [P, A, 4], corners as fractions of the canvas.
        anchors: [A, 2], their places (x, y) as fractions of the canvas; without a gradient.
        levels: anchors of each level; their sum is A.
        features: [P, A, D], projected to the teacher's channels; None where no loss asks for them.
        mask_coefficients: [P, A, M]; None of a student without masks.
        prototypes: [P, M, h, w] over the whole canvas; None of a student without masks.
    """

    class_logits: "Tensor"
    boxes: "Tensor"
    anchors: "Tensor"
    levels: tuple[int, ...]
    features: "Tensor | None"
    mask_coefficients: "Tensor | None"
    prototypes: "Tensor | None"


@dataclass(frozen=True)
class PlainTargets:
    """What the teachers say about the plain images of a step, float32; None where no loss asks for it.

    Attributes:
        progress: share of the training that is done, 0..1.
        scores: [P, A, C] in 0..1, NaN where the teacher gives none.
        boxes: [P, A, 4], corners as fractions of the canvas, NaN where the teacher gives none.
        features: [P, A, D].
        mask_logits: [N, h, w].
        object_image: int64 [N] in 0..P-1, the image of each object.
        object_boxes: [N, 4], corners as fractions of the canvas.
        object_weights: [N] in 0..1, what its mask counts; 0 where a person drew it.
    """

    progress: float
    scores: "Tensor | None"
    boxes: "Tensor | None"
    features: "Tensor | None"
    mask_logits: "Tensor | None"
    object_image: "Tensor"
    object_boxes: "Tensor"
    object_weights: "Tensor"


#: The loss of one step as one number, without its weight. Multiplied by the weight it is added to the student's own
#: losses, and logged as `<name>_loss`.
DistillationLoss: TypeAlias = Callable[[PlainOutputs, PlainTargets], "Tensor"]
#: Name to weight and loss.
WeightedLosses: TypeAlias = Mapping[str, tuple[float, DistillationLoss]]
