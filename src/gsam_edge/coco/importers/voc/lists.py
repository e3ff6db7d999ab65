"""Finds and reads the lists by which a VOC tree names its splits."""

import posixpath
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from gsam_edge.coco.importers.collect import Collector
from gsam_edge.coco.importers.pairing.folders import SPLIT_WORDS
from gsam_edge.coco.importers.pairing.splits import SplitEntry, read_split_list, without_mark
from gsam_edge.coco.importers.reading import SourceFiles, with_suffix

_MAIN, _IMAGE_SETS, _ELSEWHERE = range(3)


@dataclass(frozen=True)
class _List:
    """A list of a split.

    Attributes:
        name: the file.
        folder: its folder.
        split: train, val or test; None for the list of train and val together.
        of_class: whether it marks each image with the presence of one class, as `dog_train.txt`.
        rank: how much it is trusted, the lower the more.
        near: the folder whose images are meant.
    """

    name: str
    folder: str
    split: str | None
    of_class: bool
    rank: int
    near: str


def read_lists(files: SourceFiles, collector: Collector) -> list[SplitEntry]:
    """Returns the entries of the lists that name the splits, and accounts for each list.

    The lists are those of ImageSets/Main, else others below ImageSets, else train.txt, val.txt and test.txt elsewhere,
    all without regard to case. Lists of a class count where their folder has none for all classes.
    """
    lists = [found for name in with_suffix(files, ".txt") if (found := _list_of(name))]
    best = min((found.rank for found in lists if found.split), default=_ELSEWHERE)
    lists = sorted((found for found in lists if found.rank == best), key=lambda found: found.name)
    of_all_classes = {(found.folder, found.split) for found in lists if not found.of_class}
    entries: list[SplitEntry] = []
    for found in lists:
        if found.of_class and (found.folder, found.split) in of_all_classes:
            collector.leave_file(found.name, "file_not_used", "a list of a class beside that of all classes")
        elif found.split:
            entries += _read(files, collector, found, found.split)
    for found in lists:
        if found.split is None and not found.of_class:
            _settle_both(files, collector, found, entries)
    return entries


def _list_of(name: str) -> _List | None:
    """Returns what a text file is a list of; None where its name says none of it."""
    path, folder = PurePosixPath(name), posixpath.dirname(name)
    stem, folders = path.stem.casefold(), [part.casefold() for part in path.parent.parts]
    word = stem.rpartition("_")[2]
    if word not in SPLIT_WORDS and word != "trainval":
        return None
    split = SPLIT_WORDS.get(word)
    if "imagesets" not in folders:
        return None if word != stem else _List(name, folder, split, False, _ELSEWHERE, folder)
    depth = folders.index("imagesets")
    rank = _MAIN if folders[depth + 1 :] == ["main"] else _IMAGE_SETS
    return _List(name, folder, split, word != stem, rank, "/".join(path.parts[:depth]))


def _read(files: SourceFiles, collector: Collector, found: _List, split: str) -> list[SplitEntry]:
    try:
        entries = read_split_list(files, found.name, split, found.near)
    except (ValueError, OSError) as error:
        collector.leave_file(found.name, "file_unreadable", str(error))
        return []
    collector.use(found.name)
    return entries


def _settle_both(files: SourceFiles, collector: Collector, found: _List, entries: Sequence[SplitEntry]) -> None:
    """Counts a list of train and val together as used where the lists of both name all its images."""
    known = {without_mark(entry.text) for entry in entries if entry.split != "test"}
    try:
        lines = read_split_list(files, found.name, "", "")
    except (ValueError, OSError) as error:
        collector.leave_file(found.name, "file_unreadable", str(error))
        return
    if all(without_mark(line.text) in known for line in lines):
        collector.use(found.name)
    else:
        collector.leave_file(found.name, "file_not_used", "it names images that neither train nor val does")
