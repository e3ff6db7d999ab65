"""Random augmentation of labelled images for tuning."""

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
    """Augments an image together with its objects.

    Args:
        image: uint8 [H, W, 3], RGB.
        truth: its objects; an empty mask means that the object has none.
        augmentation: the augmentation to apply, or None.
        seed: equal seeds give equal images.

    Returns:
        The changed image, which may be of another size, and the objects that are still visible in it.
    """
    if augmentation is None:
        return image, truth
    changed = augmentation(Sample(image, truth), seed=seed)
    return changed.image, changed.objects
