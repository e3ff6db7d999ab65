"""The images without used labels: training images whose labels are held back, and a folder of unlabelled images."""

import logging
from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gsam_edge.coco import Annotations
from gsam_edge.coco.annotations import SOURCE, SPLIT
from gsam_edge.coco.errors import InvalidDatasetError
from gsam_edge.coco.images.scan import ImageFiles, scan_images
from gsam_edge.coco.needs import Need
from gsam_edge.vision.images import ImageSource, image_digest

logger = logging.getLogger(__name__)

#: Before the names of the images of the catalog's `unlabelled_images`, so that they differ from the dataset's own.
UNLABELLED = "unlabelled_images:"

#: Digits of an image's digest that make its id: of a hundred thousand images, two have one id once in 10^8 pools.
_ID_DIGITS = 15

#: Names of files in one warning; all are in the report.
_MOST_NAMED = 5


class PooledImages(Mapping[str, NDArray[np.uint8]]):
    """One source of the dataset's images and of the unlabelled ones, whose names begin with `UNLABELLED`.

    A name never leads out of the folder that it belongs to: that folder's own source answers for it.

    Args:
        dataset: the dataset's images by `file_name`.
        unlabelled: the images of the folder of unlabelled ones, by name in that folder.
    """

    def __init__(self, dataset: ImageSource, unlabelled: ImageSource) -> None:
        self._dataset = dataset
        self._unlabelled = unlabelled

    def __getitem__(self, file_name: str) -> NDArray[np.uint8]:
        source, name = self._place(file_name)
        return source[name]

    def digest(self, file_name: str) -> str:
        """Returns `image_digest` of an image."""
        return image_digest(*self._place(file_name))

    def __iter__(self) -> Iterator[str]:
        return chain(self._dataset, (UNLABELLED + name for name in self._unlabelled))

    def __len__(self) -> int:
        return len(self._dataset) + len(self._unlabelled)

    def _place(self, file_name: str) -> tuple[ImageSource, str]:
        if file_name.startswith(UNLABELLED):
            return self._unlabelled, file_name.removeprefix(UNLABELLED)
        return self._dataset, file_name


class _Readable(NamedTuple):
    """Size in pixels, upright, and SHA-256 of an image file."""

    height: int
    width: int
    sha256: str


@dataclass(frozen=True)
class Pool:
    """The images without used labels.

    Attributes:
        annotations: image records of `id`, `file_name`, `width` and `height`, without objects; ids and names differ
            from those of all splits. The id of an unlabelled image comes from its bytes, so that labels of another
            state of the folder fit none of its images instead of a wrong one.
        report: see `collect_pool`.
    """

    annotations: Annotations
    report: dict[str, Any]


def collect_pool(
    held_back: Annotations,
    used: Mapping[str, Annotations],
    images: ImageSource,
    unlabelled: ImageFiles,
    *,
    finder: Need,
    scanned: MutableMapping[str, Any],
) -> Pool:
    """Collects the images that the teachers label for the student, without anything that a person said about them.

    Each unlabelled image is decoded once, so that a damaged one shows now and not in the middle of a training; only
    records of images are held. A file with the same bytes as one of the splits is left out: of a training image the
    truth is known, by a validation image labels and weights are chosen, and on a test image the student is measured,
    which must not have seen it. Of equal files of the pool the first one stays. Images that merely look alike stay,
    since those of a fixed camera all do.

    Args:
        held_back: training images whose labels are not used.
        used: the splits by name.
        images: the images of both.
        unlabelled: the files of the folder of unlabelled images.
        finder: whether a teacher that finds objects is needed; one that must be given the true boxes labels no pool.
        scanned: keeps the scan of each unlabelled image, see `scan_images`.

    Returns:
        The pool, empty where no teacher finds objects; and a report: `images`, and of them `held_back` and
        `unlabelled`; `unreadable`, names of files with the reason; `copies`, names of files that were left out by the
        set that has them (a split, `held_back` or `unlabelled`); `why` where the pool is empty.

    Raises:
        InvalidDatasetError: if an image of the dataset has a name that begins with `UNLABELLED`.
        ImageError: if an image of the dataset is missing.
    """
    report: dict[str, Any] = {"images": 0, "held_back": 0, "unlabelled": 0, "unreadable": {}, "copies": {}}
    empty = Annotations(
        (), (), held_back.categories, {key: value for key, value in held_back.info.items() if key in (SOURCE, SPLIT)}
    )
    if not finder.needed:
        why = f"the teachers must be given the true boxes, since no finder is needed: {finder.why}"
        return Pool(empty, report | {"why": why})
    _refuse_equal_names([held_back, *used.values()])
    readable, unreadable = _scan(unlabelled, scanned)
    if not (held_back.images or readable):
        why = "no labels are held back (split.labels), and unlabelled_images has no readable image"
        return Pool(empty, report | {"unreadable": unreadable, "why": why})
    known = {image_digest(images, image["file_name"]): name for name, split in used.items() for image in split.images}
    copies: dict[str, list[str]] = {}
    records: list[dict[str, Any]] = []

    def take(part: str, digest: str, image_id: int, file_name: str, height: int, width: int) -> None:
        if digest in known:
            copies.setdefault(known[digest], []).append(file_name)
            return
        known[digest] = part
        report[part] += 1
        records.append({"id": image_id, "file_name": file_name, "width": width, "height": height})

    for image in held_back.images:
        digest = image_digest(images, image["file_name"])
        take("held_back", digest, image["id"], image["file_name"], image["height"], image["width"])
    highest = max((image["id"] for split in (held_back, *used.values()) for image in split.images), default=0)
    for name, found in readable.items():
        image_id = highest + 1 + int(found.sha256[:_ID_DIGITS], 16)
        take("unlabelled", found.sha256, image_id, UNLABELLED + name, found.height, found.width)
    report |= {"images": len(records), "unreadable": unreadable, "copies": copies}
    if not records:
        report["why"] = "all its images are copies of images of the splits"
    _tell(report)
    return Pool(replace(empty, images=tuple(records)), report)


