"""Decoding of image files that nobody vouches for."""

from collections.abc import Mapping
from io import BytesIO
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

#: `file_name` to RGB uint8 [H, W, 3], decoded when asked for.
ImageSource: TypeAlias = Mapping[str, NDArray[np.uint8]]


class ImageError(ValueError):
    """A file that is no readable image, or one that is too large."""


def decode_image(content: bytes, *, name: str, max_pixels: int) -> NDArray[np.uint8]:
    """An image file's content as RGB.

    Grey, palette, 16-bit, CMYK and RGBA images are converted; transparency is dropped, not blended. The orientation that
    EXIF asks for is applied, so the array is the picture as its maker saw it.

    Args:
        content: the bytes of the file.
        name: what to call the file in an error.
        max_pixels: images with more pixels (width x height) are refused before they are decoded.

    Returns:
        uint8 [H, W, 3], RGB.

    Raises:
        ImageError: if the bytes are no complete image or declare more than `max_pixels`.
    """
    try:
        with Image.open(BytesIO(content)) as image:
            pixels = image.width * image.height
            if pixels > max_pixels:
                raise ImageError(f"{name}: expected at most {max_pixels} pixels, got {image.width} x {image.height}")
            upright = ImageOps.exif_transpose(image)
            if upright.mode.startswith("I"):
                wide = np.asarray(upright, np.float64) / 257
                upright = Image.fromarray(np.clip(wide, 0, 255).astype(np.uint8))
            return np.asarray(upright.convert("RGB"))
    except (OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise ImageError(f"{name}: expected a complete image file, got {len(content)} bytes that fail with: {error}") from error
