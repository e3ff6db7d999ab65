"""Writes results into a folder: COCO's JSON, a table, drawn images or a drawn video, and a contact sheet."""

import csv
import json
import logging
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from gsam_edge.runtime.inference.draw import default_font
from gsam_edge.runtime.inference.records import Record, from_record
from gsam_edge.runtime.inference.sources import Source
from gsam_edge.runtime.inference.stream import Looked, Results, Watch
from gsam_edge.runtime.inference.video import Video, VideoWriter
from gsam_edge.vision.detections import Detections
from gsam_edge.vision.images import ImageError
from gsam_edge.vision.rle import run_lengths

logger = logging.getLogger(__name__)

#: Names in the folder of results.
RESULTS_FILE, IMAGES_FILE, TABLE_FILE = "results.json", "images.json", "results.csv"
DRAWN_FOLDER, DRAWN_VIDEO, SHEET_FILE = "drawn", "drawn.mp4", "contact_sheet.png"
#: Of a camera: the latest image, drawn.
LATEST_FILE = "latest.jpg"
_DRAWN_SUFFIX = ".jpg"
#: Bytes in a file's name that every file system takes.
_LONGEST_NAME = 255
_JPEG_QUALITY = 90
_INK, _PAPER = (38, 38, 38), (255, 255, 255)
_GAP, _CAPTION = 6, 16  # pixels between the images of a sheet, and height of the text below each


class Draw(Protocol):
    """Draws objects into an image; `runtime.inference.draw.draw_objects` is one."""

    def __call__(
        self, image: NDArray[np.uint8], detections: Detections, class_names: Sequence[str], *, width: int
    ) -> NDArray[np.uint8]:
        """Returns the drawing, uint8 [h, width, 3], RGB."""
        ...


@dataclass(frozen=True)
class DrawingSettings:
    """How results are drawn.

    Attributes:
        width: most pixels of a drawing's longer side; smaller images are drawn in their own size.
        sheet_columns: images in a line of the contact sheet.
        sheet_rows: lines of the contact sheet.
        sheet_width: pixels of one image in it, square.
    """

    width: int
    sheet_columns: int
    sheet_rows: int
    sheet_width: int


def write_results(folder: Path, results: Results, drawing: DrawingSettings, *, draw: Draw, watch: Watch) -> None:
    """Writes all results into an empty folder.

    `results.json` is a list as COCO's tools load it; `images.json` names the images and classes that its numbers mean.
    The table has a line for each object. The contact sheet shows images with objects, spread evenly over the source, or
    any images where there are no objects.

    Args:
        folder: the folder, which exists.
        results: what was found.
        drawing: sizes.
        draw: draws objects into an image.
        watch: shows how far the drawing is.
    """
    with json_list(folder / RESULTS_FILE) as add:
        for looked, record in results:
            for one in record["objects"]:
                add({"image_id": looked.id, **one})
    images = [
        {"id": one.id, "file_name": one.name, "width": record["width"], "height": record["height"]}
        for one, record in results
    ]
    categories = [{"id": class_id, "name": name} for class_id, name in enumerate(results.class_names)]
    (folder / IMAGES_FILE).write_text(json.dumps({"images": images, "categories": categories}), "utf-8")
    _write_table(folder / TABLE_FILE, results)
    _write_drawings(folder, results, drawing, draw, watch)


def drawn_name(one: Looked) -> str:
    """Returns the name of an image's drawing: its number, which keeps equal names apart, and that of its file."""
    name = os.fsencode(f"{one.id:06d}_{Path(one.name).stem}")[: _LONGEST_NAME - len(_DRAWN_SUFFIX)]
    return os.fsdecode(name) + _DRAWN_SUFFIX


@contextmanager
def json_list(path: Path) -> Iterator[Callable[[Any], None]]:
    """Yields the function that appends an item to a list in a JSON file, which so need not fit into memory."""
    with path.open("w", encoding="utf-8") as stream:
        separator = "["

        def add(item: Any) -> None:
            nonlocal separator
            stream.write(separator + json.dumps(item, separators=(",", ":")))
            separator = ",\n"

        try:
            yield add
        finally:
            stream.write("[]" if separator == "[" else "]")


def _write_table(path: Path, results: Results) -> None:
    """Writes a line for each object; columns that apply to none are absent."""
    in_time = any(one.seconds is not None for one in results.looked)
    masked = any("segmentation" in one for _, record in results for one in record["objects"])
    # names of files need not be text: their bytes are written as they are
    with path.open("w", encoding="utf-8", errors="surrogateescape", newline="") as stream:
        table = csv.writer(stream)
        table.writerow(table_head(in_time=in_time, masked=masked))
        for looked, record in results:
            table.writerows(table_lines(looked, record, results.class_names, in_time=in_time, masked=masked))


def table_head(*, in_time: bool, masked: bool) -> list[str]:
    """Returns the names of the table's columns; of a video or camera it has times, of masks their sizes."""
    times, areas = (["seconds"] if in_time else []), (["mask_pixels"] if masked else [])
    return ["image_id", "file_name", *times, "class", "score", "left", "top", "right", "bottom", *areas]


