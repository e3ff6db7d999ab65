"""What is looked at: an image, a folder, a pattern of names, or a video.

Folders are taken as they come from strangers: what is no image is left out and counted, and no link leads out of them.
"""

import glob
import hashlib
import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from gsam_edge.vision.errors import UserError
from gsam_edge.vision.images import IMAGE_SUFFIXES, decode_image, read_image_file

#: Suffixes by which a video is known, lower case, with a dot.
VIDEO_SUFFIXES = frozenset({".avi", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".webm", ".wmv"})


class SourceError(UserError):
    """A source that holds nothing to look at."""


@dataclass(frozen=True)
class Frame:
    """One image of a source, not yet read.

    Attributes:
        id: its number in the source, from 1.
        name: its file's name relative to the source, or the video's name and the frame's number.
        seconds: its time in a video; None for an image.
        digest: SHA-256, hexadecimal, of what it is made from. Raises ImageError if that cannot be read.
        pixels: uint8 [H, W, 3], RGB, upright. Raises ImageError if it is no readable image. Of a video, to be called
            before the next frame is taken.
    """

    id: int
    name: str
    seconds: float | None
    digest: Callable[[], str]
    pixels: Callable[[], NDArray[np.uint8]]


class Source(Protocol):
    """Images in an order, which may be gone through several times."""

    @property
    def name(self) -> str:
        """Returns what the user called it."""
        ...

    def __len__(self) -> int:
        """Returns how many images it holds, or says that it holds."""
        ...

    def __iter__(self) -> Iterator[Frame]:
        """Yields its images."""
        ...

    @property
    def left_out(self) -> Mapping[str, int]:
        """What else is there and is not looked at, with how often."""
        ...


@dataclass(frozen=True)
class ImageFiles:
    """Image files below a folder.

    Attributes:
        name: what the user called them.
        folder: the folder that their names are relative to.
        names: in the order in which they are looked at.
        max_pixels: larger images are refused before they are decoded.
        left_out: see `Source`.
    """

    name: str
    folder: Path
    names: tuple[str, ...]
    max_pixels: int
    left_out: Mapping[str, int] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.names)

    def __iter__(self) -> Iterator[Frame]:
        for index, name in enumerate(self.names):
            file = _OneFile(self.folder / name, name, self.max_pixels)
            yield Frame(index + 1, name, None, file.digest, file.pixels)


class _OneFile:
    """An image file that is read once, when it is first asked for."""

    def __init__(self, path: Path, name: str, max_pixels: int) -> None:
        self._path, self._name, self._max_pixels = path, name, max_pixels
        self._content: bytes | None = None

    def _read(self) -> bytes:
        if self._content is None:
            self._content = read_image_file(self._path, name=self._name, max_pixels=self._max_pixels)
        return self._content

    def digest(self) -> str:
        return hashlib.sha256(self._read()).hexdigest()

    def pixels(self) -> NDArray[np.uint8]:
        return decode_image(self._read(), name=self._name, max_pixels=self._max_pixels)


def open_source(source: str, *, max_pixels: int) -> Source:
    """Opens what a user names.

    Args:
        source: path of an image, a folder, or a video, or a pattern (`*`, `?`, `[...]`, `**`) of image files. What is
            there under just this name is taken as it is, whatever characters it has.
        max_pixels: larger images and videos are refused before they are decoded.

    Raises:
        SourceError: if there is nothing under this name, or nothing that is looked at, a pattern goes up again (`..`
            behind a special character), or a video cannot be read.
    """
    path = Path(source)
    if path.is_dir():
        return _required(_in_folder(source, path, max_pixels))
    if path.is_file():
        if path.suffix.lower() in VIDEO_SUFFIXES:
            from gsam_edge.runtime.inference.video import Video

            return Video(path, max_pixels=max_pixels)
        return ImageFiles(source, path.parent, (path.name,), max_pixels)
    if glob.has_magic(source):
        return _required(_matching(source, max_pixels))
    raise SourceError(
        f"source: expected an image, a folder, a pattern such as images/*.jpg, or a video, found nothing: {source}"
    )


def is_there(source: str) -> bool:
    """Returns whether there is anything under a name, or anything that a pattern matches."""
    return Path(source).exists() or (glob.has_magic(source) and next(_matches(source), None) is not None)


def _required(files: ImageFiles) -> ImageFiles:
    if not files.names:
        there = ", ".join(f"{what} {count}" for what, count in files.left_out.items()) or "nothing"
        raise SourceError(
            f"source: expected image files ({' '.join(sorted(IMAGE_SUFFIXES))}), got {there}: {files.name}; a video is "
            "named by its own path"
        )
    return files


def _in_folder(source: str, folder: Path, max_pixels: int) -> ImageFiles:
    found = (Path(base) / name for base, folders, names in os.walk(folder) for name in [*names, *_links(base, folders)])
    return _chosen(source, folder, found, max_pixels)


def _links(base: str, folders: list[str]) -> list[str]:
    """Returns which of a folder's folders are links; `os.walk` does not follow them."""
    return [name for name in folders if (Path(base) / name).is_symlink()]


def _matching(source: str, max_pixels: int) -> ImageFiles:
    if ".." in Path(source).relative_to(_root(source)).parts:
        raise SourceError(f"source: expected a pattern without .. behind its first special character, got {source}")
    return _chosen(source, _root(source), _matches(source), max_pixels)


def _matches(source: str) -> Iterator[Path]:
    return (path for path in map(Path, glob.iglob(source, recursive=True)) if not path.is_dir() or path.is_symlink())


def _root(pattern: str) -> Path:
    """Returns the folder of a pattern that stands before its first part with a special character."""
    parts = Path(pattern).parts
    plain = next(index for index, part in enumerate(parts) if glob.has_magic(part))
    return Path(*parts[:plain])


def _chosen(source: str, folder: Path, paths: Iterator[Path], max_pixels: int) -> ImageFiles:
    """Sorts image files from what else there is."""
    root, names, left = folder.resolve(), [], Counter[str]()
    for path in paths:
        suffix = path.suffix.lower()
        if any(part.startswith(".") for part in path.relative_to(folder).parts):
            left["hidden"] += 1  # such as ._a.jpg, which is macOS's note on a.jpg
        elif path.is_symlink() and not _leads_inside(path, root):
            left["links that lead out of the folder, to a folder, or nowhere"] += 1
        elif not path.is_file():
            left["neither files nor folders"] += 1
        elif suffix not in IMAGE_SUFFIXES:
            left[suffix if suffix.isascii() and suffix.isprintable() and suffix else "without a suffix"] += 1
        else:
            names.append(path.relative_to(folder).as_posix())
    return ImageFiles(source, folder, tuple(sorted(names)), max_pixels, dict(left.most_common()))


def _leads_inside(link: Path, root: Path) -> bool:
    try:
        target = link.resolve(strict=True)
    except (OSError, RuntimeError):  # nowhere, or in a circle
        return False
    return target.is_file() and target.is_relative_to(root)
