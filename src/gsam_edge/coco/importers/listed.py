"""Finds images for formats whose annotation files list many of them by name. No image is given on a guess."""

import posixpath
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from gsam_edge.coco.images.names import spelling_key
from gsam_edge.coco.importers.collect import Collector
from gsam_edge.coco.importers.pairing.folders import SPLIT_WORDS, of_images
from gsam_edge.coco.importers.pairing.image_index import ImageIndex
from gsam_edge.coco.importers.pairing.rule import Refusal
from gsam_edge.coco.importers.pairing.splits import SplitEntry


@dataclass(frozen=True)
class Listed:
    """An image as an annotation file lists it.

    Attributes:
        file: the annotation file.
        where: the record, for messages.
        names: what it may be called, the most trusted first.
        folders: where the format keeps its images, the most trusted first, relative to the dataset's folder.
        split: train, val or test, where the file says so: an image in the folder of another split is not meant.
        subset: the subset that the record names; else the file's name may be one.
    """

    file: str
    where: str
    names: tuple[str, ...]
    folders: tuple[str, ...] = ("",)
    split: str | None = None
    subset: str = ""


class Finder:
    """Finds listed images: in the folders of the format first, then by the rule for all formats (`ImageIndex.named`).

    Args:
        images: names of the images of the dataset's folder.
        files: names of the annotation files.
        subsets: the subsets that records name.
    """

    def __init__(self, images: Sequence[str], files: Sequence[str], subsets: Iterable[str] = ()) -> None:
        meant = of_images(images)  # masks beside their images have the same names
        self.index = ImageIndex(meant, files)
        self._images = frozenset(images)
        self._meant = frozenset(meant)
        folders = {part for image in meant for part in self.index.folders.place(posixpath.dirname(image))}
        words = [*subsets, *(word for file in files for word in subset_words(file))]
        self._subsets = frozenset(map(spelling_key, words)) & folders

    def find(self, entry: Listed) -> str | Refusal:
        """Returns the image of an entry, or why it has none."""
        for name in entry.names:
            for folder in entry.folders:
                path = posixpath.normpath(posixpath.join(folder, _plain(name)))
                if path in (self._images if "/" in _plain(name) else self._meant):
                    return path
        for name in entry.names:
            found = self.index.named(name, near=posixpath.dirname(entry.file))
            if entry.split is not None:
                splits = {image: split_of_folder(posixpath.dirname(image)) for image in found}
                found = tuple(image for image in found if splits[image] in (None, entry.split))
                found = tuple(image for image in found if splits[image] == entry.split) or found
            if "/" not in _plain(name):
                found = self._without_other_subsets(entry, found)
            if len(found) == 1:
                return found[0]
            if found:
                return Refusal("pairing_ambiguous", f"{name!r} may be {' or '.join(found[:5])}", found)
        return Refusal(
            "image_missing", f"no image {entry.names[0]!r} in the folder" if entry.names else "it has no name"
        )

    def _without_other_subsets(self, entry: Listed, images: tuple[str, ...]) -> tuple[str, ...]:
        """Returns images without those in folders of other subsets: `cam1.json` means none in `cam2`, if `cam1` is.

        Those are folders that a file or subset is named after; one without such a folder may mean images of all.
        """
        words = (entry.subset,) if entry.subset else subset_words(entry.file)
        own = self._subsets.intersection(map(spelling_key, words))
        places = {image: set(self.index.folders.place(posixpath.dirname(image))) for image in images}
        return tuple(
            image
            for image, place in places.items()
            if not own or not own.isdisjoint(place) or self._subsets.isdisjoint(place)
        )

    def find_shared(self, listed: Sequence[Listed]) -> dict[tuple[str, tuple[str, ...]], str | Refusal]:
        """Returns the image of each file and names, or why they have none; several files may list the same image.

        Names that mean different images share none: in one file all that differ, in two those of other folders. The
        name that the image has here has it before the others.
        """
        found = {(entry.file, entry.names): self.find(entry) for entry in listed}
        claims: dict[str, list[tuple[str, tuple[str, ...]]]] = {}
        for claim, image in found.items():
            if isinstance(image, str):
                claims.setdefault(image, []).append(claim)
        for image, keys in claims.items():
            rivals = [key for key in keys if any(self._differ(key, other) for other in keys)]
            exact = {name for _, names in rivals if f"/{image}".endswith(f"/{(name := _plain(names[0]))}")}
            for file, names in rivals:
                if len(exact) != 1 or _plain(names[0]) not in exact:
                    code = "image_annotated_twice" if len(exact) == 1 else "pairing_ambiguous"
                    others = [f"{other[0]!r} of {rival}" for rival, other in rivals if other != names]
                    detail = f"{image} may be {names[0]!r} of {file}, and {' and '.join(others[:3])}"
                    found[file, names] = Refusal(code, detail, (image,))
        return found

    def _differ(self, one: tuple[str, tuple[str, ...]], other: tuple[str, tuple[str, ...]]) -> bool:
        """Whether two files and names, which were found to be one image, mean two."""
        names = [_plain(names[0]) for _, names in (one, other)]
        if one[0] == other[0] or names[0] == names[1]:
            return names[0] != names[1]
        first, second = (self.index.folders.place(posixpath.dirname(name)) for name in names)
        shared = next((n for n, (a, b) in enumerate(zip(first[::-1], second[::-1], strict=False)) if a != b), None)
        is_foreign = any(name.startswith(("/", "..")) or ":" in name.split("/")[0] for name in names)
        return shared is not None and not (is_foreign and shared)

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


def _plain(name: str) -> str:
    """Returns a name with forward slashes, without `.` parts."""
    return posixpath.normpath(name.replace("\\", "/"))


def refuse(collector: Collector, entry: Listed, refusal: Refusal, objects: int) -> None:
    """Leaves a listed image behind, with the objects that it has; the images that may be meant lose their labels."""
    collector.account.leave("objects", refusal.code, objects)
    collector.account.skip(refusal.code, entry.where, f"{refusal.detail}; objects of it: {objects}")
    if objects:
        for image in refusal.images:
            collector.lose_labels(image, f"{entry.where} may mean it")


def subset_words(file: str) -> tuple[str, ...]:
    """Returns the names of folders that may hold the images of a file: `instances_cam1.json` is of `cam1`."""
    stem = posixpath.basename(file).split(".")[0]
    return tuple(dict.fromkeys(part for part in (stem, stem.partition("_")[2], stem.rpartition("_")[2]) if part))


def split_of_file(path: str) -> str | None:
    """Returns the split that an annotation file, or else a folder of its path, is named after; None where none is.

    `annotations/instances_train2017.json` and `valid/_annotations.coco.json` name `train` and `val`.
    """
    folder, name = posixpath.split(path)
    words = {split_word(word) for word in re.split(r"[-_. ]", posixpath.splitext(name)[0])} - {None}
    return words.pop() if len(words) == 1 else split_of_folder(folder)


def split_of_folder(folder: str) -> str | None:
    """Returns the split that the last such folder of a path is named after; `test_rig/0` names none."""
    return next((split for part in reversed(folder.split("/")) if (split := split_word(part))), None)


def split_word(word: str) -> str | None:
    """Returns the split that a word stands for, digits at its end aside: `train2017` is train."""
    return SPLIT_WORDS.get(re.sub(r"\d+$", "", word.casefold()))


def split_entries(splits: Sequence[SplitEntry]) -> Sequence[SplitEntry]:
    """Returns the entries for `Collector.finish`; none where all name one split, which is no division."""
    return splits if len({entry.split for entry in splits}) > 1 else ()
