"""The pass over the image files: what it tells, and how it continues when it was interrupted."""

import hashlib
import json
import threading
from io import BytesIO

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from gsam_edge.coco.images.facts import ImageFacts
from gsam_edge.coco.images.near_duplicates import hash_distance, perceptual_hash
from gsam_edge.coco.images.scan import ScannedImage, scan_image, scan_images
from gsam_edge.vision.images import ImageError, decode_image

NAMES = [f"{number}.png" for number in range(100)]


def encoded(image, **options):
    buffer = BytesIO()
    image.save(buffer, **options)
    return buffer.getvalue()


def gradient(mode="RGB"):
    return Image.fromarray(np.arange(30 * 20, dtype=np.uint8).reshape(20, 30)).convert(mode)


class CountingFiles:
    """Files that are told apart by their stamp and count how often they are decoded; some are cut off."""

    def __init__(self, cut=(), stop_after=None):
        self.decoded = []
        self.cut = cut
        self.stop_after = stop_after
        self.stamps = {}
        self.lock = threading.Lock()

    def probe(self, name):
        return 20, 30

    def stamp(self, name):
        return self.stamps.get(name, "first")

    def inspect(self, name):
        with self.lock:
            self.decoded.append(name)
            if self.stop_after is not None and len(self.decoded) > self.stop_after:
                raise KeyboardInterrupt
        if name in self.cut:
            raise ImageError(f"{name} is cut off")
        return ScannedImage(20, 30, ImageFacts(30, 20, "RGB", f"digest of {name}", bytes(32)))


@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA", "CMYK"])
def test_a_look_tells_what_the_file_is(mode):
    image = gradient(mode)
    content = encoded(image, format="TIFF" if mode == "CMYK" else "PNG")
    look = scan_image(content, name="a", max_pixels=1000)
    assert (look.height, look.width) == (20, 30)
    assert look.facts == ImageFacts(30, 20, mode, hashlib.sha256(content).hexdigest(), perceptual_hash(image))
    assert ScannedImage.from_json(json.loads(json.dumps(look.to_json()))) == look


def test_a_look_at_a_deep_file_tells_how_bright_it_is_read():
    pixels = np.full((20, 30), 4095, np.uint16)
    look = scan_image(encoded(Image.fromarray(pixels), format="PNG"), name="a", max_pixels=1000)
    assert (look.facts.mode, look.facts.brightest) == ("I;16", 15)
    assert look.facts.perceptual_hash == perceptual_hash(Image.fromarray(pixels))
    assert ScannedImage.from_json(json.loads(json.dumps(look.to_json()))) == look


def test_the_size_is_upright_and_the_facts_are_as_stored():
    exif = Image.Exif()
    exif[0x0112] = 8
    content = encoded(gradient(), format="JPEG", exif=exif)
    look = scan_image(content, name="a", max_pixels=1000)
    assert (look.height, look.width) == (30, 20) == decode_image(content, name="a", max_pixels=1000).shape[:2]
    assert (look.facts.height, look.facts.width) == (20, 30)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (encoded(gradient(), format="PNG")[:-30], "complete image"),
        (b"", "complete"),
        (encoded(Image.new("L", (99, 99)), format="PNG"), "at most 1000 pixels"),
    ],
)
def test_no_image_is_an_error(content, message):
    with pytest.raises(ImageError, match=message):
        scan_image(content, name="a", max_pixels=1000)


def photograph(mode="RGB"):
    """Noise that falls with frequency, larger than what the perceptual hash looks at."""
    noise = np.random.default_rng(0).integers(0, 255, (9, 12, 3), np.uint8)
    return Image.fromarray(noise).resize((640, 480), Image.Resampling.BICUBIC).convert(mode)


JPEGS = {
    "plain": encoded(photograph(), format="JPEG"),
    "full colour": encoded(photograph(), format="JPEG", subsampling=0, quality=95),
    "progressive": encoded(photograph(), format="JPEG", progressive=True),
    "grey": encoded(photograph("L"), format="JPEG"),
    "CMYK": encoded(photograph("CMYK"), format="JPEG"),
}


