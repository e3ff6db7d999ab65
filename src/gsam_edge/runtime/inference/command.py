"""The command of a bundle: finds objects in images, folders and videos, or in what a camera sees.

A bundle is a folder whose `card.json` names the exported student beside it and how it is used.
"""

import argparse
import io
import json
import os
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gsam_edge.runtime.archive import CARD_FILE
from gsam_edge.runtime.card import ArtefactError
from gsam_edge.runtime.detector import Detector
from gsam_edge.runtime.inference.camera import Camera, follow, open_camera
from gsam_edge.runtime.inference.draw import draw_objects
from gsam_edge.runtime.inference.files import (
    DRAWN_FOLDER,
    DRAWN_VIDEO,
    LATEST_FILE,
    RESULTS_FILE,
    SHEET_FILE,
    TABLE_FILE,
    DrawingSettings,
    write_results,
)
from gsam_edge.runtime.inference.sources import Frame, ImageFiles, Source, SourceError, open_source
from gsam_edge.runtime.inference.stream import find_objects
from gsam_edge.runtime.tiles import Tiling
from gsam_edge.vision.errors import FileError, UserError, writing
from gsam_edge.vision.text import visible

REPORT_FILE = "report.json"
_OUT = "results"
#: Seconds between two lines that say how far the work is.
_PACE = 1.0
_INTERRUPTED = 130  # what a shell calls the end by Ctrl+C
_EXAMPLES = """\
examples:
  python predict.py image.jpg
  python predict.py folder/of/images --out found
  python predict.py video.mp4          needs OpenCV: pip install -r requirements-video.txt
  python predict.py camera:0           the first camera, until Ctrl+C
  python predict.py rtsp://host/path   a camera on the network
"""


@dataclass(frozen=True)
class Bundle:
    """What `card.json` says of a student and its use.

    Attributes:
        file: the exported student.
        max_pixels: images with more pixels (width x height) are refused.
        batch_size: images, or tiles of one image, in one call.
        threads: CPU threads; 0 lets the backend choose.
        score_threshold: 0..1, objects that score less are left out; None takes those of the student's own card.
        tiling: how large images are cut into tiles; None for none.
        drawing: how results are drawn.
    """

    file: Path
    max_pixels: int
    batch_size: int
    threads: int
    score_threshold: float | None
    tiling: Tiling | None
    drawing: DrawingSettings

    @classmethod
    def read(cls, folder: Path) -> "Bundle":
        """Reads the card of a bundle's folder.

        Raises:
            ArtefactError: if it is missing, or not what a bundle holds.
        """
        path = folder / CARD_FILE
        try:
            card: Any = json.loads(path.read_bytes())
            use = card["use"]
            return cls(
                file=folder / Path(str(card["file"])).name,
                max_pixels=int(use["max_pixels"]),
                batch_size=int(use["batch_size"]),
                threads=int(use["threads"]),
                score_threshold=use["score_threshold"],
                tiling=None if use["tiles"] is None else Tiling(**use["tiles"]),
                drawing=DrawingSettings(**use["drawing"]),
            )
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
            raise ArtefactError(
                f"{path}: expected the card of a bundle, but: {error!r}; unpack the bundle again, all of it into one "
                "folder"
            ) from error


