"""Reads corrections in the form that a label tool gives them back in, by the importer of that form."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from gsam_edge.coco.checks.layouts import layout_of
from gsam_edge.coco.errors import InvalidDatasetError
from gsam_edge.coco.importers.coco.importer import import_coco
from gsam_edge.coco.importers.datumaro import import_datumaro
from gsam_edge.coco.importers.label_studio.importer import import_label_studio
from gsam_edge.coco.importers.reading import DatasetFiles
from gsam_edge.vision.images import MissingImageError

#: Name under which the importer sees the corrections.
_NAME = "corrections.json"
#: Importers of the forms that are one file; others have a file for each image.
_FORMS = {"coco": import_coco, "label_studio": import_label_studio, "datumaro": import_datumaro}


@dataclass(frozen=True)
class Corrections:
    """A file of corrections.

    Attributes:
        name: its path, for reports.
        content: its bytes.
    """

    name: str
    content: bytes


class _OneFile:
    """Corrections beside the images that were handed out, as an importer takes a folder; their sizes are known."""

    max_pixels = 0  # no image lies inside

    def __init__(self, content: bytes, sizes: Mapping[str, tuple[int, int]]) -> None:
        self._content, self._sizes = content, sizes

    def names(self) -> Sequence[str]:
        return sorted([_NAME, *self._sizes])

    def links_outside(self) -> Sequence[str]:
        return ()

    def image_names(self) -> Sequence[str]:
        return sorted(self._sizes)

    def read(self, name: str) -> bytes:
        if name != _NAME:
            raise OSError(f"expected {_NAME}, got {name}")
        return self._content

    def image_size(self, name: str) -> tuple[int, int]:
        if name not in self._sizes:
            raise MissingImageError(f"expected an image of the review, got {name!r}")
        return self._sizes[name]


@dataclass(frozen=True)
class Returned:
    """Corrections as they were read.

    Attributes:
        form: name of their form.
        images: the COCO records of the images that came back, by the names under which they were handed out.
        objects_of: the objects of each of these images, crowds too.
        class_names: category ids of these objects to class names.
        incomplete: images of which some objects could not be read, with the reason.
        skipped: what the importer left, see `Imported`.
    """

    form: str
    images: Mapping[str, Mapping[str, Any]]
    objects_of: Mapping[str, Sequence[Mapping[str, Any]]]
    class_names: Mapping[int, str]
    incomplete: Mapping[str, str]
    skipped: Sequence[Mapping[str, Any]]


def read_corrections(corrections: Corrections, images: Sequence[Mapping[str, Any]]) -> Returned:
    """Reads corrections by the importer of their form.

    Images are told by name, also where the tool put a folder or a number of its own before it.

    Args:
        corrections: the file.
        images: COCO records of the images that were handed out.

    Raises:
        InvalidDatasetError: if it is no form that is read, or none of these images is in it.
    """
    try:
        value = json.loads(corrections.content.decode("utf-8-sig"))
    except (UnicodeDecodeError, ValueError, RecursionError) as error:
        raise InvalidDatasetError(
            f"{corrections.name}: expected corrections in JSON, but they do not parse: {error}"
        ) from error
    layout = layout_of(value)
    form = None if layout is None else layout.importer
    if form not in _FORMS:
        told = "of no known form" if layout is None else str(layout)
        raise InvalidDatasetError(
            f"{corrections.name}: expected corrections as COCO, or as Label Studio exports them, got a file {told}"
        )
    sizes = {str(image["file_name"]): (int(image["height"]), int(image["width"])) for image in images}
    files = _OneFile(_without_places(value, form, corrections.content), sizes)
    found = _FORMS[form](DatasetFiles(files), labels_lost="keep", may_be_empty=True)
    if not found.content["images"]:
        left = [each for each in found.report["skipped"] if each["code"] != "image_not_annotated"]
        why = "; ".join(f"{each['meaning']} ({each['count']})" for each in left) or "it lists no image"
        raise InvalidDatasetError(
            f"{corrections.name}: expected images of the review ({len(images)}, the first {next(iter(sizes), None)!r})"
            f", got none of them: {why}; if it is of an earlier review, name the folder that was handed out with "
            "--params=review_folder=..."
        )
    names = {image["id"]: image["file_name"] for image in found.content["images"]}
    objects: dict[str, list[Mapping[str, Any]]] = {name: [] for name in names.values()}
    for record in found.content["annotations"]:
        objects[names[record["image_id"]]].append(record)
    return Returned(
        form,
        {image["file_name"]: image for image in found.content["images"]},
        objects,
        {category["id"]: category["name"] for category in found.content["categories"]},
        found.incomplete,
        found.report["skipped"],
    )


def _without_places(value: Any, form: str, content: bytes) -> bytes:
    """Returns the file, with names of images that lead to a server's or another machine's folders made plain ones."""
    if form != "coco":
        return content
    images = value["images"] if isinstance(value["images"], list) else []
    for image in images:
        name = image.get("file_name") if isinstance(image, dict) else None
        if isinstance(name, str) and (".." in PurePosixPath(name).parts or name.startswith("/")):
            image["file_name"] = "/".join(part for part in PurePosixPath(name).parts if part not in ("/", ".."))
    return json.dumps(value).encode()
