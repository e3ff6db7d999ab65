"""What a loss that listens to a teacher works on: the student's raw answers, and what truth and teacher want.

In all shapes: B images, A anchors (places at which the student may find an object), C classes, N labelled objects of
all images together, R bins in which the student says how far a side of a box is.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

import torch
from torch import Tensor


@dataclass(frozen=True)
class StudentRaw:
    """What a student answers in a training step, with gradients.

    Attributes:
        class_logits: [B, A, C], before the sigmoid.
        box_logits: [B, A, 4 R], before the softmax over R: distances from the anchor to left, top, right and bottom.
    """

    class_logits: Tensor
    box_logits: Tensor


@dataclass(frozen=True)
class Targets:
    """What it should answer.

    Attributes:
        foreground: bool [B, A], the anchors that an object is assigned to.
        object_index: int64 [B, A], which of the N objects; arbitrary for the background, N in images without objects.
        class_targets: float [B, A, C], the truth's: how well the anchor fits its object (0..1) at the object's class,
            0 elsewhere.
        teacher_scores: float32 [N, C] in 0..1, NaN where the teacher said nothing.
        has_mask: bool [N].
    """

    foreground: Tensor
    object_index: Tensor
    class_targets: Tensor
    teacher_scores: Tensor
    has_mask: Tensor

    def at_anchors(self, values: Tensor) -> Tensor:
        """The values [N, ...] of the objects that the anchors are assigned to, [B, A, ...]; arbitrary elsewhere."""
        padded = torch.cat([values, values.new_zeros((1, *values.shape[1:]))])  # [N + 1, ...]
        return padded[self.object_index]


@dataclass(frozen=True)
class DistillationLoss:
    """How a student listens to a teacher.

    Attributes:
        compute: the loss of one step, without its weight.
        effect: what becomes of the answer.
            "class_targets": it is class targets [B, A, C] for the student's own class loss; the weight is their share
            (0..1), the truth's have the rest.
            "added": it is one number, multiplied by the weight, added to the student's own losses and logged as
            `<name>_loss`.
    """

    compute: Callable[[StudentRaw, Targets], Tensor]
    effect: Literal["class_targets", "added"]


#: Name to weight and loss.
WeightedLosses: TypeAlias = Mapping[str, tuple[float, DistillationLoss]]