def pool_or_all_unlabelled(
    pool: Pool,
    used: Mapping[str, Annotations],
    images: ImageSource,
    unlabelled: ImageFiles,
    *,
    is_labelled: bool,
    scanned: MutableMapping[str, Any],
) -> Pool:
    """Returns the images that people may label: the pool, or without a teacher for it the folder of unlabelled images.

    Args:
        pool: as `collect_pool` returned it.
        is_labelled: whether a teacher finds objects, so that the pool was not left empty for want of one.
        used: the splits by name, `train` among them.
        images: see `collect_pool`.
        unlabelled: see `collect_pool`.
        scanned: see `collect_pool`.

    Raises:
        InvalidDatasetError: see `collect_pool`.
        ImageError: see `collect_pool`.
    """
    if is_labelled:
        return pool
    anybody = Need(True, "a person needs no teacher")
    return collect_pool(used["train"].subset([]), used, images, unlabelled, finder=anybody, scanned=scanned)


def _refuse_equal_names(parts: Iterable[Annotations]) -> None:
    for part in parts:
        for image in part.images:
            if image["file_name"].startswith(UNLABELLED):
                raise InvalidDatasetError(
                    f"images: expected names that do not begin with {UNLABELLED!r}, which marks the images of "
                    f"unlabelled_images, got {image['file_name']!r}; rename it in annotations.json and on disk"
                )


def _scan(unlabelled: ImageFiles, scanned: MutableMapping[str, Any]) -> tuple[dict[str, _Readable], dict[str, str]]:
    """Returns the readable images by name, and the reasons why the others are not, by name."""
    names, readable, unreadable = [], {}, {}
    for name in unlabelled:
        shown = name.encode(errors="backslashreplace").decode()
        if shown == name:
            names.append(name)
        else:  # reports are UTF-8, and could not name it
            unreadable[shown] = f"{shown}: expected a file name in UTF-8; rename it"
    for name, found in zip(names, scan_images(names, unlabelled, decode=True, seen=scanned), strict=True):
        if isinstance(found, Exception):
            unreadable[name] = str(found)
        elif found.facts is not None:
            readable[name] = _Readable(found.height, found.width, found.facts.sha256)
    return readable, unreadable


def _tell(report: Mapping[str, Any]) -> None:
    """Warns of what was left out, with the first names."""
    unreadable = report["unreadable"]
    if unreadable:
        logger.warning(
            "unlabelled_images: %d files cannot be read and are left out: %s (all: report of the pool)",
            len(unreadable),
            "; ".join(list(unreadable.values())[:_MOST_NAMED]),
        )
    for name, copies in report["copies"].items():
        logger.warning(
            "pool: %d images have the same bytes as one of %s and are left out: %s (all: report of the pool)",
            len(copies),
            name,
            ", ".join(copies[:_MOST_NAMED]),
        )
