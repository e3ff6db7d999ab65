"""Finds near duplicates: copies in another brightness, size, compression or focus, or mirrored."""

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gsam_edge.coco.images.facts import ImageFacts

#: A hash has 16 x 16 bits, and `near_duplicate_groups` finds every pair that differs in up to this many of them.
HASH_BYTES, MOST_DISTANCE = 32, 31
#: Pixels of the shorter side from which an image has all the detail that its hash needs.
HASH_SIDE = 96

_SIDE, _FREQUENCIES = 64, 16
#: The lowest frequencies of the discrete cosine transform (DCT-II), [16, 64].
_COSINES = np.sqrt(2 / _SIDE) * np.cos(
    np.pi / _SIDE * np.arange(_FREQUENCIES)[:, None] * (np.arange(_SIDE)[None, :] + 0.5)
)
#: Below this a DCT coefficient is only rounding error: the image is flat in that frequency.
_FLAT = 1e-3
#: The hash is kept as four words of 64 bits: frequencies even or odd along y, then even or odd along x.
_WORDS = ((0, 0), (0, 1), (1, 0), (1, 1))
#: Which words a mirror image has complemented: as it is, left-right, upside down, turned by 180 degrees.
_MIRRORED = np.array([[0, 0, 0, 0], [0, 1, 0, 1], [0, 0, 1, 1], [0, 1, 1, 0]], bool)
_BANDS, _BANDS_IN_WORD, _BAND_BITS, _ALL = 16, 4, 16, 0xFFFF
#: Each image is compared with at most so many of a bucket: a fixed camera puts thousands into one bucket.
_BUCKET_WINDOW = 64
_PAIRS_AT_ONCE = 1 << 20


def perceptual_hash(image: Image.Image) -> bytes:
    """Returns the signs of an image's 16 x 16 lowest frequencies, 32 bytes.

    Zauner, "Implementation and Benchmarking of Perceptual Image Hash Functions" (2010), section 3.2.1, with the sign of
    each DCT coefficient in place of the comparison with their median. Brightness and contrast scale the coefficients
    and leave their signs; a mirror image negates those of odd frequency, so it needs no hash of its own.

    Args:
        image: an image of any mode that Pillow converts to grey. A JPEG may be decoded at a reduced size of at least
            `HASH_SIDE`, which changes some 3 bits at most.
    """
    if image.mode != "L" and not image.mode.startswith("I"):  # "L" would cut 16 bits off at 255
        image = image.convert("L")
    grey = image.convert("F").resize((_SIDE, _SIDE), Image.Resampling.BILINEAR)
    spectrum = _COSINES @ np.asarray(grey, np.float64) @ _COSINES.T
    signs = spectrum > _FLAT
    signs[0, 0] = False  # the mean, which is the brightness
    return np.packbits([signs[y::2, x::2].ravel() for y, x in _WORDS]).tobytes()


def hash_distance(a: bytes, b: bytes) -> int:
    """Returns in how many bits (0..256) two hashes differ, the least over the mirrorings of one."""
    words = _words([a, b])
    return int(_distances(words[:1], words[1:])[0])


