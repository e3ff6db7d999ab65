"""Labelled images as the tuning shows them: changed by chance, in the ways that a description asks for."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from gsam_edge.augmentation import Sample
from gsam_edge.vision import Detections

if TYPE_CHECKING:
    from gsam_edge.augmentation.augmentation import Augmentation


def augmented(
    image: NDArray[np.uint8], truth: Detections, augmentation: "Augmentation | None", *, seed: int
) -> tuple[NDArray[np.uint8], Detections]:
    """An image with its objects, both changed alike.

    Args:
        image: uint8 [H, W, 3], RGB.
        truth: its objects; an empty mask is that of an object without one.
        augmentation: what to do, or None for nothing.
        seed: the same one gives the same image.

    Returns:
        The changed image, which may be of another size, and the objects that are still to be seen in it.
    """
    if augmentation is None:
        return image, truth
    changed = augmentation(Sample(image, truth), seed=seed)
    return changed.image, changed.objects
