"""Reads corrections in the form that a label tool gives them back in, by the importer of that form."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from gsam_edge.coco.checks.layouts import layout_of
from gsam_edge.coco.errors import InvalidDatasetError
from gsam_edge.coco.importers import IMPORTERS, ImportConfig, Imported, import_annotations
from gsam_edge.vision.images import MissingImageError

#: Name under which the importer sees the corrections.
_NAME = "corrections.json"
#: Forms of one file; others have a file for each image.
_FORMS = ("coco", "label_studio", "datumaro")


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


def read_corrections(corrections: Corrections, images: Sequence[Mapping[str, Any]]) -> tuple[Imported, str]:
    """Returns corrections as COCO with the account of the import, and the name of their form.

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
    if form not in _FORMS or form not in IMPORTERS:
        told = "of no known form" if layout is None else str(layout)
        raise InvalidDatasetError(
            f"{corrections.name}: expected corrections as COCO, or as Label Studio exports them, got a file {told}"
        )
    sizes = {str(image["file_name"]): (int(image["height"]), int(image["width"])) for image in images}
    files = _OneFile(_without_places(value, form, corrections.content), sizes)
    if (empty := _all_removed(value, form, images)) is not None:
        return empty, form
    imported = import_annotations(files, form, ImportConfig(class_names={}, labels_lost="drop"))
    return imported, form


def _all_removed(value: Any, form: str, images: Sequence[Mapping[str, Any]]) -> Imported | None:
    """Returns images that came back without any object, in a COCO file: an importer takes such a file for a mistake."""
    if form != "coco" or value.get("annotations") != [] or not value.get("images"):
        return None
    listed = {str(image.get("file_name")) for image in value["images"] if isinstance(image, Mapping)}
    back = [image for image in images if any(f"/{name}".endswith(f"/{image['file_name']}") for name in listed)]
    if not back:
        return None
    return Imported({"images": back, "annotations": [], "categories": []}, {"skipped": []})


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
