"""Follows a camera or a stream: what is found is written as it is seen, and nothing grows in memory."""

import csv
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gsam_edge.runtime.detector import Detector
from gsam_edge.runtime.inference.draw import draw_objects
from gsam_edge.runtime.inference.files import (
    LATEST_FILE,
    RESULTS_FILE,
    TABLE_FILE,
    drawing_width,
    json_list,
    table_head,
    table_lines,
)
from gsam_edge.runtime.inference.records import to_record
from gsam_edge.runtime.inference.stream import Looked
from gsam_edge.runtime.inference.video import VideoError, opencv

_PREFIX = "camera:"
#: Seconds between two drawings of the latest image.
_DRAWN_EVERY = 0.5


@dataclass(frozen=True)
class Camera:
    """An opened camera or stream.

    Attributes:
        name: what the user called it, without the words of an address that let one in.
        capture: a `cv2.VideoCapture`.
    """

    name: str
    capture: Any

    def frames(self) -> Iterator[NDArray[np.uint8]]:
        """Yields what it sees now, uint8 [H, W, 3], RGB, until it gives nothing more."""
        while True:
            there, frame = self.capture.read()
            if not there:
                return
            yield np.ascontiguousarray(frame[..., ::-1])


def open_camera(source: str) -> Camera | None:
    """Opens a camera by its number (`camera:0`) or a stream by its address (`rtsp://...`); None for anything else.

    Raises:
        VideoError: if OpenCV is not installed, or there is no such camera.
    """
    number = source.removeprefix(_PREFIX)
    numbered = source.startswith(_PREFIX)
    if not numbered and "://" not in source:
        return None
    if numbered and not number.isdecimal():
        raise VideoError(f"source: expected a number behind {_PREFIX}, such as {_PREFIX}0, got {source}")
    name = source if numbered else _public(source)
    cv2 = opencv()
    capture = cv2.VideoCapture(int(number) if numbered else source)
    if not capture.isOpened():
        capture.release()
        raise VideoError(
            f"source: expected a camera or stream that gives images, {name} does not; is it plugged in, is the "
            "number or address right, may you use it (on Linux: the group video), and does no other program?"
        )
    capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)  # where it can: what is seen now, not what waited
    return Camera(name, capture)


def _public(address: str) -> str:
    """Returns an address without user, password and query, since it goes into results and messages.

    Raises:
        VideoError: if it is no address.
    """
    try:
        parts = urlsplit(address)
    except ValueError as error:
        raise VideoError(f"source: expected the address of a stream, such as rtsp://host/path, but: {error}") from error
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def follow(
    camera: Camera, detector: Detector, folder: Path, *, width: int, most: int | None, tell: Callable[[int], None]
) -> dict[str, Any]:
    """Finds objects in what a camera sees until it ends, Ctrl+C is pressed, or `most` images were seen.

    The table and COCO's results get the objects of each image as soon as it was looked at; the latest image is drawn
    over the one before, twice a second.

    Args:
        camera: it is released at the end.
        detector: the student.
        folder: of the results.
        width: most pixels of a drawing's longer side.
        most: images to look at; None for no end.
        tell: is told how many images were seen.

    Returns:
        The report: {images, with_objects, objects {class: count}, seconds, images_per_second}.

    Raises:
        VideoError: if the camera gave no image.
    """
    names, totals, with_objects, number = detector.card.class_names, Counter[int](), 0, 0
    start, drawn = time.monotonic(), -np.inf
    with (
        (folder / TABLE_FILE).open("w", encoding="utf-8", newline="") as stream,
        json_list(folder / RESULTS_FILE) as add,
    ):
        table = csv.writer(stream)
        try:
            for number, image in enumerate(islice(camera.frames(), most), start=1):
                found = detector(image)
                record, seconds = to_record(found, (image.shape[0], image.shape[1])), time.monotonic() - start
                looked, masked = Looked(number, f"{camera.name}#{number}", seconds, key=""), found.cropped is not None
                if number == 1:
                    table.writerow(table_head(in_time=True, masked=masked))
                table.writerows(table_lines(looked, record, names, in_time=True, masked=masked))
                stream.flush()
                for one in record["objects"]:
                    add({"image_id": number, **one})
                totals.update(found.class_ids.tolist())
                with_objects += bool(len(found))
                if seconds - drawn >= _DRAWN_EVERY:
                    drawn = seconds
                    _replace(folder / LATEST_FILE, draw_objects(image, found, names, width=drawing_width(image, width)))
                tell(number)
        except KeyboardInterrupt:
            pass  # how a camera is left: what was found is complete
        finally:
            camera.capture.release()
    if not number:
        raise VideoError(f"source: expected images of {camera.name}, got none")
    seconds = time.monotonic() - start
    objects = {name: totals[class_id] for class_id, name in enumerate(names)}
    speed = {"seconds": round(seconds, 2), "images_per_second": round(number / seconds, 2)}
    return {"images": number, "with_objects": with_objects, "objects": objects, **speed}


def _replace(path: Path, image: NDArray[np.uint8]) -> None:
    """Writes an image over the one before, which whoever reads it sees whole."""
    draft = path.with_name(f".{path.name}")
    Image.fromarray(image).save(draft, format="JPEG")
    os.replace(draft, path)
