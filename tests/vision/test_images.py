"""Image files as people have them, and as attackers make them."""

import warnings
from io import BytesIO

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from gsam_edge.vision.images import ImageError, decode_image, probe_image

MAX_PIXELS = 10_000


def encoded(image, file_format, **options):
    buffer = BytesIO()
    image.save(buffer, file_format, **options)
    return buffer.getvalue()


def decode(content, max_pixels=MAX_PIXELS):
    return decode_image(content, name="x", max_pixels=max_pixels)


def quadrant():
    """20 x 30 pixels, white in the upper left quarter."""
    pixels = np.zeros((20, 30, 3), np.uint8)
    pixels[:10, :15] = 255
    return Image.fromarray(pixels)


@pytest.mark.parametrize("file_format", ["PNG", "BMP", "TIFF", "WEBP", "PPM", "JPEG2000"])
def test_lossless_formats_come_as_they_are(file_format):
    pixels = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    options = {"lossless": True} if file_format == "WEBP" else {}
    decoded = decode(encoded(Image.fromarray(pixels), file_format, **options))
    assert decoded.dtype == np.uint8
    assert decoded.flags.writeable
    np.testing.assert_array_equal(decoded, pixels)


@pytest.mark.parametrize(
    ("mode", "file_format", "value", "expected"),
    [
        ("L", "PNG", 100, (100, 100, 100)),
        ("LA", "PNG", (100, 0), (100, 100, 100)),
        ("1", "PNG", 1, (255, 255, 255)),
        ("RGBA", "PNG", (10, 20, 30, 0), (10, 20, 30)),
        ("I;16", "PNG", 0xFFFF, (255, 255, 255)),
        ("I;16", "PNG", 0x8080, (128, 128, 128)),
        ("I;16", "TIFF", 0x8080, (128, 128, 128)),
        ("CMYK", "TIFF", (0, 255, 255, 0), (255, 0, 0)),
        ("CMYK", "JPEG", (0, 0, 0, 0), (255, 255, 255)),
        ("P", "GIF", 0, (0, 0, 0)),
    ],
)
def test_every_mode_becomes_rgb(mode, file_format, value, expected):
    decoded = decode(encoded(Image.new(mode, (7, 5), value), file_format))
    assert decoded.shape == (5, 7, 3)
    np.testing.assert_allclose(decoded[2, 3], expected, atol=2)


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize(
    ("orientation", "hw", "centre_yx"),
    [
        (1, (20, 30), (4.5, 7)), (2, (20, 30), (4.5, 22)), (3, (20, 30), (14.5, 22)), (4, (20, 30), (14.5, 7)),
        (5, (30, 20), (7, 4.5)), (6, (30, 20), (7, 14.5)), (7, (30, 20), (22, 14.5)), (8, (30, 20), (22, 4.5)),
    ],
)  # fmt: skip
def test_exif_turns_the_picture_and_the_probed_size(tmp_path, file_format, orientation, hw, centre_yx):
    exif = Image.Exif()
    exif[0x0112] = orientation
    content = encoded(quadrant(), file_format, exif=exif.tobytes())
    decoded = decode(content)
    assert decoded.shape[:2] == hw
    np.testing.assert_allclose(np.argwhere(decoded.mean(axis=2) > 128).mean(axis=0), centre_yx, atol=0.5)
    (tmp_path / "image").write_bytes(content)
    assert probe_image(tmp_path / "image", name="x", max_pixels=MAX_PIXELS) == hw


def test_bombs_are_refused_before_they_are_decoded(tmp_path):
    content = encoded(Image.new("1", (200, 100)), "PNG")
    (tmp_path / "bomb.png").write_bytes(content)
    for attempt in (
        lambda: decode(content, max_pixels=19_999),
        lambda: probe_image(tmp_path / "bomb.png", name="x", max_pixels=19_999),
    ):
        with pytest.raises(ImageError, match="x: expected at most 19999 pixels, got 200 x 100"):
            attempt()
    assert decode(content, max_pixels=20_000).shape == (100, 200, 3)


@pytest.mark.parametrize("content", [b"", b"no image", b"\x89PNG\r\n\x1a\n", b"%!PS-Adobe-3.0 EPSF-3.0\n"])
def test_what_is_no_image_is_refused(content):
    with pytest.raises(ImageError, match="x: expected a complete image file"):
        decode(content)


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "TIFF", "WEBP", "BMP"])
def test_truncated_files_are_refused(file_format):
    noise = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    content = encoded(Image.fromarray(noise), file_format)
    with pytest.raises(ImageError):
        decode(content[: len(content) // 2])


SAMPLES = [
    (file_format, encoded(quadrant().convert(mode), file_format))
    for mode, file_format in [
        ("RGB", "PNG"), ("P", "PNG"), ("RGB", "JPEG"), ("RGB", "TIFF"), ("RGB", "WEBP"), ("P", "GIF"), ("RGB", "BMP"),
        ("L", "PPM"), ("RGB", "JPEG2000"),
    ]
]  # fmt: skip


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300, deadline=None)
@given(st.sampled_from(SAMPLES), st.data())
def test_damaged_files_end_in_a_picture_or_an_image_error(tmp_path, sample, data):
    content = bytearray(sample[1])
    for _ in range(data.draw(st.integers(1, 5))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    content = content[: data.draw(st.integers(1, len(content)))]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        (tmp_path / "image").write_bytes(content)
        try:
            probed = probe_image(tmp_path / "image", name="x", max_pixels=MAX_PIXELS)
        except ImageError:
            probed = None
        try:
            decoded = decode(bytes(content))
        except ImageError:
            return
    assert decoded.shape == (*probed, 3)
