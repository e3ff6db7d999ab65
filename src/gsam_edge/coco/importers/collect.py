"""Shared by all importers: access to files, and a collector of images, objects and skipped items."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Protocol

from gsam_edge.coco.errors import InvalidDatasetError
from gsam_edge.coco.geometry.shapes import brief
from gsam_edge.vision.images import ImageError

#: What can be skipped, by code, and what the code means.
SKIPPED: Mapping[str, str] = {
    "file_unreadable": "an annotation file that does not parse",
    "image_missing": "annotations of an image that is not in the folder, or is no readable image",
    "image_annotated_twice": "a second annotation file for an image",
    "image_not_annotated": "an image without an annotation file: it is not known to be empty, so it is left out",
    "image_elsewhere": "an image file that is in neither of the folders images/ and masks/",
    "name_not_utf8": "an image whose file name is no UTF-8",
    "object_malformed": "an object without a usable class or shape",
    "class_unknown": "an object of a class number that has no name",
    "class_same_name": "class numbers that share a name: they become one class",
    "shape_without_area": "a point or a line, which is neither a box nor a mask",
    "key_points": "an object's key points: only its box is taken over",
    "part_of_object": "a part of an object (VOC's head, hand, foot), which COCO has no place for",
    "mask_malformed": "a mask of another size than its image, or that does not decode",
    "segmentation_image": "a VOC segmentation image: only the boxes are taken over",
    "splits_incomplete": "lists of splits that do not name every image once: the splits are not taken over",
}

_MOST_EXAMPLES = 5


class SourceFiles(Protocol):
    """A folder that holds annotations in some format; names are relative to it, with forward slashes."""

    def names(self) -> Sequence[str]:
        """Returns the names of all its files, sorted."""
        ...

    def image_names(self) -> Sequence[str]:
        """Returns the names of the files with the suffix of an image, sorted."""
        ...

    def read(self, name: str) -> bytes:
        """Returns the content of a file; raises `OSError` or `ImageError` where it cannot be read or is too large."""
        ...

    def image_size(self, name: str) -> tuple[int, int]:
        """Returns height and width in pixels as decoded; raises `ImageError` or `OSError` for no readable image."""
        ...


@dataclass(frozen=True)
class Imported:
    """A dataset in COCO form.

    Attributes:
        content: the COCO mapping; its `file_name`s are names of the source's files.
        report: `format`, `images`, `annotations`, `boxes`, `masks`, `per_class`, `splits` where the source names them,
            and `skipped`, a list of {code, count, meaning, examples}.
    """

    content: Mapping[str, Any]
    report: Mapping[str, Any]

    @property
    def image_names(self) -> list[str]:
        """The source's image files that the content names."""
        return [image["file_name"] for image in self.content["images"]]


