"""Ultralytics' losses with added distillation losses.

In all shapes: B images, A anchors, C classes, N labelled objects of all images together; see `students.raw`.
"""

from typing import Any

import torch
from torch import Tensor

from gsam_edge.students.raw import StudentRaw, Targets, WeightedLosses
from gsam_edge.students.ultralytics.imports import v8DetectionLoss, v8SegmentationLoss


class _TaughtLoss:
    """A YOLOv8 loss with distillation losses; without any it equals Ultralytics'."""

    assigner: Any
    bce: Any

    def __init__(self, model: Any, losses: WeightedLosses) -> None:
        """Binds the loss to a model.

        Args:
            model: the Ultralytics model, with its `args`.
            losses: distillation losses.
        """
        super().__init__(model)  # type: ignore[call-arg]
        self._losses = losses
        self._assign = self.assigner
        self._own_class_loss = self.bce
        self.assigner = self._remembered_assignment
        self.bce = self._class_loss

    def loss(self, preds: dict[str, Tensor], batch: dict[str, Any]) -> tuple[Tensor, dict[str, Tensor]]:
        """See Ultralytics; the added losses extend the total and the items."""
        total, items = super().loss(preds, batch)  # type: ignore[misc]
        step, image_count = self._step, len(preds["scores"])
        del self._step  # frees tensors of this step
        added = {f"{name}_loss": weight * loss(*step) for name, (weight, loss) in self._losses.items()}
        total = torch.cat([total, *(value[None] * image_count for value in added.values())])  # like its own parts
        return total, items | {name: value.detach() for name, value in added.items()}

    def get_assigned_targets_and_loss(self, preds: dict[str, Tensor], batch: dict[str, Any], **options: Any) -> Any:
        """See Ultralytics; the batch also holds `has_mask` [N]."""
        self._inputs = preds, batch
        (foreground, gt_index, *rest), loss, items = super().get_assigned_targets_and_loss(preds, batch, **options)  # type: ignore[misc]
        del self._inputs
        targets = self._step[1]
        with_mask = foreground & targets.at_anchors(targets.has_mask)  # [B, A]
        return (with_mask, gt_index, *rest), loss, items

    def _remembered_assignment(self, *args: Any, **options: Any) -> Any:
        answer = self._assign(*args, **options)
        self._assigned = answer[3], answer[4]  # foreground [B, A], index of the object in its image [B, A]
        return answer

    def _class_loss(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Returns Ultralytics' class loss [B, A, C] of logits and targets, both [B, A, C]."""
        preds, batch = self._inputs
        foreground, gt_index = self._assigned
        raw = StudentRaw(class_logits=logits, box_logits=preds["boxes"].permute(0, 2, 1))  # [B, 4 R, A] to [B, A, 4 R]
        wanted = Targets(
            foreground=foreground,
            object_index=_object_index(batch["batch_idx"].long(), gt_index.long()),
            class_targets=targets,
            has_mask=batch["has_mask"],
        )
        self._step = raw, wanted
        return self._own_class_loss(logits, targets)


def _object_index(image_of_object: Tensor, index_in_image: Tensor) -> Tensor:
    """Returns the index, among the objects of all images, of the object that an anchor is assigned to.

    Args:
        image_of_object: int64 [N], in ascending order.
        index_in_image: int64 [B, A], index among the objects of the anchor's image.

    Returns:
        int64 [B, A]; N where the index is past the last object, as in a last image without objects.
    """
    counts = torch.bincount(image_of_object, minlength=len(index_in_image))  # [B]
    first = counts.cumsum(0) - counts  # [B]
    return (first[:, None] + index_in_image).clamp(max=len(image_of_object))


class DetectionLoss(_TaughtLoss, v8DetectionLoss):  # type: ignore[misc]
    """YOLOv8's loss."""


class SegmentationLoss(_TaughtLoss, v8SegmentationLoss):  # type: ignore[misc]
    """YOLOv8-seg's loss; objects without a mask are used for the box and class losses only."""

    def loss(self, preds: dict[str, Tensor], batch: dict[str, Any]) -> tuple[Tensor, dict[str, Tensor]]:
        """See Ultralytics; the item of a semantic head, which YOLOv8 does not have, is left out."""
        total, items = super().loss(preds, batch)
        return total, {name: value for name, value in items.items() if name != "sem_loss"}
