"""Image files as people have them, and as attackers make them."""

import struct
import warnings
from io import BytesIO

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from gsam_edge.vision.images import (
    FORMATS,
    IMAGE_SUFFIXES,
    ImageError,
    brightest_if_deep,
    decode_image,
    opened_image,
    probe_image,
    probe_orientation,
)

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
        ("I;16B", "TIFF", 0x8080, (128, 128, 128)),
        ("I;16", "PPM", 0x8080, (128, 128, 128)),
        ("I;16", "JPEG2000", 0x8080, (128, 128, 128)),
        ("CMYK", "TIFF", (0, 255, 255, 0), (255, 0, 0)),
        ("CMYK", "JPEG", (0, 0, 0, 0), (255, 255, 255)),
        ("P", "GIF", 0, (0, 0, 0)),
    ],
)
def test_every_mode_becomes_rgb(mode, file_format, value, expected):
    decoded = decode(encoded(Image.new(mode, (7, 5), value), file_format))
    assert decoded.shape == (5, 7, 3)
    np.testing.assert_allclose(decoded[2, 3], expected, atol=2)


def tiff(pixels, bits, sample_format, rows=4, columns=6):
    """An uncompressed grey TIFF, written by hand: Pillow reads modes that it does not write."""
    tags = [
        (256, columns), (257, rows), (258, bits), (259, 1), (262, 1), (273, 8), (277, 1), (278, rows),
        (279, len(pixels)), (339, sample_format),
    ]  # fmt: skip
    directory = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    header = struct.pack("<2sHI", b"II", 42, 8 + len(pixels))
    return header + pixels + struct.pack("<H", len(tags)) + directory + struct.pack("<I", 0)


@pytest.mark.parametrize(
    ("dtype", "sample_format", "mode"), [("<i4", 2, "I"), ("<u4", 1, "I"), ("<i2", 2, "I"), ("<f4", 3, "F")]
)
def test_numbers_without_a_white_are_refused(tmp_path, dtype, sample_format, mode):
    pixels = np.linspace(0, 255, 24).astype(dtype)
    content = tiff(pixels.tobytes(), 8 * pixels.itemsize, sample_format)
    (tmp_path / "image").write_bytes(content)
    message = rf"x: expected channels of at most 16 bits, unsigned, got TIFF .*\(Pillow's mode {mode}\); store it"
    with pytest.raises(ImageError, match=message):
        decode(content)
    with pytest.raises(ImageError, match=message):
        probe_image(tmp_path / "image", name="x", max_pixels=MAX_PIXELS)


def test_twelve_bits_that_the_file_declares_reach_white():
    white_and_grey = b"\xff\xf8\x00" * 12  # two pixels of 12 bits in three bytes: 4095 and 2048
    decoded = decode(tiff(white_and_grey, 12, 1))
    assert decoded.shape == (4, 6, 3)
    assert (decoded[:, ::2] == 255).all()
    assert (decoded[:, 1::2] == 127).all()


@pytest.mark.parametrize(
    ("content", "brightest"),
    [
        (encoded(Image.fromarray(np.full((4, 5), 4095, np.uint16)), "PNG"), 15),
        (encoded(Image.fromarray(np.full((4, 5), 4095, np.uint16)), "TIFF"), 15),
        (encoded(Image.new("I;16B", (4, 5), 4095), "TIFF"), 15),
        (encoded(Image.fromarray(np.full((4, 5), 0x8080, np.uint16)), "PPM"), 128),
        (cv2.imencode(".png", np.full((4, 5, 3), 4095, np.uint16))[1].tobytes(), 15),
        (cv2.imencode(".tiff", np.full((4, 5, 4), 4095, np.uint16))[1].tobytes(), 15),
        (tiff(b"\xff\xf8\x00" * 12, 12, 1), 255),
        (encoded(quadrant(), "PNG"), None),
        (encoded(quadrant(), "JPEG"), None),
        (encoded(quadrant().convert("L"), "TIFF"), None),
        (encoded(quadrant().convert("P"), "GIF"), None),
        (encoded(quadrant(), "WEBP"), None),
    ],
    ids=[
        "grey PNG", "grey TIFF", "big-endian TIFF", "PGM", "RGB PNG", "RGBA TIFF", "12-bit TIFF", "8-bit PNG", "JPEG",
        "8-bit TIFF", "GIF", "WEBP",
    ],
)  # fmt: skip
def test_a_deep_image_tells_how_bright_it_is_read(content, brightest):
    with opened_image(content, name="x", max_pixels=MAX_PIXELS) as image:
        assert brightest_if_deep(image) == brightest
    if brightest is not None:
        assert decode(content).max() == brightest


@pytest.mark.parametrize("file_format", ["PNG", "TIFF"])
def test_exif_turns_a_deep_picture_too(file_format):
    exif = Image.Exif()
    exif[0x0112] = 6
    pixels = np.arange(24, dtype=np.uint16).reshape(4, 6) * 257
    decoded = decode(encoded(Image.fromarray(pixels), file_format, exif=exif.tobytes()))
    np.testing.assert_array_equal(decoded[..., 0], np.rot90(pixels // 257, -1))


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
    # Pillow's TIFF reader has turned the image before anybody asks.
    swaps = orientation >= 5 and file_format != "TIFF"
    assert probe_orientation(tmp_path / "image", name="x", max_pixels=MAX_PIXELS) == (orientation if swaps else 1)


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


@pytest.mark.parametrize("content", [b"", b"no image", encoded(quadrant(), "PNG")[:6]])
def test_a_file_of_no_known_format_is_told_in_words_that_stay_the_same(content, tmp_path):
    (tmp_path / "x").write_bytes(content)
    for read in (lambda: decode(content), lambda: probe_image(tmp_path / "x", name="x", max_pixels=9)):
        with pytest.raises(ImageError) as told:
            read()
        assert str(told.value).startswith("x: expected a complete image file of a known format (BMP, GIF, JPEG")


def test_the_suffixes_are_those_that_pillow_registers_for_the_formats():
    registered = Image.registered_extensions().items()
    assert frozenset(suffix for suffix, name in registered if name in FORMATS) == IMAGE_SUFFIXES


def test_a_jpeg_of_more_passes_over_its_pixels_than_any_has_is_refused():
    """Each pass takes the time of all pixels, and 26 bytes: a file of 10 MB would be decoded for hours."""
    whole = encoded(Image.new("RGB", (64, 48), (120, 30, 60)), "JPEG", progressive=True)
    last = whole[whole.rindex(b"\xff\xda") : -2]
    assert decode(whole[:-2] + last * 50 + whole[-2:]).shape == (48, 64, 3)
    with pytest.raises(ImageError, match="x: expected a JPEG of at most 200 scans, got 310"):
        decode(whole[:-2] + last * 300 + whole[-2:])
