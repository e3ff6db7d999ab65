"""Severstal's CSV: `ImageId,ClassId,EncodedPixels`, runs of pixels counted from 1, down the columns."""

import csv
import io
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from gsam_edge.coco.errors import InvalidDatasetError
from gsam_edge.coco.geometry.segmentation import encode_mask
from gsam_edge.coco.geometry.shapes import brief
from gsam_edge.coco.importers.collect import Collector
from gsam_edge.coco.importers.imported import Imported, LabelsLost
from gsam_edge.coco.importers.pairing.image_index import ImageIndex
from gsam_edge.coco.importers.pairing.rule import Refusal
from gsam_edge.coco.importers.reading import SourceFiles, number, text_of, with_suffix
from gsam_edge.coco.importers.unlisted import UnlistedImages, add_unlisted_images

_COLUMNS = ("ImageId", "ClassId", "EncodedPixels")
#: Column of the file's first edition that joins image and class.
_JOINED = "ImageId_ClassId"
#: In the name of a table that lists the images to answer for, with pixels that mean nothing.
_SUBMISSION = "sample_submission"
#: How tables write that a cell is empty.
_NONE = re.compile(r"^(nan|none|null)$", re.IGNORECASE)
#: A whole number of pixels; int() takes more for one, and longer ones take long.
_DIGITS = re.compile(r"[0-9]{1,12}")
#: Longest cell that is read, in characters: no mask of an accepted image needs more.
_MOST_CHARACTERS = 1 << 26


def import_severstal(
    files: SourceFiles, class_names: Mapping[int, str], *, labels_lost: LabelsLost, unlisted_images: UnlistedImages
) -> Imported:
    """Imports a Severstal CSV: a mask for each row that has pixels; an image whose rows have none has no objects.

    The public set's later table has rows of strips with defects alone, where the first one had four of every strip: an
    image without a row is a good one there.

    Args:
        files: a folder with one such CSV and the images, which `ImageId` names by path, or by name alone.
        class_names: names by `ClassId`; a class without one is named by its number.
        labels_lost: what to do with an image that has rows with pixels of which none could be taken over.
        unlisted_images: what to do with an image without a row that lies beside images with rows; those that
            `sample_submission.csv` names are a test set and left behind.

    Raises:
        InvalidDatasetError: if there is no such CSV or more than one, or it is no UTF-8.
    """
    name, rows = _table(files)
    collector = Collector(files, [class_names[key] for key in sorted(class_names)], labels_lost=labels_lost)
    collector.use(name)
    index = ImageIndex(files.image_names())
    meant = _images_of({image_id for image_id, _, _ in rows}, index)
    missing: dict[str, str] = {}
    images: dict[str, dict[str, Any] | None] = {}
    for line, (image_id, class_id, pixels) in enumerate(rows, start=2):
        where, has_object, found = f"{name}: line {line}", pixels is None or bool(pixels), meant[image_id]
        if isinstance(found, Refusal):
            if has_object:
                collector.lose_object(None, found.code, where, found.detail)
                if found.code == "image_missing" and image_id:
                    missing.setdefault(image_id, where)
                for image_name in found.images:
                    collector.lose_labels(image_name, f"{where} may belong to it")
            else:
                collector.skip(found.code, where, found.detail)
            continue
        if found not in images:
            images[found] = collector.add_image(found)
            if not _is_exact(image_id, found):
                collector.note("name_spelled_otherwise", where, f"{image_id} is {found}")
        image = images[found]
        if has_object and image is None:
            collector.lose_object(None, "image_unreadable", where, f"it belongs to {found}")
        elif has_object and image is not None:
            _add_mask(collector, image, where, _class_name(class_id, class_names), pixels)
    if unlisted_images == "empty":
        doubted = {image for found in meant.values() if isinstance(found, Refusal) for image in found.images}
        left_out = doubted | _submitted(files, index)
        add_unlisted_images(collector, files, listed=images.keys(), left_out=left_out, missing=missing)
    return collector.finish("severstal")


def _submitted(files: SourceFiles, index: ImageIndex) -> set[str]:
    """Returns the images that a sample of a submission names: their labels are known to nobody here."""
    names = [name for name in with_suffix(files, ".csv") if _SUBMISSION in name]
    listed = {image_id for name in names for image_id, _, _ in _rows(text_of(files, name), name)}
    return {image for image_id in listed if image_id for image in index.named(image_id)}


