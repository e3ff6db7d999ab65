"""One pass over the image files of a dataset, on all cores: decoded or asked for their size, continued when killed."""

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

#: So many files go to a thread at once: enough to hide what handing them over costs.
_BATCH = 50
#: Rises with every change of what a look tells of a file: looks of another version are not taken over.
SCAN_VERSION = 3
#: The fields of `ImageFacts` as JSON holds them.
_FactsTold: TypeAlias = tuple[int, int, str, str, str, int | None]


@dataclass(frozen=True, slots=True)
class ScannedImage:
    """What a look at an image file told.

    Attributes:
        height: rows of pixels of the image as it is decoded, upright.
        width: columns of pixels.
        facts: what decoding the file told; None where only its header was read.
    """

    height: int
    width: int
    facts: ImageFacts | None = None

    def to_json(self) -> list[Any]:
        """The look as plain JSON values; `from_json` gives an equal one back."""
        if self.facts is None:
            return [self.height, self.width, None]
        facts = self.facts  # field by field: `astuple` copies every value deeply, a hundred thousand times
        told = [facts.width, facts.height, facts.mode, facts.sha256, facts.perceptual_hash.hex(), facts.brightest]
        return [self.height, self.width, told]

    @classmethod
    def from_json(cls, value: Any) -> Self:
        """The look that `to_json` wrote. Raises ValueError where it did not."""
        try:
            height, width, facts = msgspec.convert(value, tuple[int, int, _FactsTold | None])
        except msgspec.ValidationError as error:
            raise ValueError(f"expected a look at an image as it was written down: {error}") from error
        if facts is None:
            return cls(height, width)
        stored_width, stored_height, mode, sha256, perceptual_hex, brightest = facts
        perceptual = bytes.fromhex(perceptual_hex)
        if len(perceptual) != HASH_BYTES:
            raise ValueError(f"expected a hash of {HASH_BYTES} bytes, got {len(perceptual)}")
        return cls(height, width, ImageFacts(stored_width, stored_height, mode, sha256, perceptual, brightest))


#: A look, or why the file could not be read.
LookOrError: TypeAlias = ScannedImage | Exception


class ImageFiles(Protocol):
    """A dataset's image files by `file_name`; each way of asking raises `ImageError` or `OSError` for a bad file."""

    def probe(self, file_name: str) -> tuple[int, int]:
        """Height and width in pixels of the image as it would be decoded, from its header."""
        ...

    def inspect(self, file_name: str) -> ScannedImage:
        """A look at the whole file, decoded: with `facts`."""
        ...

    def stamp(self, file_name: str) -> str:
        """A text that changes with the file and its limits; another dataset's file of that name has another."""
        ...


def scan_image(content: bytes, *, name: str, max_pixels: int) -> ScannedImage:
    """Decodes an image file to its last byte and says what it is.

    A JPEG gives grey pixels at an eighth to the whole of its size: every coefficient is still read, which is where
    damage shows, but only the frequencies that the perceptual hash needs become pixels.

    Args:
        content: the bytes of the file.
        name: what to call the file in an error.
        max_pixels: images with more pixels (width x height) are refused before they are decoded.

    Raises:
        ImageError: if the bytes are no complete image or declare more than `max_pixels`.
    """
    import hashlib

    with opened_image(content, name=name, max_pixels=max_pixels) as image:
        stored, upright = (image.width, image.height, image.mode), upright_hw(image)
        image.draft("L", (HASH_SIDE, HASH_SIDE))
        brightest = brightest_if_deep(image)  # of an image of 8 bits, nearly all are, nothing is asked
        image.load()
        digest = hashlib.sha256(content).hexdigest()
        return ScannedImage(*upright, ImageFacts(*stored, digest, perceptual_hash(image), brightest))


def scan_images(
    names: Sequence[str], files: ImageFiles, *, decode: bool, seen: MutableMapping[str, Any]
) -> list[LookOrError]:
    """Looks at every file, on all cores, with a progress bar on a terminal.

    Args:
        names: which files.
        files: the files.
        decode: whether they are decoded, which finds truncated ones, or only their headers read.
        seen: keeps each decoded file's look by version, name and stamp, so that an interrupted pass continues; a file
            that changed since is looked at again, and so is one that could not be read or whose record does not parse.

    Returns:
        A look or an error for each name, in order.
    """
    look = _inspector(files, seen) if decode else _prober(files)
    batches = [names[start : start + _BATCH] for start in range(0, len(names), _BATCH)]
    with ThreadPoolExecutor(os.cpu_count()) as pool:  # Pillow decodes outside Python's lock, so threads are enough
        try:
            return list(_shown(pool.map(lambda batch: [look(name) for name in batch], batches), len(names)))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _shown(batches: Iterator[list[LookOrError]], total: int) -> Iterator[LookOrError]:
    with Progress(transient=True, disable=not get_console().is_terminal) as progress:
        task = progress.add_task("Looking at the images", total=total)
        for batch in batches:
            yield from batch
            progress.advance(task, len(batch))


def _prober(files: ImageFiles) -> Callable[[str], LookOrError]:
    def look(name: str) -> LookOrError:
        try:
            return ScannedImage(*files.probe(name))
        except (ImageError, OSError, KeyError) as error:
            return error

    return look


def _inspector(files: ImageFiles, seen: MutableMapping[str, Any]) -> Callable[[str], LookOrError]:
    def look(name: str) -> LookOrError:
        try:
            key = f"{SCAN_VERSION}\0{name}\0{files.stamp(name)}"
            if key in seen and (known := _recorded(seen[key])) is not None:
                return known
            found = files.inspect(name)
        except (ImageError, OSError, KeyError) as error:
            return error
        seen[key] = found.to_json()
        return found

    return look


def _recorded(record: Any) -> ScannedImage | None:
    """The look at a decoded file that was written down; None where the record holds something else."""
    try:
        look = ScannedImage.from_json(record)
    except ValueError:
        return None
    return look if look.facts is not None else None
