"""Finds what data.yaml and Darknet's files name as the images of a split: a folder, a list, or single images."""

import posixpath
from collections import defaultdict
from collections.abc import Iterator
from pathlib import PurePosixPath

from gsam_edge.coco.images.names import Spellings
from gsam_edge.coco.importers.pairing.splits import SplitEntry, read_split_list
from gsam_edge.coco.importers.reading import SourceFiles, with_suffix


class Places:
    """The folders and lists of a dataset's folder.

    Args:
        files: the folder.
        used: gets the lists that were read.
        unreadable: gets the lists that could not be read, with the reason.
    """

    def __init__(self, files: SourceFiles, used: dict[str, None], unreadable: dict[str, str]) -> None:
        self._files = files
        self._used = used
        self._unreadable = unreadable
        self._below: dict[str, list[str]] = defaultdict(list)
        self._suffixes: set[str] = set()
        self._stems: set[str] = set()
        for name in sorted(files.image_names()):
            path = PurePosixPath(name)
            self._suffixes.add(path.suffix.lower())
            self._stems.add(path.stem.casefold())
            for folder in path.parents:
                self._below["" if folder.name == "" else folder.as_posix()].append(name)
        self._folders = Spellings(self._below)
        self._lists = Spellings(with_suffix(files, ".txt"))

    def entries(self, place: str, split: str, where: str, root: str) -> list[SplitEntry]:
        """Returns the images that one value stands for; a value that is not found is an entry by itself.

        Args:
            place: a folder, list or image, with either slash; relative, or a path of another computer.
            split: train, val or test.
            where: the file and key that name it.
            root: data.yaml's `path`, to which the place is relative.
        """
        home = posixpath.dirname(where.partition(": ")[0])
        place, root = place.replace("\\", "/"), root.replace("\\", "/")
        if self._is_image(place):
            return [SplitEntry(split, place, where, home)]
        for path in _readings(place, root, home):
            folder = self._folders.find(path)
            if len(folder) == 1:
                return [SplitEntry(split, name, where) for name in self._below[folder[0]]]
            found = self._lists.find(path) if path.casefold().endswith(".txt") else ()
            if len(found) == 1:
                return self._read(found[0], split)
        return [SplitEntry(split, place, where, home)]

    def entries_of_images(self, list_name: str, split: str) -> list[SplitEntry]:
        """Returns the entries of a list that nothing names; none where it names no images, or is an image's labels."""
        if PurePosixPath(list_name).stem.casefold() in self._stems:
            return []
        try:
            entries = self._entries(list_name, split)
        except (ValueError, OSError):
            return []
        if not any(self._is_image(entry.text) for entry in entries):
            return []
        self._used[list_name] = None
        return entries

    def _is_image(self, text: str) -> bool:
        return posixpath.splitext(text)[1].lower() in self._suffixes

    def _read(self, list_name: str, split: str) -> list[SplitEntry]:
        try:
            entries = self._entries(list_name, split)
        except (ValueError, OSError) as error:
            self._unreadable[list_name] = str(error)
            return []
        self._used[list_name] = None
        return entries

    def _entries(self, list_name: str, split: str) -> list[SplitEntry]:
        folder = posixpath.dirname(list_name)
        return read_split_list(self._files, list_name, split, folder if folder in self._below else "")


def _readings(place: str, root: str, home: str) -> Iterator[str]:
    """Yields the paths that a place may mean, the most likely first: below its root, beside its file, its last parts.

    A path of another computer, or one that begins with `..`, is found by its last parts, beside its file first.
    """
    for path in (posixpath.join(home, root, place), posixpath.join(home, place)):
        normal = posixpath.normpath(path)
        yield "" if normal == "." else normal
    parts = [part for part in posixpath.join(root, place).split("/") if part not in ("", ".", "..")]
    for base in dict.fromkeys((home, "")):
        for start in range(len(parts)):
            yield posixpath.join(base, *parts[start:])
