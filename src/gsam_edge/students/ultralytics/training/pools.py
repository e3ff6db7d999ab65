"""The loss of a batch from two pools: images with the truth first, then those whose labels no person gave.

In all shapes: B images, N labelled objects of all images together.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from gsam_edge.students.ultralytics.training.loss import DetectionLoss

#: Keys of a batch that hold one value for each object; the others hold one for each image.
_OF_OBJECTS = frozenset(
    ("batch_idx", "row", "cls", "bboxes", "masks", "class_weight", "box_weight", "mask_weight", "ignored", "has_mask")
)


class PooledLoss:
    """A student's own loss of each pool by itself.

    The losses of a batch of the truth alone are the student's own. In a mixed batch each pool has its own normaliser,
    so that many pseudo-labels do not make the truth count less; nor do few of them make their background count more
    (`loss._WeightedLoss`).
    """

    def __init__(self, own: DetectionLoss, pseudo_weight: float) -> None:
        """Sets what is added up.

        Args:
            own: the student's own loss.
            pseudo_weight: weight of the own loss of images whose labels no person gave.
        """
        self._own = own
        self._pseudo_weight = pseudo_weight

    def __call__(self, preds: Mapping[str, Any], batch: Mapping[str, Any]) -> tuple[Tensor, dict[str, Tensor]]:
        """Returns the parts of the loss, each times the number of its images as Ultralytics' are, and items to log.

        Args:
            preds: the network's raw outputs.
            batch: Ultralytics' batch with the keys of `loss._WeightedLoss` and `pseudo`, bool [B], first the images
                with the truth.

        Returns:
            The parts; and their values by name, those of the second pool as `pseudo_...`, without its weight.
        """
        images, truth = len(batch["pseudo"]), int((~batch["pseudo"]).sum())
        total, items = self._own(*_part(preds, batch, 0, truth))
        if truth < images:
            of_pseudo, pseudo_items = self._own(*_part(preds, batch, truth, images))
            total = torch.cat([total, self._pseudo_weight * of_pseudo])
            items = items | {f"pseudo_{name}": value for name, value in pseudo_items.items()}
        return total, items


def _part(preds: Mapping[str, Any], batch: Mapping[str, Any], first: int, end: int) -> tuple[Any, dict[str, Any]]:
    """Returns outputs and labels of the images from `first` to before `end`."""
    image = batch["batch_idx"]
    own = (image >= first) & (image < end)  # [N]
    part = {key: value[own] if key in _OF_OBJECTS else value[first:end] for key, value in batch.items()}
    part["batch_idx"] = part["batch_idx"] - first
    return _images(preds, first, end), part


def _images(outputs: Any, first: int, end: int) -> Any:
    """Returns the outputs of some images, out of nested mappings and sequences of tensors [B, ...]."""
    if isinstance(outputs, Mapping):
        return {name: _images(value, first, end) for name, value in outputs.items()}
    if isinstance(outputs, list | tuple):
        return type(outputs)(_images(value, first, end) for value in outputs)
    return outputs[first:end]
