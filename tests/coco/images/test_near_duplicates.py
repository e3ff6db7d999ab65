"""Copies are found however they were made; other images are not; nothing depends on the size of the set."""

import io
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageEnhance, ImageFilter, ImageOps

from gsam_edge.coco.images.facts import ImageFacts
from gsam_edge.coco.images.near_duplicates import hash_distance, near_duplicate_groups, perceptual_hash


def image(seed, size=(320, 240)):
    """A smooth random scene, RGB."""
    noise = np.random.default_rng(seed).integers(0, 256, (12, 16, 3), dtype=np.uint8)
    return Image.fromarray(noise).resize(size, Image.Resampling.BICUBIC)


def as_jpeg(image, quality):
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return Image.open(buffer)


def facts_of(hashes):
    return {row: ImageFacts(1, 1, "L", "", content) for row, content in enumerate(hashes)}


COPIES = {
    "darker": lambda image: ImageEnhance.Brightness(image).enhance(0.5),
    "flatter": lambda image: ImageEnhance.Contrast(image).enhance(0.6),
    "half the size": lambda image: image.resize((160, 120)),
    "another format": lambda image: as_jpeg(image, 40),
    "out of focus": lambda image: image.filter(ImageFilter.GaussianBlur(2)),
    "mirrored": ImageOps.mirror,
    "upside down": ImageOps.flip,
    "turned": lambda image: image.rotate(180),
    "grey": lambda image: image.convert("L"),
    "with alpha": lambda image: image.convert("RGBA"),
    "for print": lambda image: image.convert("CMYK"),
    "16 bits": lambda image: Image.fromarray(np.asarray(image.convert("L")).astype(np.uint16) * 257),
}


@pytest.mark.parametrize("name", COPIES)
def test_a_copy_is_near_and_another_picture_far(name):
    hashes = [perceptual_hash(image(seed)) for seed in range(6)]
    copies = [perceptual_hash(COPIES[name](image(seed))) for seed in range(6)]
    assert max(map(hash_distance, hashes, copies)) <= 10
    assert min(hash_distance(a, b) for a, b in combinations(hashes, 2)) > 60


@pytest.mark.parametrize("size", [(1, 1), (1, 500), (64, 64), (129, 40), (3000, 10)])
@pytest.mark.parametrize("mode", ["RGB", "L", "1", "P", "LA", "RGBA", "I", "F"])
def test_any_picture_has_a_hash_of_32_bytes(size, mode):
    assert len(perceptual_hash(image(0, size).convert(mode))) == 32


def brute_force(hashes, max_distance):
    """Connected pairs, each compared with each."""
    group = list(range(len(hashes)))
    for a, b in combinations(range(len(hashes)), 2):
        if hash_distance(hashes[a], hashes[b]) <= max_distance:
            group = [group[a] if label == group[b] else label for label in group]
    found = [[row for row in range(len(group)) if group[row] == label] for label in set(group)]
    return sorted(members for members in found if len(members) > 1)


@given(st.integers(0, 31), st.integers(0, 2**32 - 1))
@settings(max_examples=60)
def test_groups_are_those_of_comparing_each_with_each(max_distance, seed):
    """Chains of copies with about `max_distance` bits changed, some of them mirrored."""
    rng = np.random.default_rng(seed)
    bits = rng.integers(0, 2, (40, 256), dtype=np.uint8)
    for row in range(1, 40, 2):
        bits[row] = bits[rng.integers(0, row)]
        bits[row, rng.permutation(256)[: rng.integers(max(0, max_distance - 2), max_distance + 3)]] ^= 1
        mirrored = [(), (1, 3), (2, 3), (1, 2)][rng.integers(4)]
        for word in mirrored:
            bits[row, 64 * word : 64 * word + 64] ^= 1
    hashes = [row.tobytes() for row in np.packbits(bits, axis=1)]
    assert near_duplicate_groups(facts_of(hashes), max_distance) == brute_force(hashes, max_distance)


def test_a_camera_that_never_moves_is_one_group():
    rng = np.random.default_rng(0)
    bits = rng.integers(0, 2, 256) ^ (rng.random((3000, 256)) < 0.02)
    hashes = [row.tobytes() for row in np.packbits(bits, axis=1)]
    assert near_duplicate_groups(facts_of(hashes), 24) == [list(range(3000))]


def test_nothing_and_nonsense():
    assert near_duplicate_groups({}, 24) == []
    assert near_duplicate_groups(facts_of([b"\1" * 32]), 24) == []
    with pytest.raises(ValueError, match=r"max_distance: expected 0..31 bits, got 32"):
        near_duplicate_groups({}, 32)
    with pytest.raises(ValueError, match="expected 32 bytes, got 8"):
        near_duplicate_groups(facts_of([b"\1" * 8] * 2), 24)


def grouped(real, name):
    content, files = real(name)
    facts = {}
    for image in content["images"]:
        with Image.open(files.folder / image["file_name"]) as opened:
            facts[image["id"]] = ImageFacts(*opened.size, opened.mode, "", perceptual_hash(opened))
    return content, near_duplicate_groups(facts, 24)


def test_the_brightness_copies_of_wagon_seals_are_found_without_their_names(real):
    content, groups = grouped(real, "wagon_seals")
    by_name = {}
    for image in content["images"]:
        by_name.setdefault(image["extra"]["name"], []).append(image["id"])
    assert len(by_name) == 134
    assert groups == sorted(ids for ids in by_name.values() if len(ids) > 1)


@pytest.mark.parametrize(
    ("name", "expected"),
    [("bccd", [{"BloodImage_00037.jpg", "BloodImage_00038.jpg"}]), ("dsb2018", []), ("deeppcb", [])],
)
def test_other_datasets_have_no_false_groups(real, name, expected):
    """The two blood images are one field of view in two planes of focus."""
    content, groups = grouped(real, name)
    names = {image["id"]: image["file_name"].rsplit("/")[-1] for image in content["images"]}
    assert [{names[image_id] for image_id in group} for group in groups] == expected