def table_lines(
    looked: Looked, record: Record, class_names: Sequence[str], *, in_time: bool, masked: bool
) -> Iterator[list[Any]]:
    """Yields a line of the table for each object of an image; see `table_head`."""
    for one in record["objects"]:
        left, top, width, height = one["bbox"]
        corners = [round(side, 2) for side in (left, top, left + width, top + height)]
        time = [round(looked.seconds or 0.0, 3)] if in_time else []
        pixels = [_mask_pixels(one, record)] if masked else []
        yield [looked.id, looked.name, *time, class_names[one["category_id"]], one["score"], *corners, *pixels]


def _mask_pixels(one: Record, record: Record) -> int:
    runs = run_lengths(one["segmentation"]["counts"], (record["height"], record["width"]))
    return int(runs[1::2].sum())


def _write_drawings(folder: Path, results: Results, drawing: DrawingSettings, draw: Draw, watch: Watch) -> None:
    """Reads every image again and draws into it; one that has changed since is named in a warning and left out."""
    looked = {one.id: one for one in results.looked}
    shown = _chosen(results, drawing.sheet_columns * drawing.sheet_rows)
    cells: list[tuple[str, NDArray[np.uint8]]] = []
    with _kept(folder, results.source) as keep:
        for frame in watch(results.source, len(results.source)):
            if frame.id not in looked:
                continue
            record = results.store[looked[frame.id].key]
            try:
                image = frame.pixels()
                if image.shape[:2] != (record["height"], record["width"]):
                    raise ImageError(f"{frame.name}: expected the size that it had, got another image")
            except ImageError as error:
                logger.warning("not drawn: %s", error, extra={"markup": False})
                continue
            found = from_record(record)
            keep(looked[frame.id], draw(image, found, results.class_names, width=drawing_width(image, drawing.width)))
            if frame.id in shown:
                small = draw(
                    image, found, results.class_names, width=drawing_width(image, drawing.sheet_width, grow=True)
                )
                cells.append((f"{frame.name}: {len(found)} object{'s' * (len(found) != 1)}", small))
    if cells:
        _sheet(cells, drawing).save(folder / SHEET_FILE)


@contextmanager
def _kept(folder: Path, source: Source) -> Iterator[Callable[[Looked, NDArray[np.uint8]], None]]:
    """Yields the function that keeps a drawing: as a frame of the drawn video, or as a file."""
    if isinstance(source, Video):
        with VideoWriter(folder / DRAWN_VIDEO, rate=source.rate) as video:
            yield lambda one, image: video.write(image)
        return
    (folder / DRAWN_FOLDER).mkdir()
    yield lambda one, image: Image.fromarray(image).save(folder / DRAWN_FOLDER / drawn_name(one), quality=_JPEG_QUALITY)


def drawing_width(image: NDArray[np.uint8], most: int, *, grow: bool = False) -> int:
    """Returns how wide an image is drawn whose longer side may have `most` pixels, or is to have them."""
    height, width = image.shape[:2]
    longer = max(height, width)
    return width if longer <= most and not grow else max(1, round(width * most / longer))


def _chosen(results: Results, count: int) -> frozenset[int]:
    """Returns the numbers of at most `count` images, spread evenly over those with objects, or over all."""
    ids = [one.id for one, record in results if record["objects"]] or [one.id for one in results.looked]
    rows = np.linspace(0, len(ids) - 1, min(count, len(ids))).round().astype(int)
    return frozenset(ids[row] for row in rows)


def _sheet(cells: Sequence[tuple[str, NDArray[np.uint8]]], drawing: DrawingSettings) -> Image.Image:
    """Returns the contact sheet: images in lines, each with its name and its number of objects below."""
    side, columns = drawing.sheet_width, min(drawing.sheet_columns, len(cells))
    step_x, step_y = side + _GAP, side + _CAPTION + _GAP
    rows = -(-len(cells) // columns)
    sheet = Image.new("RGB", (columns * step_x + _GAP, rows * step_y + _GAP), _PAPER)
    pen, font = ImageDraw.Draw(sheet), default_font(_CAPTION - 4)
    for index, (caption, image) in enumerate(cells):
        left, top = _GAP + index % columns * step_x, _GAP + index // columns * step_y
        small = Image.fromarray(image)
        sheet.paste(small, (left + (side - small.width) // 2, top + (side - small.height) // 2))
        pen.text((left, top + side), _fitting(caption, font, side), font=font, fill=_INK)
    return sheet


def _fitting(text: str, font: ImageFont.FreeTypeFont, width: int) -> str:
    """Returns a text in one line, its beginning left out where it is too wide; the end of a path tells more."""
    text = " ".join(text.encode("utf-8", "replace").decode("utf-8").split())
    if font.getlength(text) <= width:
        return text
    while text and font.getlength(f"...{text}") > width:
        text = text[max(1, len(text) // 20) :]
    return f"...{text}"
