"""Severstal's CSV: `ImageId,ClassId,EncodedPixels`, runs of pixels counted from 1, down the columns."""

import csv
import io
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

import numpy as np

from gsam_edge.coco.errors import InvalidDatasetError
from gsam_edge.coco.geometry.segmentation import encode_mask
from gsam_edge.coco.importers.collect import Collector, Imported, LabelsLost
from gsam_edge.coco.importers.pairing import ImageIndex
from gsam_edge.coco.importers.reading import SourceFiles, number, text_of, with_suffix

_COLUMNS = ("ImageId", "ClassId", "EncodedPixels")
#: Column of the file's first edition that joins image and class.
_JOINED = "ImageId_ClassId"
#: Longest cell that is read, in characters: no mask of an accepted image needs more.
_MOST_CHARACTERS = 1 << 26


def import_severstal(files: SourceFiles, class_names: Mapping[int, str]) -> Imported:
    """Imports a Severstal CSV: a mask for each row that has pixels; an image whose rows have none has no objects.

    Args:
        files: a folder with one such CSV and the images, which `ImageId` names by path, or by name alone.
        class_names: names by `ClassId`; a class without one is named by its number.

    Raises:
        InvalidDatasetError: if there is no such CSV or more than one.
    """
    name, rows = _table(files)
    by_name: dict[str, list[str]] = {}
    for image_name in files.image_names():
        by_name.setdefault(PurePosixPath(image_name).name, []).append(image_name)
    collector = Collector(files, [class_names[key] for key in sorted(class_names)])
    images: dict[str, dict[str, Any] | None] = {}
    for line, (image_id, class_id, pixels) in enumerate(rows, start=2):
        where = f"{name}: line {line}"
        if image_id not in images:
            same = [n for n in by_name.get(PurePosixPath(image_id).name, []) if f"/{n}".endswith(f"/{image_id}")]
            images[image_id] = collector.add_image(same[0]) if len(same) == 1 else None
            if len(same) != 1:
                collector.skip("image_missing", where, f"expected one image {image_id!r}, found {len(same)}")
        image = images[image_id]
        if image is None or not pixels.strip():
            continue
        try:
            mask = _mask(pixels, (image["height"], image["width"]))
        except ValueError as error:
            collector.skip("mask_malformed", where, str(error))
            continue
        collector.add_object(image, _class_name(class_id, class_names), segmentation=mask)
    for image_name in sorted(set(files.image_names()) - {image["file_name"] for image in images.values() if image}):
        collector.skip("image_not_annotated", image_name, f"{name} does not name it")
    return collector.finish("severstal")


def _class_name(class_id: str, class_names: Mapping[int, str]) -> str:
    """Returns the name of a class number, which may be written as 1.0; a text that is no number is a name itself."""
    try:
        key: Any = number(class_id)
    except ValueError:
        return class_id
    return class_names.get(key, str(key))


def _table(files: SourceFiles) -> tuple[str, Iterator[tuple[str, str, str]]]:
    """Returns the CSV's name and its rows as image, class and pixels."""
    csv.field_size_limit(_MOST_CHARACTERS)
    found = []
    for name in with_suffix(files, ".csv"):
        header, _, _ = files.read(name).partition(b"\n")
        if b"EncodedPixels" in header and b"sample_submission" not in name.encode():
            found.append(name)
    if len(found) != 1:
        raise InvalidDatasetError(
            f"import_dataset: expected one CSV file with the columns {', '.join(_COLUMNS)}, got {found or 'none'}"
        )
    return found[0], _rows(files.read(found[0]).decode("utf-8-sig", "replace"), found[0])


def _rows(text: str, name: str) -> Iterator[tuple[str, str, str]]:
    reader = csv.DictReader(io.StringIO(text, newline=""))
    columns = reader.fieldnames or ()
    if _JOINED not in columns and not set(_COLUMNS) <= set(columns):
        raise InvalidDatasetError(f"{name}: expected the columns {', '.join(_COLUMNS)}, got {', '.join(columns)}")
    try:
        for row in reader:
            if _JOINED in columns:
                image_id, _, class_id = (row[_JOINED] or "").rpartition("_")
            else:
                image_id, class_id = row["ImageId"] or "", row["ClassId"] or ""
            yield image_id.strip(), class_id.strip(), row["EncodedPixels"] or ""
    except csv.Error as error:
        raise InvalidDatasetError(
            f"{name}: expected a CSV file, but line {reader.line_num} does not parse: {error}"
        ) from error


def _mask(pixels: str, image_hw: tuple[int, int]) -> dict[str, Any]:
    """Converts pairs of first pixel and length to COCO RLE. Raises ValueError if they are malformed or off the mask."""
    size = image_hw[0] * image_hw[1]
    numbers = [int(word) for word in pixels.split()]
    if len(numbers) % 2 or not all(0 < value <= size for value in numbers):
        raise ValueError(f"expected pairs of first pixel and length within {size} pixels, got {pixels[:60]!r}")
    first, length = np.array(numbers[::2]) - 1, np.array(numbers[1::2])
    if (first + length > size).any():
        raise ValueError(f"expected runs within {size} pixels, got {pixels[:60]!r}")
    flat = np.zeros(size + 1, np.int32)
    np.add.at(flat, first, 1)
    np.add.at(flat, first + length, -1)
    return encode_mask((np.cumsum(flat[:-1]) > 0).reshape(image_hw, order="F"))
