"""Compares the folders of annotation files and images: `Annotations/cam1` and `JPEGImages/cam1` are one place."""

import posixpath
import re
from collections import defaultdict
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import TypeAlias

from gsam_edge.coco.images.names import spelling_key

#: Names of folders that say that annotations lie in them, masks among them; without regard to case.
_FILE_ROLES = frozenset({
    "ann", "anns", "anno", "annos", "annotation", "annotations", "gt", "groundtruth", "ground_truth", "json",
    "jsons", "label", "labels", "labeltxt", "mask", "masks", "txt", "txts", "xml", "xmls",
})  # fmt: skip
_IMAGE_ROLES = frozenset({
    "frames", "image", "images", "img", "imgs", "jpegimages", "jpgs", "photos", "pics", "pictures", "pngs",
})  # fmt: skip
#: Names of folders that say what lies in them, not which images these are; without regard to case.
ROLES = _FILE_ROLES | _IMAGE_ROLES | {"data"}
#: Names of folders that stand for a split, to the name of the split.
SPLIT_WORDS = {
    "train": "train", "training": "train", "val": "val", "valid": "val", "validation": "val", "dev": "val",
    "test": "test", "testing": "test",
}  # fmt: skip

#: The parts of a folder that say which images are meant.
Place: TypeAlias = tuple[str, ...]


class Folders:
    """Which folders of annotation files belong to which folders of images.

    Args:
        files: names of the annotation files, relative to the dataset's folder, with forward slashes.
        images: names of the images, in the same way.
    """

    def __init__(self, files: Sequence[str], images: Sequence[str]) -> None:
        self._roles = _told_roles(files, images)
        self._places: dict[str, Place] = {}

    def place(self, folder: str) -> Place:
        """Returns the parts of a folder that say which images are meant, in one spelling, without those of a kind."""
        if folder not in self._places:
            parts = PurePosixPath(folder).parts
            self._places[folder] = tuple(
                spelling_key(part)
                for depth, part in enumerate(parts)
                if part.casefold() not in ROLES and parts[: depth + 1] not in self._roles
            )
        return self._places[folder]

    def contradict(self, folder: str, other: str) -> bool:
        """Whether two folders name different places: neither is the other's beginning or end."""
        first, second = sorted((self.place(folder), self.place(other)), key=len)
        return bool(first) and first not in (second[: len(first)], second[-len(first) :])

    def differ_by_split(self, folder: str, other: str) -> bool:
        """Whether one place adds nothing but the name of a split to the other, as with `labels` and `images/train`."""
        first, second = sorted((self.place(folder), self.place(other)), key=len)
        return tuple(part for part in second if part not in SPLIT_WORDS) == first != second

    def is_for_files(self, folder: str, images: str) -> bool:
        """Whether a folder of files adds nothing to one of images but a name that says so, as `labels_2024-01-01`."""
        place = self.place(folder)
        return tuple(part for part in place if not _says_annotations(part)) == self.place(images) != place


def _says_annotations(part: str) -> bool:
    """Whether a word of a folder's name is one for annotations, or it is Darknet's `obj_train_data`."""
    words = re.findall(r"[a-z]+", part)
    is_darknets = len(words) == 3 and words[0] == "obj" and words[1] in SPLIT_WORDS and words[2] == "data"
    return is_darknets or not _FILE_ROLES.isdisjoint(words)


def of_images(images: Sequence[str]) -> Sequence[str]:
    """Returns images without those in a folder of annotations, as `masks`, if others are in one of images."""
    roles = {image: _last_role(image) for image in images}
    if _IMAGE_ROLES.isdisjoint(roles.values()):
        return images
    return [image for image in images if roles[image] not in _FILE_ROLES]


def _last_role(name: str) -> str:
    parts = (part.casefold() for part in reversed(PurePosixPath(name).parts[:-1]))
    return next((part for part in parts if part in ROLES), "")


#: What lies below a folder: "files" or "images" to the places in it that hold some.
_Held: TypeAlias = dict[str, set[Place]]


def _told_roles(files: Sequence[str], images: Sequence[str]) -> frozenset[Place]:
    """Returns the two folders of each parent of which one holds all its annotation files and the other all its images.

    They are `Etiketten` and `Bilder` in any language: where a parent has more of either, nothing says which of them
    belong together, nor where images or files of the parent itself have namesakes, nor where images elsewhere may be
    meant as well: `annotations/trimaps` is not the folder of the images beside `images`.
    """
    held: dict[Place, _Held] = defaultdict(lambda: defaultdict(set))
    of_files, of_images = [_folder_and_stem(name) for name in files], [_folder_and_stem(name) for name in images]
    shared = {stem for _, stem in of_files} & {stem for _, stem in of_images}
    in_use = {folder for folder, stem in (*of_files, *of_images) if stem in shared}
    for kind, names in (("files", of_files), ("images", of_images)):
        for folder in {folder for folder, _ in names}:
            for depth in range(1, len(folder) + 1):
                held[folder[:depth]][kind].add(_without_roles(folder[depth:]))
    children: dict[Place, list[Place]] = defaultdict(list)
    for folder in held:
        children[folder[:-1]].append(folder)
    pairs = [
        folders
        for parent, folders in children.items()
        if parent not in in_use and len(folders) == 2 and _are_two_halves(folders, [held[f] for f in folders])
    ]
    told = frozenset(folder for pair in pairs for folder in pair)
    rivalled = _rivalled(of_images, told)
    return frozenset(folder for pair in pairs if rivalled.isdisjoint(pair) for folder in pair)


def _rivalled(images: Sequence[tuple[Place, str]], told: frozenset[Place]) -> set[Place]:
    """Returns the told folders whose files may as well mean a namesake elsewhere; `images` are folder and stem."""
    if not told:
        return set()
    homes: dict[tuple[str, Place], set[Place]] = defaultdict(set)
    for folder, stem in images:
        homes[stem, _without_roles(folder)].add(folder)
    rivalled: set[Place] = set()
    for folder, stem in images:
        for around in {folder[:depth] for depth in range(1, len(folder) + 1)} & told:
            place = _without_roles(around[:-1])
            above = (home for depth in range(len(place) + 1) for home in homes.get((stem, place[:depth]), ()))
            if any(home[: len(around)] != around for home in above):
                rivalled.add(around)
    return rivalled


def _are_two_halves(folders: Sequence[Place], held: Sequence[_Held]) -> bool:
    """Whether one of two folders holds the files of the other's images.

    The folders in them have to be the same, or the files lie in none. Names that differ by a number, as `cam1` and
    `cam2`, or stand for a split tell images apart.
    """
    stems = {re.sub(r"\d+", "", folder[-1].casefold()) for folder in folders}
    both = dict(item for half in held for item in half.items())
    if len(stems) < 2 or stems.intersection(SPLIT_WORDS) or any(len(half) > 1 for half in held) or len(both) < 2:
        return False
    return both["files"] == {()} or bool(both["files"] & both["images"])


def _folder_and_stem(name: str) -> tuple[Place, str]:
    *folder, base = name.split("/")
    return tuple(folder), spelling_key(posixpath.splitext(base)[0])


def _without_roles(parts: tuple[str, ...]) -> Place:
    return tuple(spelling_key(part) for part in parts if part.casefold() not in ROLES)
