"""Ultralytics' losses, with class targets that listen to a teacher."""

from typing import Any

import torch
from torch import Tensor

from gsam_edge.students.ultralytics.imports import v8DetectionLoss, v8SegmentationLoss


class _TeacherClassTargets:
    """Mixes the teacher's scores into the class targets of a YOLOv8 loss.

    An anchor assigned to an object with weight w (the assigner's alignment, 0..1) has the target w at the object's
    class. With a teacher's scores s for the object it becomes w ((1 - alpha) onehot + alpha s), and stays what it was
    at a class of which the teacher says nothing. Boxes and masks weigh as before, so that alpha = 0 is Ultralytics'
    loss.
    """

    assigner: Any
    bce: Any

    def __init__(self, model: Any, alpha: float) -> None:
        """Binds the loss to a model.

        Args:
            model: the Ultralytics model, with its `args`.
            alpha: the teacher's share of the class target, 0..1.
        """
        super().__init__(model)  # type: ignore[call-arg]
        self._alpha = alpha
        self._assign = self.assigner
        self._hard_loss = self.bce
        self.assigner = self._remembered_assignment
        self.bce = self._class_loss

    def get_assigned_targets_and_loss(self, preds: dict[str, Tensor], batch: dict[str, Any], **options: Any) -> Any:
        """See Ultralytics; the batch also holds `teacher` [n, C] (NaN: nothing was said) and `has_mask` [n]."""
        self._batch = batch
        (fg_mask, gt_index, *rest), loss, items = super().get_assigned_targets_and_loss(preds, batch, **options)  # type: ignore[misc]
        with_mask = fg_mask & self._of_objects(batch["has_mask"], gt_index)
        return (with_mask, gt_index, *rest), loss, items

    def _remembered_assignment(self, *args: Any, **options: Any) -> Any:
        answer = self._assign(*args, **options)
        self._assigned = answer[3], answer[4]
        return answer

    def _class_loss(self, logits: Tensor, targets: Tensor) -> Tensor:
        foreground, gt_index = self._assigned
        teacher = self._of_objects(self._batch["teacher"], gt_index)
        taught = foreground[..., None] & ~teacher.isnan()
        soft = targets.sum(-1, keepdim=True) * teacher.nan_to_num()
        return self._hard_loss(
            logits, torch.where(taught, torch.lerp(targets, soft.to(targets.dtype), self._alpha), targets)
        )

    def _of_objects(self, values: Tensor, gt_index: Tensor) -> Tensor:
        """The value [B, A, ...] of the object that each anchor is assigned to; arbitrary for the background."""
        batch_index = self._batch["batch_idx"].long()
        counts = torch.bincount(batch_index, minlength=len(gt_index))
        offsets = (counts.cumsum(0) - counts)[:, None]  # of each image's first object
        padded = torch.cat([values, values.new_zeros((1, *values.shape[1:]))])  # for images without objects
        return padded[(offsets + gt_index.long()).clamp(max=len(values))]


class DetectionLoss(_TeacherClassTargets, v8DetectionLoss):  # type: ignore[misc]
    """YOLOv8's loss."""


class SegmentationLoss(_TeacherClassTargets, v8SegmentationLoss):  # type: ignore[misc]
    """YOLOv8-seg's loss; objects without a mask teach box and class only."""

    def loss(self, preds: dict[str, Tensor], batch: dict[str, Any]) -> tuple[Tensor, dict[str, Tensor]]:
        """See Ultralytics; the item of a semantic head, which YOLOv8 has not, is left out."""
        total, items = super().loss(preds, batch)
        return total, {name: value for name, value in items.items() if name != "sem_loss"}
