"""Looks at the images of a source one after the other, keeps what was found of each at once, and continues there."""

import hashlib
import json
import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, MutableMapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from gsam_edge.runtime.detector import Detector
from gsam_edge.runtime.inference.records import Record, to_record
from gsam_edge.runtime.inference.sources import Frame, Source
from gsam_edge.runtime.tiles import Tiling, detect_in_tiles
from gsam_edge.vision.detections import Detections
from gsam_edge.vision.images import ImageError

logger = logging.getLogger(__name__)

#: Goes through frames and shows how far it is; the number is how many there are, or are said to be.
Watch: TypeAlias = Callable[[Iterable[Frame], int], Iterable[Frame]]
#: Of results that are stored: others, of a version that stores them otherwise, are made anew.
_FORMAT = 1
#: Unreadable images that are named one by one in a warning; the report names all.
_MOST_NAMED = 20


@dataclass(frozen=True)
class Looked:
    """An image that was looked at.

    Attributes:
        id: its number in the source, from 1.
        name: see `Frame`.
        seconds: see `Frame`.
        key: of its result in the store.
    """

    id: int
    name: str
    seconds: float | None
    key: str


@dataclass(frozen=True)
class Results:
    """What was found in the images of a source.

    Attributes:
        source: the images.
        looked: those that could be read, in order.
        store: what was found, by `Looked.key`.
        class_names: by class id.
    """

    source: Source
    looked: tuple[Looked, ...]
    store: MutableMapping[str, Any]
    class_names: tuple[str, ...]

    def __iter__(self) -> Iterator[tuple[Looked, Record]]:
        """Yields each image with its stored result."""
        return ((one, self.store[one.key]) for one in self.looked)


def find_objects(
    source: Source,
    detector: Detector,
    store: MutableMapping[str, Any],
    *,
    identity: str,
    tiling: Tiling | None,
    batch_size: int,
    watch: Watch,
) -> tuple[Results, dict[str, Any]]:
    """Finds the objects in all images that have no result yet.

    An image that cannot be read is named in a warning and in the report, and the next one follows.

    Args:
        source: the images.
        detector: the student.
        store: finished results by key, written image by image; those that it holds are not made again.
        identity: of the artefact and everything else that decides what it finds; results of another one do not count.
        tiling: how large images are cut into tiles; None for none.
        batch_size: images, or tiles of one image, in one call of the student.
        watch: shows how far it is.

    Returns:
        The results, and the report {images, with_objects, objects {class: count}, from_before, new, seconds,
        images_per_second, unreadable [{file_name, why}], left_out}. Seconds and images a second are those of the new
        images, files read and results stored included, and absent where there are none.
    """
    looked: list[Looked] = []
    unreadable: list[dict[str, str]] = []
    waiting: list[tuple[str, NDArray[np.uint8]]] = []
    queued: set[str] = set()
    new, before, start = 0, 0, time.perf_counter()

    def finish() -> None:
        for (key, image), found in zip(waiting, _found(detector, waiting, tiling, batch_size), strict=True):
            store[key] = to_record(found, (image.shape[0], image.shape[1]))
        waiting.clear()
        queued.clear()

    for frame in watch(source, len(source)):
        try:
            key = _key(identity, frame.digest())
            if key in store:
                before += 1
            elif key not in queued:  # the same image may come twice
                waiting.append((key, frame.pixels()))
                queued.add(key)
                new += 1
        except ImageError as error:
            unreadable.append({"file_name": frame.name, "why": str(error)})
            continue
        looked.append(Looked(frame.id, frame.name, frame.seconds, key))
        if len(waiting) >= (1 if tiling else batch_size):
            finish()
    finish()
    seconds = time.perf_counter() - start
    results = Results(source, tuple(looked), store, detector.card.class_names)
    if unreadable:
        named = "; ".join(one["why"] for one in unreadable[:_MOST_NAMED])
        more = f"; and {len(unreadable) - _MOST_NAMED} more" if len(unreadable) > _MOST_NAMED else ""
        logger.warning(
            "%d of %d images cannot be read and are left out: %s%s",
            len(unreadable),
            len(unreadable) + len(looked),
            named,
            more,
            extra={"markup": False},  # or the console would read brackets in a name as a style
        )
    speed = {"seconds": round(seconds, 2), "images_per_second": round(new / seconds, 2)} if new else {}
    report = {**_counted(results), "from_before": before, "new": new, **speed}
    return results, {**report, "unreadable": unreadable, "left_out": dict(source.left_out)}


def identity_of(content: bytes, **settings: object) -> str:
    """Returns a digest, hexadecimal, of an artefact's content and of settings that JSON can hold."""
    digest = hashlib.sha256(content)
    digest.update(json.dumps([_FORMAT, settings], sort_keys=True).encode())
    return digest.hexdigest()


def _key(identity: str, image: str) -> str:
    return hashlib.sha256(f"{identity} {image}".encode()).hexdigest()


def _found(
    detector: Detector, waiting: list[tuple[str, NDArray[np.uint8]]], tiling: Tiling | None, batch_size: int
) -> list[Detections]:
    images = [image for _, image in waiting]
    if tiling is None:
        return detector.all(images) if images else []
    return [detect_in_tiles(detector.all, image, tiling, batch_size=batch_size) for image in images]


def _counted(results: Results) -> dict[str, Any]:
    counts, with_objects = Counter[int](), 0
    for _, record in results:
        counts.update(one["category_id"] for one in record["objects"])
        with_objects += bool(record["objects"])
    objects = {name: counts[class_id] for class_id, name in enumerate(results.class_names)}
    return {"images": len(results.looked), "with_objects": with_objects, "objects": objects}