@pytest.mark.parametrize("content", JPEGS.values(), ids=JPEGS)
def test_a_reduced_jpeg_tells_what_the_whole_one_does(content):
    look, whole = scan_image(content, name="a", max_pixels=640 * 480), Image.open(BytesIO(content))
    assert (look.height, look.width) == (480, 640)
    assert (look.facts.width, look.facts.height, look.facts.mode) == (640, 480, whole.mode)
    assert hash_distance(look.facts.perceptual_hash, perceptual_hash(whole)) <= 3


@given(kind=st.sampled_from(list(JPEGS)), data=st.data())
def test_a_reduced_jpeg_is_as_damaged_as_the_whole_one(kind, data):
    content = bytearray(JPEGS[kind])
    for _ in range(data.draw(st.integers(0, 3), "how many bytes are wrong")):
        content[data.draw(st.integers(0, len(content) - 1), "where")] = data.draw(st.integers(0, 255), "byte")
    content = bytes(content[: data.draw(st.one_of(st.just(len(content)), st.integers(0, len(content))), "length")])

    def is_refused(reading):
        try:
            reading(content, name="a", max_pixels=10**6)
        except ImageError:
            return True
        return False

    assert is_refused(scan_image) == is_refused(decode_image)


def test_looks_come_in_the_order_of_the_names():
    files = CountingFiles(cut=("3.png", "98.png"))
    looks = scan_images(NAMES, files, decode=True, seen={})
    assert [type(look) for look in (looks[3], looks[98])] == [ImageError] * 2
    sound = [name for name in NAMES if name not in files.cut]
    assert [look.facts.sha256 for look in looks if isinstance(look, ScannedImage)] == [
        f"digest of {name}" for name in sound
    ]
    assert sorted(files.decoded) == sorted(NAMES)


def test_headers_tell_no_facts():
    assert scan_images(["a"], CountingFiles(), decode=False, seen={}) == [ScannedImage(20, 30)]


def test_an_interrupted_pass_continues():
    seen = {}
    with pytest.raises(KeyboardInterrupt):
        scan_images(NAMES, CountingFiles(stop_after=40), decode=True, seen=seen)
    assert 0 < len(seen) <= 40
    files = CountingFiles()
    looks = scan_images(NAMES, files, decode=True, seen=seen)
    assert all(isinstance(look, ScannedImage) for look in looks)
    assert len(files.decoded) >= len(NAMES) - 40
    assert len(seen) == len(NAMES)
    again = CountingFiles()
    assert scan_images(NAMES, again, decode=True, seen=seen) == looks
    assert again.decoded == []


@pytest.mark.parametrize(
    "record",
    [None, 5, "abc", [], [20, 30], ["20", 30, None], [20, 30, [30, 20, "RGB", "digest"]],
     [20, 30, [30, 20, "RGB", "digest", "no hex"]], [20, 30, [30, 20, "RGB", "digest", "00"]],
     [20, 30, [30, 20, "RGB", "digest", "no hex", None]], [20, 30, [30, 20, "RGB", "digest", "00", None]],
     [20, 30, [30, 20, "RGB", "digest", "00" * 32, "dark"]]],
)  # fmt: skip
def test_a_record_that_does_not_parse_was_not_seen(record):
    seen = {}
    looks = scan_images(["a"], CountingFiles(), decode=True, seen=seen)
    (key,) = seen
    seen[key] = record
    files = CountingFiles()
    assert scan_images(["a"], files, decode=True, seen=seen) == looks
    assert files.decoded == ["a"]
    assert ScannedImage.from_json(seen[key]) == looks[0]


def test_looks_of_another_version_are_not_taken_over(monkeypatch):
    seen = {}
    scan_images(["a"], CountingFiles(), decode=True, seen=seen)
    monkeypatch.setattr("gsam_edge.coco.images.scan.SCAN_VERSION", 0)
    files = CountingFiles()
    scan_images(["a"], files, decode=True, seen=seen)
    assert files.decoded == ["a"]


def test_a_file_that_changed_is_looked_at_again_and_so_is_a_bad_one():
    seen = {}
    scan_images(NAMES[:5], CountingFiles(cut=("1.png",)), decode=True, seen=seen)
    files = CountingFiles()
    files.stamps["3.png"] = "second"
    scan_images(NAMES[:5], files, decode=True, seen=seen)
    assert sorted(files.decoded) == ["1.png", "3.png"]
