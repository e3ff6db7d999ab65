"""Decodes untrusted image files."""

import hashlib
import struct
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Protocol, TypeAlias, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageFile, ImageOps, UnidentifiedImageError

from gsam_edge.vision.errors import UserError

#: `file_name` to RGB uint8 [H, W, 3], decoded on access.
ImageSource: TypeAlias = Mapping[str, NDArray[np.uint8]]

#: The formats that are read. Pillow reads more, but some of them start other programs (EPS) or fetch other files.
FORMATS = ("BMP", "GIF", "JPEG", "JPEG2000", "PNG", "PPM", "TIFF", "WEBP")

#: Suffixes of these formats, lower case, as Pillow registers them; to ask it would load the plugins of all formats.
IMAGE_SUFFIXES = frozenset(
    (
        *(".apng", ".bmp", ".gif", ".j2c", ".j2k", ".jfif", ".jp2", ".jpc", ".jpe", ".jpeg", ".jpf", ".jpg"),
        *(".jpx", ".pbm", ".pfm", ".pgm", ".png", ".pnm", ".ppm", ".tif", ".tiff", ".webp"),
    )
)

#: Largest image file: for each pixel four uncompressed channels of 32 bits, and a mebibyte on top.
_BYTES_A_PIXEL, _BYTES_BESIDE_PIXELS = 16, 1 << 20

#: Most scans of a JPEG, which progressive ones have 10 to 20 of. Each is a pass over all pixels, and can be as short as
#: 26 bytes: a file of 10 MB can hold so many that it decodes for hours.
_SCAN, _MOST_SCANS = b"\xff\xda", 200

#: What is said of a file that none of them knows.
_NO_IMAGE = f"expected a complete image file of a known format ({', '.join(FORMATS)}), got another file"

#: What Pillow's readers raise on damaged files of these formats, found by mutating valid ones.
_DAMAGE = (
    OSError, SyntaxError, ValueError, TypeError, LookupError, EOFError, OverflowError, NotImplementedError,
    struct.error, zlib.error, Image.DecompressionBombError,
)  # fmt: skip

#: The EXIF orientations that swap height and width.
_TURNED = frozenset({5, 6, 7, 8})


class ImageError(UserError):
    """A file that is no readable image, or one that is too large."""


class MissingImageError(ImageError):
    """An image that the annotations name and that is not there."""


@runtime_checkable
class ImageDigests(Protocol):
    """Images that are known without decoding them."""

    def digest(self, file_name: str) -> str:
        """Returns the SHA-256 of the file's bytes, hexadecimal. Raises `ImageError` or `OSError` for a bad file."""
        ...


def image_digest(images: ImageSource, file_name: str) -> str:
    """Returns a digest that changes with an image's pixels, hexadecimal, undecoded where the source has files.

    A file that is encoded anew is another one, even where that changed no pixel.
    """
    if isinstance(images, ImageDigests):
        return images.digest(file_name)
    image = images[file_name]
    digest = hashlib.sha256(repr(image.shape).encode())
    digest.update(np.ascontiguousarray(image).tobytes())
    return digest.hexdigest()


def read_image_file(path: Path, *, name: str, max_pixels: int) -> bytes:
    """Returns the content of an image file, which is not looked at.

    Args:
        path: the file.
        name: its name in errors.
        max_pixels: files with more bytes than an image of so many pixels can need are refused.

    Raises:
        ImageError: if it is no file, cannot be read, or is too large.
    """
    limit = _BYTES_BESIDE_PIXELS + _BYTES_A_PIXEL * max_pixels
    try:
        if not path.is_file():
            raise MissingImageError(f"expected an image, found no file {path}")
        if (size := path.stat().st_size) > limit:
            raise ImageError(f"{name}: expected at most {limit} bytes, got a file of {size}")
        return path.read_bytes()
    except OSError as error:
        raise ImageError(f"{name}: expected an image file, but it cannot be read: {error}") from error


