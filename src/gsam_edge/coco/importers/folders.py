"""Compares the folders of annotation files and images: `Annotations/cam1` and `JPEGImages/cam1` are one place."""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import PurePosixPath

from gsam_edge.coco.images.names import spelling_key

#: Names of folders that say what lies in them, not which images these are; without regard to case.
ROLES = frozenset({
    "ann", "anns", "anno", "annos", "annotation", "annotations", "gt", "groundtruth", "ground_truth", "json",
    "jsons", "label", "labels", "labeltxt", "mask", "masks", "txt", "txts", "xml", "xmls", "data", "frames",
    "image", "images", "img", "imgs", "jpegimages", "jpgs", "photos", "pics", "pictures", "pngs",
})  # fmt: skip
#: Names of folders that stand for a split, to the name of the split.
SPLIT_WORDS = {
    "train": "train", "training": "train", "val": "val", "valid": "val", "validation": "val", "dev": "val",
    "test": "test", "testing": "test",
}  # fmt: skip


class Folders:
    """Which folders of annotation files belong to which folders of images.

    Args:
        files: names of the annotation files, relative to the dataset's folder, with forward slashes.
        images: names of the images, in the same way.
    """

    def __init__(self, files: Sequence[str], images: Sequence[str]) -> None:
        self._roles = _told_roles(files, images)
        self._places: dict[str, tuple[str, ...]] = {}

    def place(self, folder: str) -> tuple[str, ...]:
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


def _told_roles(files: Sequence[str], images: Sequence[str]) -> frozenset[tuple[str, ...]]:
    """Returns the two folders of each parent of which one holds all its annotation files and the other all its images.

    They are `Etiketten` and `Bilder` in any language: where a parent has more of either, nothing says which of them
    belong together.
    """
    holds: dict[tuple[str, ...], set[str]] = defaultdict(set)
    for kind, names in (("files", files), ("images", images)):
        for name in names:
            parts = PurePosixPath(name).parts[:-1]
            for depth in range(len(parts)):
                holds[parts[: depth + 1]].add(kind)
    children: dict[tuple[str, ...], list[tuple[str, ...]]] = defaultdict(list)
    for folder in holds:
        children[folder[:-1]].append(folder)
    told: list[tuple[str, ...]] = []
    for folders in children.values():
        if len(folders) == 2 and {frozenset(holds[folder]) for folder in folders} == {
            frozenset({"files"}),
            frozenset({"images"}),
        }:
            told += folders
    return frozenset(told)
