"""Inputs of distillation losses: the student's raw outputs, and the targets from truth and teacher.

In all shapes: B images, A anchors (positions at which the student may find an object), C classes, N labelled objects of
all images together, R bins of the predicted distance to a side of a box.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

import torch
from torch import Tensor


@dataclass(frozen=True)
class StudentRaw:
    """Raw outputs of a student in a training step, with gradients.

    Attributes:
        class_logits: [B, A, C], before the sigmoid.
        box_logits: [B, A, 4 R], before the softmax over R: distances from the anchor to left, top, right and bottom.
    """

    class_logits: Tensor
    box_logits: Tensor


@dataclass(frozen=True)
class Targets:
    """Targets of a training step.

    Attributes:
        foreground: bool [B, A], the anchors that an object is assigned to.
        object_index: int64 [B, A], which of the N objects; arbitrary for the background, N in images without objects.
        class_targets: float [B, A, C], from the truth: how well the anchor fits its object (0..1) at the object's
            class, 0 elsewhere.
        teacher_scores: float32 [N, C] in 0..1, NaN where the teacher gave no score.
        has_mask: bool [N].
    """

    foreground: Tensor
    object_index: Tensor
    class_targets: Tensor
    teacher_scores: Tensor
    has_mask: Tensor

    def at_anchors(self, values: Tensor) -> Tensor:
        """Returns values [N, ...] of objects for the anchors they are assigned to, [B, A, ...]; arbitrary elsewhere."""
        padded = torch.cat([values, values.new_zeros((1, *values.shape[1:]))])  # [N + 1, ...]
        return padded[self.object_index]


@dataclass(frozen=True)
class DistillationLoss:
    """A distillation loss and how it is used.

    Attributes:
        compute: the loss of one step, without its weight.
        effect: how the result is used.
            "class_targets": the result is class targets [B, A, C] for the student's own class loss; the weight is their
                share (0..1), the truth's have the rest.
            "added": the result is one number, multiplied by the weight, added to the student's own losses and logged as
                `<name>_loss`.
    """

    compute: Callable[[StudentRaw, Targets], Tensor]
    effect: Literal["class_targets", "added"]


#: Name to weight and loss.
WeightedLosses: TypeAlias = Mapping[str, tuple[float, DistillationLoss]]
