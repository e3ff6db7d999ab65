"""Reads and writes videos with OpenCV, the only file of the device that knows it; it is needed for nothing else."""

import hashlib
import math
import os
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gsam_edge.runtime.inference.sources import Frame, SourceError
from gsam_edge.vision.images import ImageError

#: Images a second of a video whose file does not say it.
_USUAL_RATE = 25.0
_CHUNK = 1 << 20
#: A video is a file from outside: what it names elsewhere, on the network above all, is not fetched.
_LOCAL_ONLY = ("OPENCV_FFMPEG_CAPTURE_OPTIONS", "protocol_whitelist;file")


class VideoError(SourceError):
    """A video that cannot be read or written."""


class Video:
    """The frames of a video file; see `Source`.

    Attributes:
        name: the file's path.
        rate: frames a second.
    """

    left_out: Mapping[str, int] = {}

    def __init__(self, path: Path, *, max_pixels: int) -> None:
        """Reads the file's header.

        Raises:
            VideoError: if OpenCV is not installed, the file is no video, or its frames have more than `max_pixels`.
        """
        self.name, self._path = str(path), path
        cv2 = opencv()
        capture = _opened(cv2, path)
        try:
            height, width = (int(capture.get(part)) for part in (cv2.CAP_PROP_FRAME_HEIGHT, cv2.CAP_PROP_FRAME_WIDTH))
            rate, count = capture.get(cv2.CAP_PROP_FPS), capture.get(cv2.CAP_PROP_FRAME_COUNT)
        finally:
            capture.release()
        if not 0 < height * width <= max_pixels:
            raise VideoError(f"{path}: expected frames of at most {max_pixels} pixels, got {width} x {height}")
        self.rate = rate if math.isfinite(rate) and 0 < rate <= 1000 else _USUAL_RATE
        self._announced = int(count) if math.isfinite(count) and 0 < count < 2**31 else 0

    def __len__(self) -> int:
        return self._announced

    @cached_property
    def _digest(self) -> str:
        digest = hashlib.sha256()
        with self._path.open("rb") as stream:
            while chunk := stream.read(_CHUNK):
                digest.update(chunk)
        return digest.hexdigest()

    def __iter__(self) -> Iterator[Frame]:
        capture = _opened(opencv(), self._path)
        try:
            number = 0
            while capture.grab():  # decodes; the pixels are made where they are asked for
                number += 1
                name = f"{self._path.name}#{number}"
                yield Frame(number, name, (number - 1) / self.rate, self._digest_of(number), _pixels(capture, name))
        finally:
            capture.release()

    def _digest_of(self, number: int) -> Callable[[], str]:
        return lambda: f"{self._digest}#{number}"


def _pixels(capture: Any, name: str) -> Callable[[], NDArray[np.uint8]]:
    def pixels() -> NDArray[np.uint8]:
        there, frame = capture.retrieve()
        if not there:
            raise ImageError(f"{name}: expected a frame, but OpenCV cannot decode it")
        return np.ascontiguousarray(frame[..., ::-1])

    return pixels


class VideoWriter:
    """Writes frames of one size into an MP4 file (MPEG-4 part 2, which every build of OpenCV can write)."""

    def __init__(self, path: Path, *, rate: float) -> None:
        """Takes a file that appears with the first frame; `rate` are frames a second."""
        self._cv2, self._path, self._rate = opencv(), path, rate
        self._writer: Any = None

    def write(self, frame: NDArray[np.uint8]) -> None:
        """Appends a frame, uint8 [H, W, 3], RGB, all of one size.

        Raises:
            VideoError: if OpenCV cannot write such a video.
        """
        if self._writer is None:
            size = (frame.shape[1], frame.shape[0])
            self._writer = self._cv2.VideoWriter(
                str(self._path), self._cv2.VideoWriter_fourcc(*"mp4v"), self._rate, size
            )
            if not self._writer.isOpened():
                raise VideoError(f"{self._path}: expected OpenCV to write an MP4 of {size} pixels, but it cannot")
        self._writer.write(np.ascontiguousarray(frame[..., ::-1]))

    def __enter__(self) -> "VideoWriter":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._writer is not None:
            self._writer.release()


def opencv() -> Any:
    """Imports OpenCV.

    Raises:
        VideoError: if it is not installed.
    """
    try:
        import cv2
    except ModuleNotFoundError as error:
        raise VideoError(
            "video: expected OpenCV, which reads videos, found none: pip install opencv-python-headless; images need "
            "nothing more"
        ) from error
    return cv2


def _opened(cv2: Any, path: Path) -> Any:
    os.environ.setdefault(*_LOCAL_ONLY)
    capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    if not capture.isOpened():
        capture.release()
        raise VideoError(f"{path}: expected a video that OpenCV can read, got another file or a damaged one")
    return capture
