"""Ultralytics' losses of objects that have weights or are ignored, for images of one kind.

In all shapes: B images, A anchors, C classes, N labelled objects of all images together, M most objects of an image.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from gsam_edge.students.ultralytics.imports import v8DetectionLoss, v8SegmentationLoss


class _WeightedLoss:
    """A YOLO loss in which every object has its weights; where all are 1 and none is ignored it equals Ultralytics'.

    The batch holds, beside Ultralytics' keys, `class_weight`, `box_weight` and `mask_weight` [N] in 0..1, `ignored`
    bool [N] and `has_mask` bool [N]; their meaning is that of `students.images.LabelWeights`. The normaliser, the sum
    of how well the anchors fit, is that of objects of full weight: half the weight is half the gradient.

    Images whose labels no person gave (`pseudo`, bool [B], the same for all of the batch) often have few objects or
    none. Their normaliser is no smaller than that of as many images of the last batch with the truth: divided by next
    to nothing, their background would count many times that of the truth, and teach that there is nothing anywhere.
    """

    assigner: Any
    bce: Any
    bbox_loss: Any
    _fit: Tensor
    _true_fit: Tensor

    def __init__(self, *model: Any, **options: Any) -> None:
        """Binds Ultralytics' loss to a model; arguments are Ultralytics'."""
        super().__init__(*model, **options)
        self._own_assigner, self.assigner = self.assigner, self._assign
        self._own_class_loss, self.bce = self.bce, self._class_loss
        self._own_box_loss, self.bbox_loss = self.bbox_loss, self._box_loss

    def get_assigned_targets_and_loss(self, preds: dict[str, Tensor], batch: Mapping[str, Any]) -> Any:
        """See Ultralytics; the foreground that it returns, of the mask loss, are anchors of objects with a mask."""
        self._batch = batch
        (foreground, index, *rest), loss, items = super().get_assigned_targets_and_loss(preds, batch)  # type: ignore[misc]
        images = len(batch["pseudo"])
        if batch["pseudo"].any():
            share = self._fit / self._fit.clamp(min=self._true_fit * images)
            loss, items = loss * share, {name: value * share for name, value in items.items()}
        else:
            self._true_fit = self._fit / images
        return (foreground & self._of_objects("has_mask"), index, *rest), loss, items

    def _of_objects(self, name: str) -> Tensor:
        """Returns values [N] of the batch's objects for the anchors they are assigned to, [B, A]; 0 elsewhere."""
        values = self._batch[name]
        padded = torch.cat([values, values.new_zeros(1)])  # [N + 1]
        return padded[torch.where(self._foreground, self._object_index, len(values))]

    def _assign(
        self,
        scores: Tensor,
        boxes: Tensor,
        centres: Tensor,
        labels: Tensor,
        gt_xyxy: Tensor,
        there: Tensor,
    ) -> Any:
        """See Ultralytics' assigner; ignored objects get no anchors, and those they could have are not background.

        Args:
            scores: [B, A, C].
            boxes: [B, A, 4].
            centres: [A, 2] of the anchors, x and y in pixels of the network's input.
            labels: [B, M, 1].
            gt_xyxy: [B, M, 4] in pixels of the network's input.
            there: [B, M, 1], 0 for padding.
        """
        image_of_object = self._batch["batch_idx"].long()  # [N], in ascending order
        first = first_objects(image_of_object, len(scores))  # [B]
        place = torch.arange(len(image_of_object), device=first.device) - first[image_of_object]  # [N], of 0..M-1
        ignored = torch.zeros_like(there, dtype=torch.bool)  # [B, M, 1]
        ignored[image_of_object, place, 0] = self._batch["ignored"]
        answer = self._own_assigner(scores, boxes, centres, labels, gt_xyxy, there * ~ignored)
        self._fit = answer[2].sum().clamp(min=1)  # Ultralytics' normaliser, of the target scores [B, A, C]
        self._foreground = answer[3]  # [B, A]
        self._object_index = first[:, None] + answer[4].long()  # [B, A], of the N objects; arbitrary for the background
        # Those with their centre in the box, and around a small box as many more as could find an object there.
        candidates = self._own_assigner.select_candidates_in_gts(centres, gt_xyxy, ignored)  # [B, M, A]
        self._is_learnt = self._foreground | ~(candidates & ignored).any(1)
        return answer

    def _class_loss(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Returns Ultralytics' class loss [B, A, C] of logits and weighted targets; 0 in the ignored background."""
        weighted = targets * self._of_objects("class_weight").to(targets.dtype)[..., None]
        loss: Tensor = self._own_class_loss(logits, weighted)
        return loss * self._is_learnt[..., None]

    def _box_loss(
        self, distances: Tensor, boxes: Tensor, centres: Tensor, gt_xyxy: Tensor, fit: Tensor, *more: Tensor
    ) -> Any:
        """Returns Ultralytics' box and distribution focal loss with the fit [B, A, C] times the weight of the box."""
        weighted = fit * self._of_objects("box_weight").to(fit.dtype)[..., None]
        return self._own_box_loss(distances, boxes, centres, gt_xyxy, weighted, *more)


def first_objects(image_of_object: Tensor, images: int) -> Tensor:
    """Returns the index of each image's first object among the objects of all images, int64 [B].

    Args:
        image_of_object: int64 [N], in ascending order.
        images: B.
    """
    counts = torch.bincount(image_of_object, minlength=images)
    return counts.cumsum(0) - counts


class DetectionLoss(_WeightedLoss, v8DetectionLoss):  # type: ignore[misc]
    """YOLOv8's loss."""


class SegmentationLoss(_WeightedLoss, v8SegmentationLoss):  # type: ignore[misc]
    """YOLOv8-seg's loss; objects without a mask are used for the box and class losses only."""

    def loss(self, preds: dict[str, Tensor], batch: Mapping[str, Any]) -> tuple[Tensor, dict[str, Tensor]]:
        """See Ultralytics; the item of a semantic head, which YOLOv8 does not have, is left out."""
        total, items = super().loss(preds, batch)
        return total, {name: value for name, value in items.items() if name != "sem_loss"}

    def calculate_segmentation_loss(self, fg_mask: Tensor, *targets: Tensor) -> Tensor:
        """See Ultralytics; each anchor's loss counts by the weight of its object's mask."""
        weights = self._of_objects("mask_weight")  # [B, A]
        self._weights: Iterator[Tensor] = iter([of[own] for of, own in zip(weights, fg_mask, strict=True) if own.any()])
        loss: Tensor = super().calculate_segmentation_loss(fg_mask, *targets)
        return loss

    def single_mask_loss(self, gt_mask: Tensor, pred: Tensor, proto: Tensor, xyxy: Tensor, area: Tensor) -> Tensor:
        """See Ultralytics, which divides each anchor's loss by its object's `area`: so the weight divides the area."""
        loss: Tensor = super().single_mask_loss(gt_mask, pred, proto, xyxy, area / next(self._weights))
        return loss
