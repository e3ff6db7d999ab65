"""Reads values of image records: the value under a dotted key, or a part of the file name."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from gsam_edge.coco.errors import InvalidDatasetError

#: Prefix of a regular expression on the file name whose group is the value.
FILE_NAME = "file_name:"


def image_values(
    images: Sequence[Mapping[str, Any]], reference: str, *, where: str, required: bool = True
) -> list[Any]:
    """Returns one value per image, None where it has none or a blank text.

    Args:
        images: COCO image records.
        reference: a dotted key (`extra.name`), or `file_name:` and a regular expression, searched for in the file name;
            its first group, or the whole match where it has no group, is the value.
        where: the parameter that the reference comes from, for the message.
        required: whether at least one image must have a value.

    Raises:
        InvalidDatasetError: if the regular expression is invalid, or no image has a value; the message shows what
            images have.
    """
    read = _by_pattern(reference, where) if reference.startswith(FILE_NAME) else _by_key(reference)
    values = [None if isinstance(value, str) and not value.strip() else value for value in map(read, images)]
    if required and all(value is None for value in values):
        if reference.startswith(FILE_NAME):
            expected, have = "a regular expression that file names match", f"are called like {images[0]['file_name']!r}"
        else:
            keys = sorted({name for image in images for name in image})
            expected, have = "a key that images carry", f"have {', '.join(keys)}"
        raise InvalidDatasetError(
            f"{where}: expected {expected}, got {reference!r}, which gives none of {len(images)} a value; they {have}"
        )
    return values


def _by_key(key: str) -> Callable[[Mapping[str, Any]], Any]:
    names = key.split(".")

    def read(image: Mapping[str, Any]) -> Any:
        value: Any = image
        for name in names:
            value = value.get(name) if isinstance(value, Mapping) else None
        return value

    return read


def _by_pattern(reference: str, where: str) -> Callable[[Mapping[str, Any]], Any]:
    expression = reference.removeprefix(FILE_NAME)
    try:
        pattern = re.compile(expression)
    except re.error as error:
        raise InvalidDatasetError(f"{where}: expected a regular expression, got {expression!r}: {error}") from error

    def read(image: Mapping[str, Any]) -> Any:
        match = pattern.search(image["file_name"])
        return match[1 if pattern.groups else 0] if match else None

    return read