class Collector:
    """Builds a COCO dataset record by record.

    Args:
        files: the source's files.
        classes: class names that are known beforehand, in their order; others follow in the order of their objects.
    """

    def __init__(self, files: SourceFiles, classes: Sequence[str] = ()) -> None:
        self._files = files
        self._images: list[dict[str, Any]] = []
        self._found_hw: dict[str, tuple[int, int]] = {}
        self._objects: list[dict[str, Any]] = []
        self._category_ids = {name: number for number, name in enumerate(dict.fromkeys(classes), start=1)}
        self._skipped: Counter[str] = Counter()
        self._examples: dict[str, list[dict[str, str]]] = {}
        for name, count in Counter(classes).items():
            if count > 1:
                self.skip("class_same_name", name, f"the name of {count} class numbers")

    def skip(self, code: str, where: str, detail: str) -> None:
        """Records something that is skipped; `code` is one of `SKIPPED`."""
        self._skipped[code] += 1
        examples = self._examples.setdefault(code, [])
        if len(examples) < _MOST_EXAMPLES:
            examples.append({"where": _shown(where), "detail": _shown(detail)})

    def add_image(
        self, file_name: str, declared_hw: tuple[int, int] | None = None, **extra: Any
    ) -> dict[str, Any] | None:
        """Adds an image and returns its record; None, with a note, if the file is missing, unreadable or badly named.

        Args:
            file_name: of the source's files.
            declared_hw: height and width that the annotations state; the file's own where they state none.
            extra: further keys of the record.
        """
        if _shown(file_name) != file_name:
            self.skip("name_not_utf8", file_name, "a COCO file is UTF-8 and cannot name it")
            return None
        try:
            found_hw = self._files.image_size(file_name)
        except (ImageError, OSError) as error:
            self.skip("image_missing", file_name, str(error))
            return None
        height, width = declared_hw or found_hw
        image = {"id": len(self._images) + 1, "file_name": file_name, "width": width, "height": height, **extra}
        self._images.append(image)
        self._found_hw[file_name] = found_hw
        return image

    def has_size_of_file(self, image: Mapping[str, Any]) -> bool:
        """Whether an image's declared size is that of its file; otherwise masks in that size cannot be trusted."""
        return self._found_hw[image["file_name"]] == (image["height"], image["width"])

    def add_object(self, image: Mapping[str, Any], class_name: str, **shape: Any) -> None:
        """Adds an annotation of an image: `bbox` and/or `segmentation`, and further keys."""
        category_id = self._category_ids.setdefault(class_name, len(self._category_ids) + 1)
        record = {"id": len(self._objects) + 1, "image_id": image["id"], "category_id": category_id, "iscrowd": 0}
        self._objects.append(record | shape)

    def name_splits(self, images_of_split: Mapping[str, Sequence[str]]) -> None:
        """Writes the split of each image into its record if every image has exactly one; else records a skipped item.

        Args:
            images_of_split: `train`, `val` and `test` to file names; empty where the source names no splits.
        """
        listed = Counter(name for names in images_of_split.values() for name in set(names))
        odd = [image["file_name"] for image in self._images if listed[image["file_name"]] != 1]
        if odd and listed:
            detail = f"{len(odd)} of {len(self._images)} images are in none or in several"
            self.skip("splits_incomplete", odd[0], detail)
        elif listed:
            split_of_image = {name: split for split, names in images_of_split.items() for name in names}
            for image in self._images:
                image["split"] = split_of_image[image["file_name"]]

    def finish(self, format_name: str) -> Imported:
        """Returns the dataset and its report.

        Raises:
            InvalidDatasetError: if there is no image or no object.
        """
        skipped: list[dict[str, Any]] = [
            {"code": code, "count": count, "meaning": SKIPPED[code], "examples": self._examples[code]}
            for code, count in self._skipped.items()
        ]
        if not self._images or not self._objects:
            reasons = "; ".join(f"{s['count']} x {s['code']}, first {s['examples'][0]}" for s in skipped)
            reasons = reasons or "no file is of this format"
            raise InvalidDatasetError(
                f"import_dataset: expected images with objects in the format {format_name!r}, got {len(self._images)} "
                f"images and {len(self._objects)} objects ({reasons})"
            )
        names = {number: name for name, number in self._category_ids.items()}
        content = {
            "info": {"description": f"imported from {format_name}"},
            "images": self._images,
            "annotations": self._objects,
            "categories": [{"id": number, "name": name} for number, name in names.items()],
        }
        per_class = Counter(names[record["category_id"]] for record in self._objects)
        splits = Counter(image["split"] for image in self._images if "split" in image)
        report = {
            "format": format_name,
            "images": len(self._images),
            "annotations": len(self._objects),
            "boxes": sum("bbox" in record for record in self._objects),
            "masks": sum("segmentation" in record for record in self._objects),
            "per_class": {name: per_class[name] for name in names.values()},
            **({"splits": dict(splits)} if splits else {}),
            "skipped": skipped,
        }
        return Imported(content, report)


def _shown(text: str) -> str:
    """Returns text that UTF-8 can encode: other bytes of a file name are written as escapes."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def with_suffix(files: SourceFiles, *suffixes: str) -> Iterator[str]:
    """Yields the names of files with one of the suffixes (lower case, with a dot), in upper or lower case."""
    return (name for name in files.names() if PurePosixPath(name).suffix.lower() in suffixes)


def lines_of(files: SourceFiles, name: str) -> list[str]:
    """Returns the lines of a text file that are not blank, stripped. Raises OSError where it cannot be read."""
    text = files.read(name).decode("utf-8", "replace")
    return [line.strip() for line in text.splitlines() if line.strip()]


def read_json(files: SourceFiles, name: str) -> Any:
    """Parses a JSON file. Raises ValueError where it is no JSON, OSError where it cannot be read."""
    try:
        return json.loads(files.read(name))
    except RecursionError as error:
        raise ValueError("nested too deep") from error


def number(value: Any) -> float:
    """Returns a finite number that a file holds as a number or as text.

    Raises:
        ValueError: if it is no finite number.
    """
    try:
        found = float(value)
    except (TypeError, ValueError, OverflowError):
        found = float("nan")
    if not abs(found) < float("inf") or isinstance(value, bool):
        raise ValueError(f"expected a number, got {brief(value)}")
    return int(found) if found.is_integer() else found
