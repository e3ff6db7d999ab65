"""Copy-paste augmentation, for objects of rare classes only."""

import random
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gsam_edge.students.ultralytics.imports import CopyPaste


def rare_classes(class_ids: NDArray[np.int64], num_classes: int, rare_below: float) -> NDArray[np.bool_]:
    """Returns which classes have fewer objects than a fraction of an equal share.

    Args:
        class_ids: int64 [N], of all objects.
        num_classes: C.
        rare_below: fraction of N / C objects; 1 calls every class rare that has fewer than the average.

    Returns:
        bool [C]; a class without objects is rare, which changes nothing.
    """
    counts = np.bincount(class_ids, minlength=num_classes)
    return counts < rare_below * len(class_ids) / num_classes


class RareCopyPaste(CopyPaste):  # type: ignore[misc]
    """Ultralytics' copy-paste (Ghiasi et al. 2021, arXiv:2012.07177) of mirrored objects, for chosen objects only.

    Ultralytics reads its `copy_paste` as the share of an image's free places to fill, rounded: 0.15 of one object is
    always none. Here it is the probability of each object.
    """

    def __init__(self, may_be_pasted: NDArray[np.bool_], probability: float) -> None:
        """Sets which objects may be pasted.

        Args:
            may_be_pasted: bool [R], by row of the `LabelTable`.
            probability: of each such object for whose mirror image there is room.
        """
        super().__init__(p=1.0, mode="flip")
        self._may_be_pasted = may_be_pasted
        self._probability = probability

    def get_params(self, labels: dict[str, Any]) -> dict[str, Any]:
        """Returns Ultralytics' choice of objects, reduced to a random part of those that may be pasted."""
        params: dict[str, Any] = super().get_params(labels)
        rows = labels["cls"][:, 0].astype(np.int64)
        params["selected"] = np.array(
            [
                place
                for place in params["selected"]
                if self._may_be_pasted[rows[place]] and random.random() < self._probability  # noqa: S311
            ],
            np.int64,
        )
        return params