def decode_image(content: bytes, *, name: str, max_pixels: int) -> NDArray[np.uint8]:
    """Decodes an image file's content to RGB.

    Grey, palette, 16-bit, CMYK and RGBA images are converted; transparency is dropped, not blended. White is the
    largest number that the declared bits hold, so 12-bit values stored in 16 bits are dark: how many bits are in use is
    not guessed. The EXIF orientation is applied, so the array is upright.

    Args:
        content: the bytes of the file.
        name: the file's name in errors.
        max_pixels: images with more pixels (width x height) are refused before they are decoded.

    Returns:
        uint8 [H, W, 3], RGB, writable.

    Raises:
        ImageError: if the bytes are no complete image, declare more than `max_pixels`, or hold numbers of 32 bits,
            floating-point or signed ones, for which no file states the value of white.
    """
    with opened_image(content, name=name, max_pixels=max_pixels) as image:
        rgb = upright_rgb(image)
    # A bytearray makes the array writable; np.array(rgb) would copy the pixels once more.
    return np.frombuffer(bytearray(rgb.tobytes()), np.uint8).reshape(rgb.height, rgb.width, 3)


def upright_rgb(image: ImageFile.ImageFile) -> Image.Image:
    """Decodes an opened image as `decode_image` does; the pixels are the image's own where they need no conversion."""
    white = _white(image)
    ImageOps.exif_transpose(image, in_place=True)
    return to_rgb(image, white)


def reduce_jpeg(image: ImageFile.ImageFile, least_hw: tuple[int, int]) -> tuple[float, float, float, float] | None:
    """Has an opened JPEG decoded at 1/2, 1/4 or 1/8 of its size, as small as it can be above a least size.

    Its coefficients are read as always, but fewer pixels are made of them.

    Args:
        image: not yet decoded.
        least_hw: least height and width in pixels after the EXIF rotation.

    Returns:
        Left, top, right and bottom, in pixels of the reduced image before the rotation, of what the whole image covers:
        its last column and line may be covered in part. None where nothing is reduced, as in other formats.
    """
    whole = image.size
    drafted = image.draft(None, least_hw if is_turned(image) else least_hw[::-1])
    return None if drafted is None or image.size == whole else drafted[1]


def brightest_if_deep(image: ImageFile.ImageFile) -> int | None:
    """Returns the largest value, 0..255, of a decoded image with more than 8 bits a channel, else None.

    Args:
        image: opened and not yet decoded; it is decoded here, as by `decode_image`, if it has more than 8 bits.
    """
    if not image.mode.startswith("I") and ";16" not in _raw_mode(image):
        return None
    return int(np.asarray(to_rgb(image, _white(image))).max())


@contextmanager
def opened_image(content: bytes, *, name: str, max_pixels: int) -> Iterator[ImageFile.ImageFile]:
    """Opens an image file's content with Pillow, to be decoded within the block.

    Args:
        content: the bytes of the file.
        name: the file's name in errors.
        max_pixels: images with more pixels (width x height) are refused.

    Raises:
        ImageError: if the bytes are no complete image, here or where the block decodes them, declare more pixels, or
            hold numbers of 32 bits, floating-point or signed ones.
    """
    try:
        with Image.open(BytesIO(content), formats=FORMATS) as image:
            _check_header(image, name, max_pixels)
            _check_scans(image, content, name)
            yield image
    except ImageError:
        raise
    except UnidentifiedImageError as error:  # its text holds a place in memory
        raise ImageError(f"{name}: {_NO_IMAGE}") from error
    except _DAMAGE as error:
        raise ImageError(f"{name}: expected a complete image file, but decoding fails: {error}") from error


