"""Decides which image an annotation file belongs to. One rule for all formats, and never a guess.

An image of the same place and stem comes first (`Annotations/cam1/0.xml` and `JPEGImages/cam1/0.jpg`), then the image
that the file names inside. Where both are there and differ, or several images answer equally well, the pair is taken
only if the other files leave no other reading; else the file is refused, and the images in question are in doubt.
"""

import posixpath
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from gsam_edge.coco.geometry.shapes import brief
from gsam_edge.coco.images.names import spelling_distance, spelling_key
from gsam_edge.coco.importers.folders import Folders


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
        image_of: annotation file to its image; no image is there twice.
        refused: annotation file to the reason why it has no image.
        noted: annotation file that has an image, to what should be known of it: code and detail.
    """

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


class ImageIndex:
    """Finds images by the path of an annotation file and by names in it.

    Args:
        images: names of the images, relative to the dataset's folder, with forward slashes.
        files: names of the annotation files, in the same way.
    """

    def __init__(self, images: Sequence[str], files: Sequence[str] = ()) -> None:
        self.folders = Folders(files, images)
        self._images = frozenset(images)
        # By name and by stem, each in any place ("" for the place's key is the top folder's), at one place, and by the
        # last folder of the place.
        self._anywhere: dict[str, list[str]] = defaultdict(list)
        self._at_place: dict[tuple[str, tuple[str, ...]], list[str]] = defaultdict(list)
        self._in_folder: dict[tuple[str, str], list[str]] = defaultdict(list)
        self._places: set[tuple[str, ...]] = set()
        for image in sorted(images):
            place = self.folders.place(posixpath.dirname(image))
            self._places.add(place)
            for key in (_name_key(image), _stem_key(image)):
                self._anywhere[key].append(image)
                self._at_place[key, place].append(image)
                self._in_folder[key, place[-1] if place else ""].append(image)

    def alike(self, file: str) -> list[str]:
        """Returns the images of a file's stem in any folder; `a.jpg.json` has the stem of `a.jpg`."""
        return self._anywhere.get(_whole_stem_key(file)) or self._anywhere.get(_stem_key(file), [])

    def beside(self, file: str) -> tuple[str, ...]:
        """Returns the images of the same place and stem as a file: one, none, or several that nothing tells apart."""
        folder = posixpath.dirname(file)
        place = self.folders.place(folder)
        found = self._at_place.get((_whole_stem_key(file), place)) or self._at_place.get((_stem_key(file), place), [])
        return _best({image: (_depth(folder, posixpath.dirname(image)), _spelled(file, image)) for image in found})

    def named(self, name: str, *, near: str = "") -> tuple[str, ...]:
        """Returns the images that a name in a file may mean: one, none, or several that nothing tells apart.

        Of a path, the folders count as far as they exist here: `D:/photos/cam1/0.jpg` is `images/cam1/0.jpg`, and never
        `images/cam2/0.jpg` beside it. A name without folders is the image of that name in the place of the file; where
        that place holds no images at all, the only one of that name whose place does not contradict the file's. An
        image of another suffix is meant only where there is none of this one.

        Args:
            name: a name, a path with either separator, relative or of another computer, or a URL.
            near: the folder of the file that names it.
        """
        path = posixpath.normpath(name.strip().replace("\\", "/"))
        exact = sorted({posixpath.normpath(posixpath.join(near, path)), path} & self._images)
        if exact:
            return tuple(exact)
        keys = (_name_key(path), f"{_name_key(path)}.", _stem_key(path))  # with its suffix, without one, of another one
        key = next((key for key in keys if key in self._anywhere), "")
        is_foreign = path.startswith(("/", "..")) or ":" in path.split("/")[0]
        stated = self.folders.place(posixpath.dirname(path))
        if stated:
            shared = {
                image: _shared(stated, self.folders.place(posixpath.dirname(image)))
                for image in self._in_folder.get((key, stated[-1]), [])
            }
            agreeing = {image: (-count, _spelled(path, image)) for image, count in shared.items() if count}
            if agreeing:
                return _first(agreeing)
        here = self.folders.place(near)
        beside = self._at_place.get((key, here), [])
        # A folder that holds images held this one too: what has its name above or below is another image.
        anywhere = [] if here and here in self._places else self._anywhere.get(key, [])
        for images in (beside, anywhere):
            ranks = {
                image: (_spelled(path, image),)
                for image in images
                if not self.folders.contradict(near, posixpath.dirname(image))
                and (is_foreign or _shared(stated, self.folders.place(posixpath.dirname(image))) is not None)
            }
            if ranks:
                return _first(ranks)
        return ()


