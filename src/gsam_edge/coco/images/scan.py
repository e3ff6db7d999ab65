"""Scans the image files of a dataset on all cores: decodes them or reads their size; continues when interrupted."""

import os
from collections.abc import Callable, Iterator, MutableMapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol, Self, TypeAlias

import msgspec
from rich import get_console
from rich.progress import Progress

from gsam_edge.coco.images.facts import ImageFacts
from gsam_edge.coco.images.near_duplicates import HASH_BYTES, HASH_SIDE, perceptual_hash
from gsam_edge.vision.images import ImageError, brightest_if_deep, opened_image, upright_hw

#: Files that a thread takes at once: enough to make the cost of handing them over negligible.
_BATCH = 50
#: Raised with every change of what a scan records of a file: records of another version are not reused.
SCAN_VERSION = 3
#: The fields of `ImageFacts` as JSON holds them.
_FactsTold: TypeAlias = tuple[int, int, str, str, str, int | None]


@dataclass(frozen=True, slots=True)
class ScannedImage:
    """The scan of one image file.

    Attributes:
        height: rows of pixels of the image as it is decoded, upright.
        width: columns of pixels.
        facts: facts of the decoded file; None where only its header was read.
    """

    height: int
    width: int
    facts: ImageFacts | None = None

    def to_json(self) -> list[Any]:
        """Returns the scan as plain JSON values; `from_json` gives an equal one back."""
        if self.facts is None:
            return [self.height, self.width, None]
        facts = self.facts  # field by field: `astuple` copies every value deeply, a hundred thousand times
        told = [facts.width, facts.height, facts.mode, facts.sha256, facts.perceptual_hash.hex(), facts.brightest]
        return [self.height, self.width, told]

    @classmethod
    def from_json(cls, value: Any) -> Self:
        """Reads what `to_json` wrote. Raises ValueError for anything else."""
        try:
            height, width, facts = msgspec.convert(value, tuple[int, int, _FactsTold | None])
        except msgspec.ValidationError as error:
            raise ValueError(f"expected the scan of an image as `to_json` writes it: {error}") from error
        if facts is None:
            return cls(height, width)
        stored_width, stored_height, mode, sha256, perceptual_hex, brightest = facts
        perceptual = bytes.fromhex(perceptual_hex)
        if len(perceptual) != HASH_BYTES:
            raise ValueError(f"expected a hash of {HASH_BYTES} bytes, got {len(perceptual)}")
        return cls(height, width, ImageFacts(stored_width, stored_height, mode, sha256, perceptual, brightest))


#: The scan of a file, or the error that says why it could not be read.
ScanOrError: TypeAlias = ScannedImage | Exception


class ImageFiles(Protocol):
    """A dataset's image files by `file_name`; each method raises `ImageError` or `OSError` for a bad file."""

    def probe(self, file_name: str) -> tuple[int, int]:
        """Returns height and width in pixels of the image as it would be decoded, from its header."""
        ...

    def inspect(self, file_name: str) -> ScannedImage:
        """Decodes the whole file; the result has `facts`."""
        ...

    def orientation(self, file_name: str) -> int:
        """Returns the EXIF orientation by which decoding turns the image, 5 to 8 where it swaps its sides, else 1."""
        ...

    def stamp(self, file_name: str) -> str:
        """Returns a text that changes with the file and its limits, and differs between datasets."""
        ...

    def __iter__(self) -> Iterator[str]:
        """Yields the names of all image files of the dataset's folder; read only where a name is not found."""
        ...


def scan_image(content: bytes, *, name: str, max_pixels: int) -> ScannedImage:
    """Decodes an image file to its last byte and returns its facts.

    A JPEG is decoded to grey at an eighth to the whole of its size: every coefficient is still read, so damage is
    found, but only the frequencies that the perceptual hash needs become pixels.

    Args:
        content: the bytes of the file.
        name: the file's name in errors.
        max_pixels: images with more pixels (width x height) are refused before they are decoded.

    Raises:
        ImageError: if the bytes are no complete image or declare more than `max_pixels`.
    """
    import hashlib

    with opened_image(content, name=name, max_pixels=max_pixels) as image:
        stored, upright = (image.width, image.height, image.mode), upright_hw(image)
        image.draft("L", (HASH_SIDE, HASH_SIDE))
        brightest = brightest_if_deep(image)  # does nothing for an image of 8 bits, as nearly all are
        image.load()
        digest = hashlib.sha256(content).hexdigest()
        return ScannedImage(*upright, ImageFacts(*stored, digest, perceptual_hash(image), brightest))


def scan_images(
    names: Sequence[str], files: ImageFiles, *, decode: bool, seen: MutableMapping[str, Any]
) -> list[ScanOrError]:
    """Scans every file on all cores, with a progress bar on a terminal.

    Args:
        names: which files.
        files: the files.
        decode: whether they are decoded, which finds truncated ones, or only their headers read.
        seen: keeps each decoded file's scan by version, name and stamp, so that an interrupted run continues; a file
            that changed since is scanned again, and so is one that could not be read or whose record does not parse.

    Returns:
        A scan or an error for each name, in order.
    """
    scanned = _inspector(files, seen) if decode else _prober(files)
    batches = [names[start : start + _BATCH] for start in range(0, len(names), _BATCH)]
    with ThreadPoolExecutor(os.cpu_count()) as pool:  # Pillow decodes outside Python's lock, so threads are enough
        try:
            return list(_shown(pool.map(lambda batch: [scanned(name) for name in batch], batches), len(names)))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _shown(batches: Iterator[list[ScanOrError]], total: int) -> Iterator[ScanOrError]:
    with Progress(transient=True, disable=not get_console().is_terminal) as progress:
        task = progress.add_task("Scanning the images", total=total)
        for batch in batches:
            yield from batch
            progress.advance(task, len(batch))


def _prober(files: ImageFiles) -> Callable[[str], ScanOrError]:
    def scanned(name: str) -> ScanOrError:
        try:
            return ScannedImage(*files.probe(name))
        except (ImageError, OSError, KeyError) as error:
            return error

    return scanned


def _inspector(files: ImageFiles, seen: MutableMapping[str, Any]) -> Callable[[str], ScanOrError]:
    def scanned(name: str) -> ScanOrError:
        try:
            key = f"{SCAN_VERSION}\0{name}\0{files.stamp(name)}"
            if key in seen and (known := _recorded(seen[key])) is not None:
                return known
            found = files.inspect(name)
        except (ImageError, OSError, KeyError) as error:
            return error
        seen[key] = found.to_json()
        return found

    return scanned


def _recorded(record: Any) -> ScannedImage | None:
    """Reads the recorded scan of a decoded file; None where the record holds something else."""
    try:
        scanned = ScannedImage.from_json(record)
    except ValueError:
        return None
    return scanned if scanned.facts is not None else None
