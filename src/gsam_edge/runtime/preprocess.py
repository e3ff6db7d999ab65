"""From a picture to the network's input."""

import numpy as np
from numpy.typing import NDArray

from gsam_edge.vision.letterbox import Letterbox


def preprocess(image: NDArray[np.uint8], image_size: int) -> tuple[NDArray[np.float32], Letterbox]:
    """A picture as the network wants it, and the geometry that leads back.

    Args:
        image: uint8 [H, W, 3], RGB.
        image_size: side S of the square network input in pixels.

    Returns:
        float32 [1, 3, S, S], RGB in 0..1, letterboxed; and the letterbox.

    Raises:
        ValueError: if the image is not uint8 [H, W, 3] with at least one pixel.
    """
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or image.size == 0:
        raise ValueError(f"image: expected uint8 [H, W, 3], got {image.dtype} {list(image.shape)}")
    letterbox = Letterbox.fit((image.shape[0], image.shape[1]), (image_size, image_size))
    planes = letterbox.image(image).transpose(2, 0, 1)[None]
    return np.ascontiguousarray(planes).astype(np.float32) / np.float32(255), letterbox
