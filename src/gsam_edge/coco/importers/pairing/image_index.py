"""Finds images by the path of an annotation file, and by names of images in files and lists."""

import posixpath
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence

from gsam_edge.coco.images.names import spelling_distance, spelling_key
from gsam_edge.coco.importers.pairing.folders import Folders, Place, of_images


class ImageIndex:
    """Finds images by the path of an annotation file and by names in it.

    Args:
        images: names of the images, relative to the dataset's folder, with forward slashes.
        files: names of the annotation files, in the same way.
    """

    def __init__(self, images: Sequence[str], files: Sequence[str] = ()) -> None:
        self.folders = Folders(files, images)
        self._images = frozenset(images)
        self._parts = {part for name in (*files, *images) for part in self.folders.place(posixpath.dirname(name))}
        # By name and by stem, each at its place, and by every beginning and end of its place, of which () is anywhere.
        self._at_place: dict[tuple[str, Place], list[str]] = defaultdict(list)
        self._related: dict[tuple[str, Place], list[str]] = defaultdict(list)
        for image in sorted(images):
            place = self._place(image)
            for key in (_name_key(image), stem_key(image)):
                self._at_place[key, place].append(image)
                for part in _ends(place):
                    self._related[key, part].append(image)

    def alike(self, file: str) -> list[str]:
        """Returns the images of a file's stem in any folder; `a.jpg.json` has the stem of `a.jpg`."""
        return self._related.get((_whole_stem_key(file), ())) or self._related.get((stem_key(file), ()), [])

    def beside(self, file: str) -> tuple[str, ...]:
        """Returns the images of the same place and stem as a file: one, none, or several that nothing tells apart."""
        folder = posixpath.dirname(file)
        place = self.folders.place(folder)
        found = self._at_place.get((_whole_stem_key(file), place)) or self._at_place.get((stem_key(file), place), [])
        return _best(
            {image: (_depth(folder, posixpath.dirname(image)), spelled(file, image)) for image in of_images(found)}
        )

    def named(self, name: str, *, near: str = "", settled: Collection[Place] = ()) -> tuple[str, ...]:
        """Returns the images that a name in a file may mean: one, none, or several that nothing tells apart.

        Of a path, the folders count as far as they exist here: `D:/photos/cam1/0.jpg` is `images/cam1/0.jpg`, and never
        `images/cam2/0.jpg` beside it. A name without folders is the image of that name in the place of the file, else
        the only one of that name whose place does not contradict the file's. An image of another suffix is meant only
        in the same place, and where there is none of this one.

        Args:
            name: a name, a path with either separator, relative or of another computer, or a URL.
            near: the folder of the file that names it.
            settled: places that tell files apart: what a file of such a place does not find there is missing, and
                its images belong to no file elsewhere but above.
        """
        path = posixpath.normpath(name.strip().replace("\\", "/"))
        folder = posixpath.dirname(path)
        exact = {posixpath.normpath(posixpath.join(near, path)), *([path] if folder else [])} & self._images
        if exact:
            return tuple(sorted(exact))
        keys = (_name_key(path), f"{_name_key(path)}.", stem_key(path))  # with its suffix, without one, of another one
        key = next((key for key in keys if (key, ()) in self._related), "")
        stated, here = self.folders.place(folder), self.folders.place(near)
        is_foreign = path.startswith(("/", "..")) or ":" in path.split("/")[0]
        if stated:
            says_more = stated != here[-len(stated) :]
            agreeing = {
                image: (-count, spelled(path, image))
                for image in self._related.get((key, stated[-1:]), [])
                if (count := self._shared(stated, self._place(image), is_foreign=is_foreign))
                and (says_more or self._may_be_meant(image, near, settled))
            }
            if agreeing:
                return _first(agreeing)
        known = self._parts.intersection(stated)
        last = known.intersection(stated[-1:])
        elsewhere = self._near(key, here) if key in keys[:2] else []
        for images in (self._at_place.get((key, here), []), elsewhere):
            ranks = {
                image: (spelled(path, image),)
                for image in images
                if self._may_be_meant(image, near, settled)
                and known.issubset(self._place(image))
                and last.issubset(self._place(image)[-1:])
                and (is_foreign or self._shared(stated, self._place(image), is_foreign=False) is not None)
            }
            if ranks:
                return _first(ranks)
        return ()

    def _place(self, image: str) -> Place:
        return self.folders.place(posixpath.dirname(image))

    def _near(self, key: str, place: Place) -> list[str]:
        """Returns the images of a name whose places do not contradict one."""
        above = [image for part in _ends(place) if part != place for image in self._at_place.get((key, part), [])]
        return above + self._related.get((key, place), [])

    def _shared(self, stated: Place, place: Place, *, is_foreign: bool) -> int | None:
        """Returns how many folders of two places agree from their ends; None where they contradict.

        Where the folders of another computer go on differently, that contradicts only if they exist here.
        """
        for count, (one, other) in enumerate(zip(reversed(stated), reversed(place), strict=False)):
            if one != other:
                return count if is_foreign and count and one not in self._parts else None
        return min(len(stated), len(place))

    def _may_be_meant(self, image: str, near: str, settled: Collection[Place]) -> bool:
        """Whether a file of a folder may mean an image by its name alone."""
        here, there = self.folders.place(near), self._place(image)
        if here == there:
            return True
        is_elsewhere = here in settled or (there in settled and there[: len(here)] != here)
        return not is_elsewhere and not self.folders.contradict(near, posixpath.dirname(image))


def _ends(place: Place) -> list[Place]:
    """Returns the beginnings and ends of a place, each once, () and the place itself included."""
    lengths = range(len(place) + 1)
    return list(dict.fromkeys(end for n in lengths for end in (place[:n], place[len(place) - n :])))


#: The distance of names that are no spellings of each other, larger than any of `spelling_distance`.
_UNLIKE = 99


def _name_key(path: str) -> str:
    """The file name with its suffix, in all spellings the same."""
    return spelling_key(posixpath.basename(path))


def stem_key(path: str) -> str:
    """The stem, marked so that it is no name."""
    return f"{_whole_stem_key(path)}."


def _whole_stem_key(path: str) -> str:
    return spelling_key(posixpath.splitext(posixpath.basename(path))[0])


def spelled(path: str, image: str) -> int:
    """Returns how far the file names or stems of two paths are apart in their spelling, 0 where they are equal."""
    name, base = posixpath.basename(path), posixpath.basename(image)
    stem, base_stem = posixpath.splitext(name)[0], posixpath.splitext(base)[0]
    pairs = ((name, base), (name, base_stem), (stem, base), (stem, base_stem))
    if any(one == other for one, other in pairs):  # by far the most frequent
        return 0
    return min((rank for pair in pairs if (rank := spelling_distance(*pair)) is not None), default=_UNLIKE)


def _depth(folder: str, other: str) -> int:
    """Returns how far two folders of one place are apart: equal, one part that differs, or more."""
    if folder == other:
        return 0
    ours, theirs = folder.split("/"), other.split("/")
    return 1 if sum(map(str.__ne__, ours, theirs)) + abs(len(ours) - len(theirs)) == 1 else 2


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