#: The distance of names that are no spellings of each other, larger than any of `spelling_distance`.
_UNLIKE = 99


def _name_key(path: str) -> str:
    """The file name with its suffix, in all spellings the same."""
    return spelling_key(posixpath.basename(path))


def _stem_key(path: str) -> str:
    """The stem, marked so that it is no name."""
    return f"{_whole_stem_key(path)}."


def _whole_stem_key(path: str) -> str:
    return spelling_key(posixpath.splitext(posixpath.basename(path))[0])


def _spelled(path: str, image: str) -> int:
    """Returns how far the file names or stems of two paths are apart in their spelling, 0 where they are equal."""
    name, base = posixpath.basename(path), posixpath.basename(image)
    stem, base_stem = posixpath.splitext(name)[0], posixpath.splitext(base)[0]
    pairs = ((name, base), (name, base_stem), (stem, base), (stem, base_stem))
    return min((rank for pair in pairs if (rank := spelling_distance(*pair)) is not None), default=_UNLIKE)


def _depth(folder: str, other: str) -> int:
    """Returns how far two folders of one place are apart: equal, one part that differs, or more."""
    if folder == other:
        return 0
    ours, theirs = folder.split("/"), other.split("/")
    return 1 if sum(map(str.__ne__, ours, theirs)) + abs(len(ours) - len(theirs)) == 1 else 2


def _shared(stated: tuple[str, ...], place: tuple[str, ...]) -> int | None:
    """Returns how many folders of two places agree from their ends; None where they contradict."""
    most = min(len(stated), len(place))
    return most if stated[len(stated) - most :] == place[len(place) - most :] else None


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
    rivals = Counter(_stem_key(claim.file) for claim in claims)
    by_stem = {claim.file: _of_stem(claim, rivals, index) for claim in claims}
    owned = {found[0] for found in by_stem.values() if len(found) == 1}
    pairs = Pairs()
    for claim in claims:
        _settle(claim, by_stem[claim.file], index, owned, pairs)
    _refuse_doubled(pairs, by_stem)
    for claim in claims:
        image = pairs.image_of.get(claim.file)
        if image and claim.file not in pairs.noted and all(_spelled(name, image) for name in _names_of(claim)):
            pairs.noted[claim.file] = ("name_spelled_otherwise", f"taken for {image}")
    return pairs


def _names_of(claim: Claim) -> list[str]:
    return [claim.file, *([claim.named.strip().replace("\\", "/")] if claim.named else [])]


def _of_stem(claim: Claim, rivals: Mapping[str, int], index: ImageIndex) -> tuple[str, ...]:
    """Returns the images of a file's place and stem; where there is none, the only one in the folder of a split."""
    found = index.beside(claim.file)
    if not found and rivals[_stem_key(claim.file)] == 1:
        alike, folder = index.alike(claim.file), posixpath.dirname(claim.file)
        if len(alike) == 1 and index.folders.differ_by_split(folder, posixpath.dirname(alike[0])):
            return (alike[0],)
    return found


def _settle(claim: Claim, stem: tuple[str, ...], index: ImageIndex, owned: set[str], pairs: Pairs) -> None:
    """Gives one file its image, or refuses it."""
    named = index.named(claim.named, near=posixpath.dirname(claim.file)) if claim.named else ()
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
        pairs.refused[claim.file] = Refusal("pairing_ambiguous", f"may belong to {' or '.join(images)}", images)
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
    near = f"; in another folder is {' and '.join(alike[:3])}" if alike else ""
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
            others = " and ".join(other for other in files if other != file)
            pairs.refused[file] = Refusal(code, f"{image} is also claimed by {others}", (image,))


def _best(ranks: Mapping[str, tuple[int, ...]]) -> tuple[str, ...]:
    """Returns the names that no other one is better than in every respect."""
    return tuple(
        name
        for name, rank in ranks.items()
        if not any(all(a <= b for a, b in zip(other, rank, strict=True)) and other != rank for other in ranks.values())
    )


def _first(ranks: Mapping[str, tuple[int, ...]]) -> tuple[str, ...]:
    """Returns the names of the lowest rank."""
    return tuple(name for name, rank in ranks.items() if rank == min(ranks.values()))
