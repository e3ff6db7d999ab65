"""Copy-paste for what is rare: the more often seen classes need no second copy of their objects."""

import random
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gsam_edge.students.ultralytics.imports import CopyPaste


def rare_classes(class_ids: NDArray[np.int64], num_classes: int, rare_below: float) -> NDArray[np.bool_]:
    """Which classes have fewer objects than a fraction of an equal share.

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
    none, ever. Here it is the probability of each object.
    """

    def __init__(self, may_be_pasted: NDArray[np.bool_], probability: float) -> None:
        """Chooses objects.

        Args:
            may_be_pasted: bool [R], by row of the object table.
            probability: of each such object for whose mirror image there is room.
        """
        super().__init__(p=1.0, mode="flip")
        self._may_be_pasted = may_be_pasted
        self._probability = probability

    def get_params(self, labels: dict[str, Any]) -> dict[str, Any]:
        """What Ultralytics would paste, thinned out."""
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
