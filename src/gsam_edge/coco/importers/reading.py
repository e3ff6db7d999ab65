"""Reads text, JSON and numbers from the files of other formats."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath
from typing import Any, Protocol
from xml.etree.ElementTree import Element, ParseError

from gsam_edge.coco.geometry.shapes import brief

_MOST_FOLDERS = 6
_SYSTEM_FOLDERS = frozenset({"__MACOSX", "@eaDir"})


class SourceFiles(Protocol):
    """A folder that holds annotations in some format; names are relative to it, with forward slashes."""

    @property
    def max_pixels(self) -> int:
        """Images with more pixels are refused."""
        ...

    def names(self) -> Sequence[str]:
        """Returns the names of all its files, sorted."""
        ...

    def links_outside(self) -> Sequence[str]:
        """Returns the names of the links that lead out of the folder or nowhere, sorted; they are not followed."""
        ...

    def image_names(self) -> Sequence[str]:
        """Returns the names of the files with the suffix of an image, sorted."""
        ...

    def read(self, name: str) -> bytes:
        """Returns the content of a file; raises `OSError` or `ImageError` where it cannot be read or is too large."""
        ...

    def image_size(self, name: str) -> tuple[int, int]:
        """Returns height and width in pixels as decoded; raises `ImageError` or `OSError` for no readable image."""
        ...


class DatasetFiles:
    """A folder whose hidden images are no images of the dataset: `__MACOSX/._a.jpg`, `.ipynb_checkpoints/a.jpg`.

    Args:
        files: the folder.
    """

    def __init__(self, files: SourceFiles) -> None:
        self._files = files
        self._images = tuple(name for name in files.image_names() if not is_hidden(name))

    @property
    def max_pixels(self) -> int:
        """Images with more pixels are refused."""
        return self._files.max_pixels

    def names(self) -> Sequence[str]:
        """Returns the names of all its files, sorted; hidden ones, too."""
        return self._files.names()

    def links_outside(self) -> Sequence[str]:
        """Returns the names of the links that lead out of the folder or nowhere, sorted; they are not followed."""
        return self._files.links_outside()

    def image_names(self) -> Sequence[str]:
        """Returns the names of the files with the suffix of an image that are not hidden, sorted."""
        return self._images

    def read(self, name: str) -> bytes:
        """Returns the content of a file; raises as that of `SourceFiles`."""
        return self._files.read(name)

    def image_size(self, name: str) -> tuple[int, int]:
        """Returns height and width in pixels as decoded; raises as that of `SourceFiles`."""
        return self._files.image_size(name)


def is_hidden(name: str) -> bool:
    """Whether a file or a folder above it is hidden, or one that macOS or a disk station keeps for itself."""
    return any(part.startswith(".") or part in _SYSTEM_FOLDERS for part in name.split("/"))


def with_suffix(files: SourceFiles, *suffixes: str) -> Iterator[str]:
    """Yields the names of files with one of the suffixes (lower case, with a dot) in any case, without hidden ones."""
    return (name for name in files.names() if PurePosixPath(name).suffix.lower() in suffixes and not is_hidden(name))


def text_of(files: SourceFiles, name: str) -> str:
    """Returns a text file's content, without the byte order mark that editors on Windows put in front.

    Raises:
        ValueError: if it is no UTF-8.
        OSError: if it cannot be read.
    """
    try:
        return files.read(name).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"expected UTF-8, but byte {error.start} is {error.object[error.start]:#04x}; save as UTF-8"
        ) from error


def lines_of(files: SourceFiles, name: str) -> list[str]:
    """Returns the lines of a text file that are not blank, stripped. Raises ValueError and OSError as `text_of`."""
    return [line.strip() for line in text_of(files, name).splitlines() if line.strip()]


def layout_of(files: SourceFiles) -> str:
    """Returns which files lie in which folders, the most frequent first, in one line for messages."""
    paths = [PurePosixPath(name) for name in files.names()]
    counts = Counter((path.parent / f"*{path.suffix}").as_posix() for path in paths)
    listed = [f"{pattern} ({count})" for pattern, count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))]
    more = ["and others"] if len(listed) > _MOST_FOLDERS else []
    return ", ".join(listed[:_MOST_FOLDERS] + more) or "no files"


def read_json(files: SourceFiles, name: str) -> Any:
    """Parses a JSON file. Raises ValueError where it is no JSON or no UTF-8, OSError where it cannot be read."""
    try:
        return json.loads(text_of(files, name))
    except RecursionError as error:
        raise ValueError("nested too deep") from error


def read_xml(files: SourceFiles, name: str) -> Element:
    """Returns the root of an XML file that declares no entities.

    Raises:
        ValueError: if it is no XML, no UTF-8, or has a document type, which may declare entities.
        OSError: if it cannot be read.
    """
    from defusedxml.common import DefusedXmlException
    from defusedxml.ElementTree import fromstring

    try:
        root: Element = fromstring(files.read(name), forbid_dtd=True)
    except (ParseError, DefusedXmlException, LookupError, RecursionError) as error:
        if isinstance(error, ParseError):
            text_of(files, name)  # says so where the file is no UTF-8
        what = "it declares a DTD or entities" if isinstance(error, DefusedXmlException) else str(error)
        raise ValueError(f"expected an XML file without DTD and entities, but: {what}") from error
    return root


def number(value: Any) -> float:
    """Returns a finite number that a file holds as a number or as text.

    Raises:
        ValueError: if it is no finite number.
    """
    try:
        found = float(value)
    except (TypeError, ValueError, OverflowError):
        found = float("nan")
    if not abs(found) < float("inf") or isinstance(value, bool):
        raise ValueError(f"expected a number, got {brief(value)}")
    return int(found) if found.is_integer() else found
