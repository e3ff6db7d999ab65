"""How an image looks as a photograph: bright or dark, of much or little contrast, sharp or blurred."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

#: Longest side, pixels, at which images are compared, so that their sizes play no part.
_SIDE = 512
#: Contrast below this is none: of a grey image the sharpness would be noise over noise.
_NO_CONTRAST = 1e-3


class ImageQuality(NamedTuple):
    """Measures of one image.

    Attributes:
        brightness: mean of its grey values, 0..1.
        contrast: their standard deviation, 0..0.5.
        sharpness: standard deviation of the Laplacian over the contrast, so that a scene of little contrast does not
            count as blurred; 0 without any contrast.
    """

    brightness: float
    contrast: float
    sharpness: float


def image_quality(image: NDArray[np.uint8]) -> ImageQuality:
    """Measures an image, uint8 [H, W, 3] RGB, at most 512 pixels long."""
    grey = Image.fromarray(image).convert("L")
    grey.thumbnail((_SIDE, _SIDE), Image.Resampling.BOX)
    values = np.asarray(grey, np.float32) / 255
    contrast = float(values.std())
    sharpness = 0.0
    if contrast > _NO_CONTRAST and min(values.shape) > 2:
        inner = values[1:-1, 1:-1]
        around = values[:-2, 1:-1] + values[2:, 1:-1] + values[1:-1, :-2] + values[1:-1, 2:]
        sharpness = float((around - 4 * inner).std()) / contrast
    return ImageQuality(float(values.mean()), contrast, sharpness)