def run(arguments: Sequence[str], *, folder: Path) -> int:
    """Runs the command and returns its exit status: 0, 1 after an error that is said, 130 after Ctrl+C.

    Args:
        arguments: of the command line.
        folder: the bundle's.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a console that lacks letters of a name ends no work
    asked = _parser().parse_args(arguments)
    try:
        for line in _predict(asked, Bundle.read(folder)):
            sys.stdout.write(f"{visible(line)}\n")  # names from outside may hold a terminal's codes
            sys.stdout.flush()
    except UserError as error:
        sys.stderr.write(f"predict.py: {visible(str(error))}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("\npredict.py: stopped\n")
        return _INTERRUPTED
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="predict.py",
        description="Finds objects in images, folders and videos, or in what a camera sees.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "source",
        nargs="+",
        help="an image, several, a folder, a pattern in quotes, a video, camera:NUMBER, or the address of a stream",
    )
    parser.add_argument(
        "--out", type=Path, help=f"folder of the results, new or empty (default: {_OUT}, {_OUT}_2, ...)"
    )
    parser.add_argument(
        "--score-threshold",
        type=_score,
        help="0..1, objects that score less are left out (default: of each class what was best on validation images)",
    )
    parser.add_argument("--threads", type=_count, help="CPU threads; 0 lets the engine choose (default: as measured)")
    parser.add_argument(
        "--provider",
        action="append",
        default=[],
        help="where to compute, by the engine's own name (CUDAExecutionProvider, GPU); of several the first that can",
    )
    parser.add_argument("--frames", type=_count, help="of a camera: stop after so many (default: go on until Ctrl+C)")
    return parser


def _score(text: str) -> float:
    with suppress(ValueError):
        if 0 <= (value := float(text)) <= 1:
            return value
    raise argparse.ArgumentTypeError(f"expected a number in 0..1, got {text}")


def _count(text: str) -> int:
    with suppress(ValueError):
        if (value := int(text)) >= 0:
            return value
    raise argparse.ArgumentTypeError(f"expected a whole number from 0, got {text}")


def _predict(asked: argparse.Namespace, bundle: Bundle) -> Iterator[str]:
    """Does what was asked for; yields the lines that are said."""
    threshold = bundle.score_threshold if asked.score_threshold is None else asked.score_threshold
    threads = bundle.threads if asked.threads is None else asked.threads
    source = _open(asked.source, bundle.max_pixels)
    folder = _out_folder(asked.out)
    try:
        detector = Detector.open(bundle.file, score_threshold=threshold, threads=threads, providers=asked.provider)
    except FileNotFoundError as error:
        raise ArtefactError(f"{bundle.file}: expected the bundle's student, found no file; unpack it again") from error
    with closing(detector), writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        if isinstance(source, Camera):
            yield f"Looking; results go to {folder}, the latest image to {folder / LATEST_FILE}; Ctrl+C ends it."
            progress = _Progress("looking")
            report = follow(
                source,
                detector,
                folder,
                width=bundle.drawing.width,
                most=asked.frames,
                tell=lambda number: progress.tell(number, 0),
            )
        else:
            report = _look(source, detector, folder, bundle)
        (folder / REPORT_FILE).write_text(json.dumps(report, indent=2), "utf-8")
    yield from _told(report, folder)


def _look(source: Source, detector: Detector, folder: Path, bundle: Bundle) -> dict[str, Any]:
    """Finds the objects of a source, writes the results, and returns the report."""
    results, report = find_objects(
        source,
        detector,
        {},
        identity="",
        tiling=bundle.tiling,
        batch_size=bundle.batch_size,
        watch=_Progress("looking"),
    )
    write_results(folder, results, bundle.drawing, draw=draw_objects, watch=_Progress("drawing"))
    return report


def _open(named: Sequence[str], max_pixels: int) -> Source | Camera:
    """Opens what was named; a shell makes many names of a pattern that is not quoted.

    Raises:
        SourceError: see `open_camera` and `open_source`; or if one of several is no image file.
    """
    if len(named) == 1:
        return open_camera(named[0]) or open_source(named[0], max_pixels=max_pixels)
    paths = [Path(name) for name in named]
    for path in paths:
        if not isinstance(open_source(str(path), max_pixels=max_pixels), ImageFiles) or path.is_dir():
            raise SourceError(f"source: expected image files where there are several, got {path}; name it alone")
    folder = Path(os.path.commonpath([path.absolute().parent for path in paths]))
    names = tuple(path.absolute().relative_to(folder).as_posix() for path in paths)
    return ImageFiles(f"{len(paths)} files", folder, names, max_pixels)


def _out_folder(asked: Path | None) -> Path:
    """Returns the folder of the results, which is new or empty.

    Raises:
        FileError: if the folder that was asked for holds anything, so that nothing is overwritten.
    """
    if asked is None:
        number = 1
        while not _is_free(folder := Path(_OUT if number == 1 else f"{_OUT}_{number}")):
            number += 1
        return folder
    if not _is_free(asked):
        raise FileError(f"--out: expected a folder that is new or empty, got {asked}; name another one")
    return asked


def _is_free(folder: Path) -> bool:
    return not folder.exists() or (folder.is_dir() and not any(folder.iterdir()))


class _Progress:
    """Says in one line of the terminal how far the work is; elsewhere it says nothing."""

    def __init__(self, what: str) -> None:
        self._what, self._start = what, time.monotonic()
        self._said = self._start
        self._shown = sys.stderr.isatty()

    def __call__(self, frames: Iterable[Frame], count: int) -> Iterator[Frame]:
        """Passes frames on; `count` is how many there are, 0 where nobody knows."""
        done = 0
        for frame in frames:
            self.tell(done, count)
            yield frame
            done += 1
        self.tell(done, count, last=True)

    def tell(self, done: int, count: int, *, last: bool = False) -> None:
        """Says it at most once a second."""
        now = time.monotonic()
        if not self._shown or not (last or now - self._said >= _PACE):
            return
        self._said = now
        pace = done / max(now - self._start, 1e-9)
        left = f", {(count - done) / pace:.0f} s left" if pace and count > done else ""
        of = f" of {count}" if count else ""
        sys.stderr.write(f"\r{self._what}: {done}{of} images, {pace:.1f} a second{left}".ljust(79) + ("\n" * last))
        sys.stderr.flush()


def _told(report: dict[str, Any], folder: Path) -> Iterator[str]:
    """Yields what a report says in lines."""
    objects = report["objects"]
    found = ", ".join(f"{count} {name}" for name, count in objects.items() if count) or "none"
    speed = f", {report['images_per_second']} images a second" if "images_per_second" in report else ""
    yield f"images: {report['images']}{speed}; objects: {found}"
    if unreadable := report.get("unreadable"):
        yield f"cannot be read: {len(unreadable)}; {folder / REPORT_FILE} names them"
    if left_out := report.get("left_out"):
        yield "not looked at: " + ", ".join(f"{count} {what}" for what, count in left_out.items())
    written = (TABLE_FILE, RESULTS_FILE, SHEET_FILE, DRAWN_FOLDER, DRAWN_VIDEO, LATEST_FILE, REPORT_FILE)
    yield from (str(folder / name) for name in written if (folder / name).exists())
