"""Finds images for formats whose annotation files list many of them by name. No image is given on a guess."""

import posixpath
import re
from collections.abc import Sequence
from dataclasses import dataclass

from gsam_edge.coco.images.names import Spellings
from gsam_edge.coco.importers.folders import SPLIT_WORDS
from gsam_edge.coco.importers.pairing import ImageIndex, Refusal


@dataclass(frozen=True)
class Listed:
    """An image as an annotation file lists it.

    Attributes:
        file: the annotation file.
        where: the record, for messages.
        names: what it may be called, the most trusted first.
        folders: where the format keeps its images, the most trusted first, relative to the dataset's folder.
        split: train, val or test, where the file says so: an image in the folder of another split is not meant.
    """

    file: str
    where: str
    names: tuple[str, ...]
    folders: tuple[str, ...] = ("",)
    split: str | None = None


class Finder:
    """Finds listed images: in the folders of the format first, then by the rule for all formats (`ImageIndex.named`).

    Args:
        images: names of the images of the dataset's folder.
        files: names of the annotation files.
    """

    def __init__(self, images: Sequence[str], files: Sequence[str]) -> None:
        self._spellings = Spellings(images)
        self._index = ImageIndex(images, files)

    def find(self, entry: Listed) -> str | Refusal:
        """Returns the image of an entry, or why it has none."""
        for name in entry.names:
            for folder in entry.folders:
                found = self._spellings.find(posixpath.normpath(posixpath.join(folder, name.replace("\\", "/"))))
                if found:
                    return _only(name, found)
        for name in entry.names:
            found = self._index.named(name, near=posixpath.dirname(entry.file))
            if entry.split is not None and found:
                found = tuple(image for image in found if split_of(image) in (None, entry.split))
                found = tuple(image for image in found if split_of(image) == entry.split) or found
            if found:
                return _only(name, found)
        asked = f"no image {entry.names[0]!r} in the folder" if entry.names else "it names no image"
        return Refusal("image_missing", asked)

    def find_all(self, listed: Sequence[Listed]) -> list[str | Refusal]:
        """Returns the image of each entry, or why it has none; of several entries for one image none has it.

        An entry that names the image exactly has it before those that name it otherwise.
        """
        found = [self.find(entry) for entry in listed]
        claims: dict[str, list[int]] = {}
        for number, image in enumerate(found):
            if isinstance(image, str):
                claims.setdefault(image, []).append(number)
        for image, numbers in claims.items():
            exact = [number for number in numbers if f"/{image}".endswith(f"/{listed[number].names[0]}")]
            for number in numbers:
                if len(numbers) > 1 and [number] != exact:
                    code = "image_annotated_twice" if len(exact) == 1 else "pairing_ambiguous"
                    others = " and ".join([listed[other].where for other in numbers if other != number][:3])
                    found[number] = Refusal(code, f"{image} is also listed by {others}", (image,))
        return found


def split_of(path: str) -> str | None:
    """Returns the split that a path's file or folders are named after, the last first; None where none is.

    `annotations/instances_train2017.json` and `valid/_annotations.coco.json` name `train` and `val`.
    """
    for part in reversed(posixpath.splitext(path)[0].split("/")):
        words = [re.sub(r"\d+$", "", word.casefold()) for word in re.split(r"[-_. ]", part)]
        splits = {SPLIT_WORDS[word] for word in words if word in SPLIT_WORDS}
        if len(splits) == 1:
            return splits.pop()
    return None


def _only(name: str, found: tuple[str, ...]) -> str | Refusal:
    if len(found) == 1:
        return found[0]
    return Refusal("pairing_ambiguous", f"{name!r} may be {' or '.join(found[:5])}", found)
