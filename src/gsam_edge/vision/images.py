"""Decoding of image files that nobody vouches for."""

import struct
import zlib
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageOps

#: `file_name` to RGB uint8 [H, W, 3], decoded when asked for.
ImageSource: TypeAlias = Mapping[str, NDArray[np.uint8]]

#: The formats that are read. Pillow knows more, among them some that start other programs (EPS) or fetch other files.
FORMATS = ("BMP", "GIF", "JPEG", "JPEG2000", "PNG", "PPM", "TIFF", "WEBP")

#: What Pillow's readers raise on damaged files of these formats, found by mutating valid ones.
_DAMAGE = (
    OSError, SyntaxError, ValueError, TypeError, LookupError, EOFError, OverflowError, NotImplementedError,
    struct.error, zlib.error, Image.DecompressionBombError,
)  # fmt: skip

#: The EXIF orientations that swap height and width.
_TURNED = frozenset({5, 6, 7, 8})


class ImageError(ValueError):
    """A file that is no readable image, or one that is too large."""


class MissingImageError(ImageError):
    """An image that the annotations name and that is not there."""


def decode_image(content: bytes, *, name: str, max_pixels: int) -> NDArray[np.uint8]:
    """An image file's content as RGB.

    Grey, palette, 16-bit, CMYK and RGBA images are converted; transparency is dropped, not blended. The orientation
    that EXIF asks for is applied, so the array is the picture as its maker saw it.

    Args:
        content: the bytes of the file.
        name: what to call the file in an error.
        max_pixels: images with more pixels (width x height) are refused before they are decoded.

    Returns:
        uint8 [H, W, 3], RGB, writable.

    Raises:
        ImageError: if the bytes are no complete image or declare more than `max_pixels`.
    """
    try:
        with Image.open(BytesIO(content), formats=FORMATS) as image:
            _check_size(image, name, max_pixels)
            upright = ImageOps.exif_transpose(image)
            if upright.mode.startswith("I"):
                wide = np.asarray(upright, np.float64) / 257
                upright = Image.fromarray(np.clip(wide, 0, 255).astype(np.uint8))
            return np.array(upright.convert("RGB"))
    except ImageError:
        raise
    except _DAMAGE as error:
        raise ImageError(f"{name}: expected a complete image file, but decoding fails: {error}") from error


def probe_image(path: Path, *, name: str, max_pixels: int) -> tuple[int, int]:
    """Height and width in pixels of the picture that `decode_image` gives, read from the file's header alone.

    Raises:
        ImageError: if the file is no image or declares more than `max_pixels`.
    """
    try:
        with Image.open(path, formats=FORMATS) as image:
            _check_size(image, name, max_pixels)
            turned = image.getexif().get(ExifTags.Base.Orientation) in _TURNED
            return (image.width, image.height) if turned else (image.height, image.width)
    except ImageError:
        raise
    except _DAMAGE as error:
        raise ImageError(f"{name}: expected an image file, but its header does not read: {error}") from error


def _check_size(image: Image.Image, name: str, max_pixels: int) -> None:
    if image.width * image.height > max_pixels:
        raise ImageError(f"{name}: expected at most {max_pixels} pixels, got {image.width} x {image.height}")