def _check_scans(image: ImageFile.ImageFile, content: bytes, name: str) -> None:
    """Raises ImageError for a JPEG of more scans than any has; pixels never hold the mark that begins one."""
    if image.format in {"JPEG", "MPO"} and (scans := content.count(_SCAN)) > _MOST_SCANS:
        raise ImageError(
            f"{name}: expected a JPEG of at most {_MOST_SCANS} scans, got {scans}, which would take long to decode; "
            "save the image again"
        )


def probe_image(path: Path, *, name: str, max_pixels: int) -> tuple[int, int]:
    """Returns height and width in pixels of the image that `decode_image` gives, from the file's header alone.

    Raises:
        ImageError: as `decode_image` raises it, except for damage behind the header.
    """
    with _opened_header(path, name, max_pixels) as image:
        return upright_hw(image)


def probe_orientation(path: Path, *, name: str, max_pixels: int) -> int:
    """Returns the EXIF orientation by which `decode_image` turns an image, 5 to 8 where it swaps its sides, else 1.

    Raises:
        ImageError: as `probe_image` does.
    """
    with _opened_header(path, name, max_pixels) as image:
        return int(image.getexif()[ExifTags.Base.Orientation]) if is_turned(image) else 1


@contextmanager
def _opened_header(path: Path, name: str, max_pixels: int) -> Iterator[Image.Image]:
    try:
        with Image.open(path, formats=FORMATS) as image:
            _check_header(image, name, max_pixels)
            yield image
    except ImageError:
        raise
    except UnidentifiedImageError as error:
        raise ImageError(f"{name}: {_NO_IMAGE}") from error
    except _DAMAGE as error:
        raise ImageError(f"{name}: expected an image file, but its header does not read: {error}") from error


def upright_hw(image: Image.Image) -> tuple[int, int]:
    """Returns height and width in pixels of an opened image after its EXIF rotation."""
    return (image.width, image.height) if is_turned(image) else (image.height, image.width)


def _raw_mode(image: ImageFile.ImageFile) -> str:
    """Returns Pillow's name of the pixel layout in the file of an opened, not yet decoded image; blank if none."""
    arguments = image.tile[0].args if image.tile else None
    first = arguments[0] if isinstance(arguments, tuple) and arguments else arguments
    return first if isinstance(first, str) else ""


def _white(image: ImageFile.ImageFile) -> int:
    """Returns the largest number in one channel of an opened, not yet decoded image whose mode begins with I."""
    return 0x0FFF if _raw_mode(image) == "I;12" else 0xFFFF


def to_rgb(image: Image.Image, white: int = 0xFFFF) -> Image.Image:
    """Decodes an opened image, not turned, to 8 bits of RGB; `white` is its largest number where it has more bits."""
    if image.mode.startswith("I"):
        image = Image.fromarray((np.asarray(image, np.int32) * 255 // white).astype(np.uint8))
    return image if image.mode == "RGB" else image.convert("RGB")


def is_turned(image: Image.Image) -> bool:
    """Whether the EXIF rotation swaps the sides of an opened, not yet decoded image."""
    if image.format == "TIFF":
        return False  # Pillow's TIFF reader turns the image itself and gives its size after the turn
    if image.format == "PNG" and not image.info.keys() & {"exif", "Raw profile type exif", "XML:com.adobe.xmp"}:
        return False  # reading EXIF here would decode the whole image
    return image.getexif().get(ExifTags.Base.Orientation) in _TURNED


def _check_header(image: Image.Image, name: str, max_pixels: int) -> None:
    if image.width * image.height > max_pixels:
        raise ImageError(f"{name}: expected at most {max_pixels} pixels, got {image.width} x {image.height}")
    # Of the formats that are read, TIFF alone has whole numbers beyond 16 bits: mode I elsewhere means 16.
    if image.mode == "F" or (image.mode == "I" and image.format == "TIFF"):
        raise ImageError(
            f"{name}: expected channels of at most 16 bits, unsigned, got {image.format} with 32 bits, floating-point "
            f"or signed numbers (Pillow's mode {image.mode}); store it as 8 or 16 bits with white at 255 or 65535"
        )
