"""Decides which image an annotation file belongs to. One rule for all formats, and never a guess.

An image of the same place and stem comes first (`Annotations/cam1/0.xml` and `JPEGImages/cam1/0.jpg`), then the image
that the file names inside. Where both are there and differ, or several images answer equally well, the pair is taken
only if the other files leave no other reading; else the file is refused, and the images in question are in doubt.
"""

import posixpath
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from gsam_edge.coco.geometry.shapes import brief
from gsam_edge.coco.importers.pairing.folders import Place
from gsam_edge.coco.importers.pairing.image_index import ImageIndex, spelled, stem_key


@dataclass(frozen=True)
class Claim:
    """An annotation file that belongs to one image.

    Attributes:
        file: its name, relative to the dataset's folder.
        named: the image's name as the file states it; None where the format has no such name.
    """

    file: str
    named: str | None = None


@dataclass(frozen=True)
class Refusal:
    """Why an annotation file was given to no image.

    Attributes:
        code: `image_missing`, `pairing_ambiguous`, `pairing_contradicts` or `image_annotated_twice`.
        detail: the names in question.
        images: images that it may belong to: where they have no other annotation file, their labels are lost.
    """

    code: str
    detail: str
    images: tuple[str, ...] = ()


@dataclass
class Pairs:
    """The result of `pair`.

    Attributes:
        index: finds the images by other names.
        image_of: annotation file to its image; no image is there twice.
        refused: annotation file to the reason why it has no image.
        noted: annotation file that has an image, to what should be known of it: code and detail.
    """

    index: ImageIndex = field(compare=False, repr=False)
    image_of: dict[str, str] = field(default_factory=dict)
    refused: dict[str, Refusal] = field(default_factory=dict)
    noted: dict[str, tuple[str, str]] = field(default_factory=dict)

    @property
    def in_doubt(self) -> dict[str, str]:
        """Images without annotations that a refused file may belong to, with that file."""
        paired = set(self.image_of.values())
        doubts: dict[str, str] = {}
        for file, refusal in self.refused.items():
            for image in refusal.images:
                if image not in paired:
                    doubts.setdefault(image, file)
        return doubts


def pair(claims: Sequence[Claim], images: Sequence[str]) -> Pairs:
    """Pairs annotation files with images; see the module.

    Args:
        claims: the annotation files.
        images: names of the images.

    Returns:
        The pairs and refusals, the same for every order of the arguments.
    """
    claims = sorted(claims, key=lambda claim: claim.file)
    index = ImageIndex(images, [claim.file for claim in claims])
    by_stem = {claim.file: index.beside(claim.file) for claim in claims}
    settled = _settled(by_stem, index)
    rivals = Counter(map(stem_key, by_stem))
    for file, found in by_stem.items():
        if not found and rivals[stem_key(file)] == 1:
            by_stem[file] = _only(file, index, settled)
    owned = {found[0] for found in by_stem.values() if len(found) == 1}
    pairs = Pairs(index)
    for claim in claims:
        _settle(claim, by_stem[claim.file], index, settled, owned, pairs)
    _refuse_doubled(pairs, by_stem)
    for claim in claims:
        image = pairs.image_of.get(claim.file)
        if image and claim.file not in pairs.noted and all(spelled(name, image) for name in _names_of(claim)):
            pairs.noted[claim.file] = ("name_spelled_otherwise", f"taken for {image}")
    return pairs


def _names_of(claim: Claim) -> list[str]:
    return [claim.file, *([claim.named.strip().replace("\\", "/")] if claim.named else [])]


def _settled(by_stem: Mapping[str, Sequence[str]], index: ImageIndex) -> set[Place]:
    """Returns the places that tell files apart: some of their images lie beside them, or files elsewhere share names.

    What such a file does not find in its place is missing, whatever has its name elsewhere.
    """
    settled: set[Place] = set()
    places: dict[str, set[Place]] = defaultdict(set)
    for file, found in by_stem.items():
        place = index.folders.place(posixpath.dirname(file))
        places[stem_key(file)].add(place)
        if found:
            settled.add(place)
    return settled.union(*(shared for shared in places.values() if len(shared) > 1))