def _images_of(image_ids: Iterable[str], index: ImageIndex) -> Mapping[str, str | Refusal]:
    """Returns the image of each `ImageId`, or why it has none. Several names for one image: the exact one has it."""
    meant: dict[str, str | Refusal] = {}
    names_of: dict[str, list[str]] = defaultdict(list)
    for image_id in sorted(image_ids):
        found = index.named(image_id) if image_id else ()
        if len(found) == 1:
            meant[image_id] = found[0]
            names_of[found[0]].append(image_id)
        elif found:
            meant[image_id] = Refusal("pairing_ambiguous", f"{image_id} may be {' or '.join(found[:5])}", found)
        else:
            meant[image_id] = Refusal("image_missing", f"no image {brief(image_id)} in the folder")
    for image, names in names_of.items():
        for name in names:
            if len(names) > 1 and not _is_exact(name, image):
                others = " and ".join(other for other in names if other != name)
                meant[name] = Refusal("pairing_ambiguous", f"{name} may be {image}, as may {others}", (image,))
    return meant


def _is_exact(image_id: str, image: str) -> bool:
    return f"/{image}".endswith(f"/{image_id}")


def _add_mask(collector: Collector, image: Mapping[str, Any], where: str, class_name: str, pixels: str | None) -> None:
    if not class_name or pixels is None:
        missing = _COLUMNS[2] if class_name else _COLUMNS[1]
        collector.lose_object(image, "object_malformed", where, f"expected a value for {missing}, got none")
        return
    try:
        mask = _mask(pixels, (image["height"], image["width"]))
    except ValueError as error:
        collector.lose_object(image, "mask_malformed", where, str(error))
        return
    collector.add_object(image, class_name, segmentation=mask)


def _class_name(class_id: str, class_names: Mapping[int, str]) -> str:
    """Returns the name of a class number, which may be written as 1.0; a text that is no number is a name itself."""
    try:
        key: Any = number(class_id)
    except ValueError:
        return class_id
    return class_names.get(key, str(key))


def _table(files: SourceFiles) -> tuple[str, list[tuple[str, str, str | None]]]:
    """Returns the CSV's name and its rows as image, class and pixels, None where a row ends before them."""
    csv.field_size_limit(_MOST_CHARACTERS)
    found, unreadable = [], []
    for name in sorted(with_suffix(files, ".csv")):
        if _SUBMISSION in name:
            continue
        header, _, _ = files.read(name).partition(b"\n")
        if b"EncodedPixels" in header:
            found.append(name)
        elif b"\0" in header:  # UTF-16
            unreadable.append(name)
    if len(found) != 1:
        texts = f"; {' and '.join(unreadable)} is no UTF-8 text: save as UTF-8" if unreadable else ""
        raise InvalidDatasetError(
            f"import_dataset: expected one CSV file with the columns {', '.join(_COLUMNS)}, got "
            f"{' and '.join(found) or 'none'}{texts}"
            + ("; leave one of them in the folder, or join them" if len(found) > 1 else "")
        )
    try:
        text = text_of(files, found[0])
    except ValueError as error:
        raise InvalidDatasetError(f"{found[0]}: {error}") from error
    return found[0], list(_rows(text, found[0]))


def _rows(text: str, name: str) -> Iterator[tuple[str, str, str | None]]:
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
            pixels = row["EncodedPixels"]
            yield image_id.strip(), class_id.strip(), None if pixels is None else _NONE.sub("", pixels.strip())
    except csv.Error as error:
        raise InvalidDatasetError(
            f"{name}: expected a CSV file, but line {reader.line_num} does not parse: {error}"
        ) from error


def _mask(pixels: str, image_hw: tuple[int, int]) -> dict[str, Any]:
    """Converts pairs of first pixel and length to COCO RLE. Raises ValueError if they are malformed or off the mask."""
    size = image_hw[0] * image_hw[1]
    words = pixels.split()
    numbers = [int(word) for word in words] if all(map(_DIGITS.fullmatch, words)) else [0]
    if len(numbers) % 2 or not all(0 < value <= size for value in numbers):
        raise ValueError(f"expected pairs of first pixel and length within {size} pixels, got {pixels[:60]!r}")
    first, length = np.array(numbers[::2]) - 1, np.array(numbers[1::2])
    if (first + length > size).any():
        raise ValueError(f"expected runs within {size} pixels, got {pixels[:60]!r}")
    flat = np.zeros(size + 1, np.int32)
    np.add.at(flat, first, 1)
    np.add.at(flat, first + length, -1)
    return encode_mask((np.cumsum(flat[:-1]) > 0).reshape(image_hw, order="F"))
