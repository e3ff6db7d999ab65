"""Facts about one image file."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """Facts of one decoded image file, as stored (no EXIF rotation applied).

    Args:
        width: columns of pixels.
        height: rows of pixels.
        mode: Pillow's name of the pixel format (`RGB`, `L`, `I;16`, `CMYK` ...).
        sha256: hexadecimal digest of the file's bytes: equal files have equal digests.
        perceptual_hash: `near_duplicates.perceptual_hash` of the image: alike images have few differing bits.
        brightest: the largest value, 0..255, of the image as it is decoded, where the file has more than 8 bits a
            channel; else None.
    """

    width: int
    height: int
    mode: str
    sha256: str
    perceptual_hash: bytes
    brightest: int | None = None