def _only(file: str, index: ImageIndex, settled: Collection[Place]) -> tuple[str, ...]:
    """Returns the only image of a file's stem if their places differ by a split, or by a name for annotations."""
    alike = index.alike(file)
    if len(alike) != 1:
        return ()
    folder, other, folders = posixpath.dirname(file), posixpath.dirname(alike[0]), index.folders
    if not (folders.differ_by_split(folder, other) or folders.is_for_files(folder, other)):
        return ()
    return () if {folders.place(folder), folders.place(other)}.intersection(settled) else (alike[0],)


def _settle(
    claim: Claim, stem: tuple[str, ...], index: ImageIndex, settled: set[Place], owned: set[str], pairs: Pairs
) -> None:
    """Gives one file its image, or refuses it."""
    near = posixpath.dirname(claim.file)
    named = index.named(claim.named, near=near, settled=settled) if claim.named else ()
    both = tuple(image for image in stem if image in named)
    if len(both) == 1:
        pairs.image_of[claim.file] = both[0]
    elif len(stem) == 1:
        if not claim.named:
            pairs.image_of[claim.file] = stem[0]
        elif all(image in owned for image in named):  # none is there, or each has a file of its own
            pairs.image_of[claim.file] = stem[0]
            there = f"which belongs to another file: {named[0]}" if named else "which is not there"
            pairs.noted[claim.file] = (
                "pairing_contradicts",
                f"taken for {stem[0]}, which has its stem; inside it names {brief(claim.named)}, {there}",
            )
        else:
            detail = f"its stem says {stem[0]}, inside it names {brief(claim.named)}, which is {' or '.join(named)}"
            pairs.refused[claim.file] = Refusal("pairing_contradicts", detail, (*stem, *named))
    elif stem or len(named) > 1:
        images = stem or named
        pairs.refused[claim.file] = Refusal("pairing_ambiguous", f"may belong to {_listed(images)}", images)
    elif not named:
        pairs.refused[claim.file] = _missing(claim, index)
    elif named[0] in owned:
        detail = f"inside it names {named[0]}, which has an annotation file of its own stem"
        pairs.refused[claim.file] = Refusal("image_annotated_twice", detail, named)
    else:
        pairs.image_of[claim.file] = named[0]


def _missing(claim: Claim, index: ImageIndex) -> Refusal:
    alike = tuple(index.alike(claim.file))
    asked = f"no image {brief(claim.named)}" if claim.named else "no image of its stem"
    near = f"; in another folder is {_listed(alike)}" if alike else ""
    return Refusal("image_missing", f"{asked} in the place of this file{near}", alike)


def _refuse_doubled(pairs: Pairs, by_stem: Mapping[str, tuple[str, ...]]) -> None:
    """Refuses the files of an image that has several, but for the only one that is spelled exactly like it."""
    files_of: dict[str, list[str]] = defaultdict(list)
    for file, image in pairs.image_of.items():
        files_of[image].append(file)
    for image, files in files_of.items():
        if len(files) == 1:
            continue
        stem = posixpath.splitext(posixpath.basename(image))[0]
        exact = [file for file in files if posixpath.splitext(posixpath.basename(file))[0] == stem]
        owner = exact[0] if len(exact) == 1 and by_stem[exact[0]] == (image,) else None
        for file in files:
            if file == owner:
                continue
            del pairs.image_of[file]
            pairs.noted.pop(file, None)
            code = "image_annotated_twice" if owner else "pairing_ambiguous"
            others = _listed([other for other in files if other != file])
            pairs.refused[file] = Refusal(code, f"{image} is also claimed by {others}", (image,))


def _listed(names: Sequence[str]) -> str:
    """Returns the first three names for a message, and how many more there are."""
    more = [f"{len(names) - 3} more"] if len(names) > 3 else []
    return " or ".join([*names[:3], *more])