def near_duplicate_groups(facts: Mapping[int, ImageFacts], max_distance: int) -> list[list[int]]:
    """Groups images so that each is a near duplicate of another one in its group.

    Multi-index hashing (Norouzi, Punjani and Fleet, "Fast search in Hamming space with multi-index hashing", 2012): two
    hashes that differ in fewer than 32 bits differ in at most one bit in one of 16 bands, so only images that share
    a bucket of a band, or lie one bit away, are compared. All such pairs are found, except where a bucket holds more
    than 64 images: there each is compared with 64 that are next to it in the order of their hashes.

    Args:
        facts: by image id.
        max_distance: how many of 256 bits may differ, 0..31.

    Returns:
        Groups of two or more image ids, ascending, in the order of their first ids.

    Raises:
        ValueError: if `max_distance` is beyond what the bands find, or a hash has not 32 bytes.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    if not 0 <= max_distance <= MOST_DISTANCE:
        raise ValueError(f"max_distance: expected 0..{MOST_DISTANCE} bits, got {max_distance}")
    if not facts:
        return []
    image_ids = np.array(sorted(facts), np.int64)
    hashes = _words([facts[image_id].perceptual_hash for image_id in image_ids.tolist()])
    words, image = np.unique(hashes, axis=0, return_inverse=True)
    label = np.arange(len(words))
    for candidates in _candidates(words, max_distance):
        apart = label[candidates[0]] != label[candidates[1]]
        left, right = candidates[0][apart], candidates[1][apart]
        near = _distances(words[left], words[right]) <= max_distance
        if near.any():
            edges = (np.ones(near.sum(), bool), (label[left[near]], label[right[near]]))
            label = connected_components(coo_array(edges, shape=(len(words), len(words))), directed=False)[1][label]
    group = label[image.ravel()]
    order = np.argsort(group, kind="stable")
    parts = np.split(image_ids[order], np.flatnonzero(np.diff(group[order])) + 1)
    return sorted(part.tolist() for part in parts if len(part) > 1)


def _words(hashes: list[bytes]) -> NDArray[np.uint64]:
    """Returns the words of the hashes, [N, 4]."""
    for content in hashes:
        if len(content) != HASH_BYTES:
            raise ValueError(f"perceptual hash: expected {HASH_BYTES} bytes, got {len(content)}")
    return np.frombuffer(b"".join(hashes), np.uint64).reshape(-1, len(_WORDS))


def _distances(a: NDArray[np.uint64], b: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Returns the number of differing bits [N] of words [N, 4], row by row, the least over the four mirrorings."""
    bits = np.bitwise_count(a ^ b).astype(np.int64)
    mirrored = [np.where(complemented, 64 - bits, bits).sum(axis=1) for complemented in _MIRRORED]
    return np.min(mirrored, axis=0)


def _candidates(words: NDArray[np.uint64], max_distance: int) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Yields pairs of rows of words [N, 4] that are alike in some band, mirrored or not, and in one more word.

    Of d = 16 r + a differing bits, either one of the first a + 1 bands has r at most, or one of the others r - 1.
    Example: 20 bits are 16 * 1 + 4, so either one of bands 0..4 differs in 1 bit at most or one of bands 5..15 in none.
    Otherwise the five would differ in 2 bits at least and the eleven in 1, which makes 21. So it is enough to search,
    band by band, for rows whose band is the same, or for one of the first five the same but for one of its 16 bits.
    A mirror image has bands of words 1 to 3 complemented: there the complement is searched for, too.
    """
    bands = words.view(np.uint16)  # [N, 16], four to a word
    radius, rest = divmod(max_distance, _BANDS)
    for band in range(_BANDS):
        word = band // _BANDS_IN_WORD
        if radius == 0 and band > rest:
            return
        flips = [1 << bit for bit in range(_BAND_BITS)] if radius and band <= rest else []
        masks = [0, *flips] if word == 0 else [0, *flips, _ALL, *(_ALL ^ flip for flip in flips)]
        # Rows by the band's value, so that those of one value (a bucket) and equal hashes in it lie side by side.
        order = np.lexsort((*np.delete(words, word, axis=1).T, bands[:, band]))
        key, probe = bands[order, band], words[order, (word + 1) % len(_WORDS)]
        sizes = np.bincount(key, minlength=_ALL + 1)  # [65536], rows in each bucket
        starts = np.cumsum(sizes) - sizes  # [65536], place of each bucket's first row
        for mask in masks:
            target = key ^ np.uint16(mask)
            row = np.flatnonzero(target >= key)  # each pair of buckets once
            bucket = target[row]
            window = np.minimum(sizes[bucket], _BUCKET_WINDOW)
            first = starts[bucket] + np.minimum(row - starts[key[row]], sizes[bucket] - window)
            for at in np.array_split(np.arange(len(row)), 1 + window.sum() // _PAIRS_AT_ONCE):
                left = np.repeat(row[at], window[at])
                place = np.arange(len(left)) - np.repeat(np.cumsum(window[at]) - window[at], window[at])
                right = np.repeat(first[at], window[at]) + place
                bits = np.bitwise_count(probe[left] ^ probe[right])
                alike = np.minimum(bits, 64 - bits) <= max_distance
                yield order[left[alike]], order[right[alike]]
