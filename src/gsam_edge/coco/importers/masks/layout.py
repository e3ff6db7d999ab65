"""Finds out which image file is a mask of which image: by folders, and by names where a folder holds several images."""

import posixpath
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from gsam_edge.coco.images.names import spelling_key
from gsam_edge.coco.importers.pairing.folders import SPLIT_WORDS
from gsam_edge.coco.importers.pairing.image_index import ImageIndex
from gsam_edge.coco.importers.pairing.rule import Claim, Refusal

#: Names of folders, without regard to case.
_IMAGES = frozenset({"image", "images", "img", "imgs", "jpegimages", "photos"})
_MASKS = frozenset({
    "mask", "masks", "label", "labels", "annotation", "annotations", "gt", "groundtruth", "ground_truth",
    "segmentationclass", "segmentations",
})  # fmt: skip
#: What names of masks add to those of their images.
_ADDED = re.compile(r"[-_. ](masks?|labels?|seg|segmentation|gt|ground_?truth)$", re.IGNORECASE)
_NUMBER = re.compile(r"[-_. ]\(?[0-9]+\)?$")


@dataclass
class MaskLayout:
    """Which image files are masks, and of what.

    Attributes:
        images: the images that may have masks.
        of_object: mask of one object to its image, or why it has none.
        of_image: masks of whole images, still to be paired with them.
    """

    images: Sequence[str] = ()
    of_object: dict[str, str | Refusal] = field(default_factory=dict)
    of_image: list[Claim] = field(default_factory=list)


def find_layout(names: Iterable[str]) -> MaskLayout:
    """Sorts image files into images and masks.

    A folder of one image, `<id>/images/x.png`, has masks of objects in `<id>/masks/`, unless one of them is called like
    the image. Else the names say what belongs together: `x.png` and `x_mask.png` are masks of a whole image, `x_1.png`
    is one of an object. All names are read in the same way, where one way fits them all.

    Args:
        names: names of the image files, relative to the dataset's folder, with forward slashes.
    """
    images, masks = _sorted_by_role([name for name in names if not posixpath.basename(name).startswith(".")])
    layout = MaskLayout(sorted(image for there in images.values() for image in there))
    by_name: list[str] = []
    for place, there in masks.items():
        beside = images.get(place, [])
        is_folder_of_one = len(beside) == 1 and not set(place) <= SPLIT_WORDS.keys()
        if is_folder_of_one and not any({"same", "word"} & _bases(mask, {_stem(beside[0])}).keys() for mask in there):
            layout.of_object |= dict.fromkeys(there, beside[0])
        else:
            by_name += there
    _read_names(sorted(by_name), layout)
    return layout


def _sorted_by_role(
    names: Sequence[str],
) -> tuple[Mapping[tuple[str, ...], list[str]], Mapping[tuple[str, ...], list[str]]]:
    """Returns the images and the masks of each place: the folder without the part that says which of both they are."""
    images: dict[tuple[str, ...], list[str]] = defaultdict(list)
    masks: dict[tuple[str, ...], list[str]] = defaultdict(list)
    others: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for name in names:
        parts = [spelling_key(part) for part in PurePosixPath(name).parent.parts]
        role = next((depth for depth in reversed(range(len(parts))) if parts[depth] in _IMAGES | _MASKS), None)
        if role is None:
            others[tuple(parts)].append(name)
        else:
            kind = images if parts[role] in _IMAGES else masks
            kind[(*parts[:role], *parts[role + 1 :])].append(name)
    if not images and masks:
        return others, masks
    if not masks and (images or others):  # `x.png` and `x_mask.png` in one folder
        for place, there in (images or others).items():
            stems = {_stem(name) for name in there}
            masks[place] = [name for name in there if "word" in _bases(name, stems)]
            images[place] = [name for name in there if name not in set(masks[place])]
    return images, {place: there for place, there in masks.items() if there}


def _read_names(masks: Sequence[str], layout: MaskLayout) -> None:
    stems = {_stem(image) for image in layout.images}
    bases = {mask: _bases(mask, stems) for mask in masks}
    shared = next((how for how in ("same", "word", "number") if all(how in found for found in bases.values())), None)
    index = ImageIndex(layout.images, masks)
    for mask, found in bases.items():
        meant = {found[shared]} if shared else set(found.values())
        if len(meant) > 1:
            images = tuple(sorted(image for image in layout.images if _stem(image) in meant))
            layout.of_object[mask] = Refusal("pairing_ambiguous", f"may belong to {' or '.join(images[:5])}", images)
        elif shared == "number":
            (base,) = meant
            near = index.named(base, near=posixpath.dirname(mask))
            code = "pairing_ambiguous" if near else "image_missing"
            detail = f"may belong to {' or '.join(near[:5])}" if near else f"no image {base} in the place of this file"
            layout.of_object[mask] = near[0] if len(near) == 1 else Refusal(code, detail, near)
        elif "number" in found and not {"same", "word"} & found.keys():
            # Beside masks that are called like their images it may be the mask of an image that is gone.
            near = index.named(found["number"], near=posixpath.dirname(mask))
            detail = f"an object of {found['number']}, or the mask of an image of its own name, which is not there"
            layout.of_object[mask] = Refusal("pairing_ambiguous", detail, near)
        else:
            layout.of_image.append(Claim(mask, found.get("word") if shared != "same" else None))


def _bases(mask: str, stems: set[str]) -> dict[str, str]:
    """Returns the stem of the image that a mask's name means, by how it is read, for those readings that fit one."""
    stem = _stem(mask)
    without_word, without_number = _ADDED.sub("", stem), _NUMBER.sub("", stem)
    found = {"same": stem} if stem in stems else {}
    if without_word != stem and without_word in stems:
        found["word"] = without_word
    for numbered in (without_number, _ADDED.sub("", without_number), without_word):
        if numbered != stem and numbered in stems:
            found.setdefault("number", numbered)
    return found


def _stem(name: str) -> str:
    return spelling_key(posixpath.splitext(posixpath.basename(name))[0])
