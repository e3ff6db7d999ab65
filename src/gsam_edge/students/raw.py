"""Inputs of distillation losses: the student's raw outputs, and the targets from the labels.

In all shapes: B images, A anchors (positions at which the student may find an object), C classes, N labelled objects of
all images together, R bins of the predicted distance to a side of a box.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

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
        class_targets: float [B, A, C]: how well the anchor fits its object (0..1) at the object's class, 0 elsewhere.
        has_mask: bool [N].
    """

    foreground: Tensor
    object_index: Tensor
    class_targets: Tensor
    has_mask: Tensor

    def at_anchors(self, values: Tensor) -> Tensor:
        """Returns values [N, ...] of objects for the anchors they are assigned to, [B, A, ...]; arbitrary elsewhere."""
        padded = torch.cat([values, values.new_zeros((1, *values.shape[1:]))])  # [N + 1, ...]
        return padded[self.object_index]


#: The loss of one step as one number, without its weight. Multiplied by the weight it is added to the student's own
#: losses, and logged as `<name>_loss`.
DistillationLoss: TypeAlias = Callable[[StudentRaw, Targets], Tensor]
#: Name to weight and loss.
WeightedLosses: TypeAlias = Mapping[str, tuple[float, DistillationLoss]]
