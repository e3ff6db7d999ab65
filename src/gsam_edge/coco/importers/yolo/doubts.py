"""Finds the images of a YOLO folder that have no labels, and are not known to show nothing."""

import posixpath
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from gsam_edge.coco.importers.pairing.copies import original_of
from gsam_edge.coco.importers.pairing.folders import Place
from gsam_edge.coco.importers.pairing.image_index import ImageIndex, stem_key
from gsam_edge.coco.importers.pairing.rule import Pairs
from gsam_edge.coco.importers.pairing.splits import SplitEntry, image_of, split_of_folder
from gsam_edge.coco.importers.reading import SourceFiles, with_suffix


@dataclass(frozen=True)
class _Tree:
    """What is known of the folder once its labels have their images.

    Attributes:
        index: finds images.
        labelled: the images that have a label file, which may be empty.
        bare: the others, by their folder.
        with_labels: the places in which a label file lies.
        split_of: image to its split.
    """

    index: ImageIndex
    labelled: Collection[str]
    bare: Mapping[str, Sequence[str]]
    with_labels: Collection[Place]
    split_of: Mapping[str, str]


def doubted_images(
    files: SourceFiles, pairs: Pairs, objects: Mapping[str, int], entries: Sequence[SplitEntry]
) -> dict[str, str]:
    """Returns the images without a label file whose labels may have been lost, with what says so.

    They are images in the place of a label file without an image, and those that lie where no label file does; images
    beside an XML or JSON file of their stem, which another tool wrote; copies of images with labels; images of a split
    that has no label file; and images that no list of splits names.

    Args:
        files: the folder.
        pairs: the label files and their images.
        objects: the number of objects in each label file that can be read.
        entries: the entries of the splits.
    """
    labelled = set(pairs.image_of.values())
    listed = {found[0]: entry.split for entry in entries if len(found := image_of(entry, pairs.index)) == 1}
    bare: dict[str, list[str]] = defaultdict(list)
    split_of: dict[str, str] = {}
    for image in files.image_names():
        split = listed.get(image) or split_of_folder(image)
        if split:
            split_of[image] = split
        if image not in labelled:
            bare[posixpath.dirname(image)].append(image)
    with_labels = {pairs.index.folders.place(posixpath.dirname(name)) for name in objects}
    tree = _Tree(pairs.index, labelled, bare, with_labels, split_of)
    doubts: dict[str, str] = {}
    for reasons in (_beside_lost_labels(tree, pairs, objects), _of_other_tools(tree, files), _copies(tree, files)):
        for image, reason in reasons:
            doubts.setdefault(image, reason)
    for image, reason in _outside_of_splits(tree, listed):
        doubts.setdefault(image, reason)
    return doubts


def _beside_lost_labels(tree: _Tree, pairs: Pairs, objects: Mapping[str, int]) -> Iterator[tuple[str, str]]:
    image_missing = [name for name, refusal in pairs.refused.items() if refusal.code == "image_missing"]
    lost = {posixpath.dirname(name): name for name in image_missing if objects.get(name)}
    places = tree.index.folders
    for folder, images in tree.bare.items():
        place = places.place(folder)
        homes = (
            home
            for home in lost
            if place == places.place(home) or (place not in tree.with_labels and not places.contradict(folder, home))
        )
        home = next(homes, None)
        if home is not None:
            yield from ((image, f"{lost[home]} has no image, and may hold its labels") for image in images)


def _of_other_tools(tree: _Tree, files: SourceFiles) -> Iterator[tuple[str, str]]:
    for name in with_suffix(files, ".xml", ".json"):
        for image in tree.index.beside(name):
            if image not in tree.labelled:
                yield image, f"{name} has its stem, and is not read as YOLO"


def _copies(tree: _Tree, files: SourceFiles) -> Iterator[tuple[str, str]]:
    """Yields namesakes in folders without labels (thumbnails, masks, images resized), and files copied in place."""
    folders = {posixpath.dirname(image) for image in tree.labelled}
    namesakes: dict[str, str] = {}
    for image in sorted(tree.labelled, reverse=True):
        namesakes[stem_key(image)] = image
    for folder, images in tree.bare.items():
        for image in images:
            namesake = namesakes.get(stem_key(image))
            if folder not in folders and namesake:
                yield image, f"it may be made from {namesake}, which has its name and labels"
            if original := original_of(image, tree.labelled, files):
                yield image, f"it is a copy of {original}, which has labels"


def _outside_of_splits(tree: _Tree, listed: Collection[str]) -> Iterator[tuple[str, str]]:
    labelled_splits = {tree.split_of[image] for image in tree.labelled if image in tree.split_of}
    for folder, images in tree.bare.items():
        is_without_labels = tree.index.folders.place(folder) not in tree.with_labels
        for image in images:
            split = tree.split_of.get(image)
            if listed and image not in listed:
                yield image, "no list of splits names it, and it has no label file"
            elif split and is_without_labels and split not in labelled_splits:
                yield image, f"no image of its split ({split}) has a label file"
