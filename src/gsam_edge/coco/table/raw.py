"""Parses a COCO file to a JSON value that is not checked yet."""

import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Self

import msgspec

from gsam_edge.coco.errors import InvalidDatasetError
from gsam_edge.coco.table.gc_pause import gc_paused
from gsam_edge.coco.table.records import JsonRecords


class _Usual(msgspec.Struct, forbid_unknown_fields=True):
    """The usual keys of COCO files, read in one pass. Files with other keys take two."""

    annotations: list[msgspec.Raw]
    images: msgspec.Raw = msgspec.Raw()
    categories: msgspec.Raw = msgspec.Raw()
    info: msgspec.Raw = msgspec.Raw()
    licenses: msgspec.Raw = msgspec.Raw()
    source_digest: msgspec.Raw = msgspec.Raw()
    images_digest: msgspec.Raw = msgspec.Raw()


_USUAL = msgspec.json.Decoder(_Usual)
_ANY_KEYS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_LIST = msgspec.json.Decoder(list[msgspec.Raw])


@dataclass(frozen=True)
class RawCoco:
    """A COCO file, parsed but not checked.

    Attributes:
        content: its JSON value of any form.
        digest: sha256 of its bytes, hexadecimal.
    """

    content: Any
    digest: str

    def __repr__(self) -> str:
        """Says which file it is, without its records."""
        return f"RawCoco({self.digest[:12]})"

    @classmethod
    def parse(cls, content: bytes) -> Self:
        """Parses the bytes of a file. Raises InvalidDatasetError if they are no JSON."""
        with ThreadPoolExecutor(1) as beside:  # hashlib works outside Python's lock
            digest = beside.submit(hashlib.sha256, content)
            return cls(parse_json(content), digest.result().hexdigest())


def parse_json(content: bytes) -> Any:
    """Parses a COCO file; a list under `annotations` becomes `JsonRecords`, parsed one by one when needed.

    What only Python accepts as JSON (NaN, Infinity, lone surrogates, a byte order mark) is parsed by Python itself,
    whole and slowly. Both parsers give equal values.

    Raises:
        InvalidDatasetError: if it is no JSON, or nested deeper than Python can follow.
    """
    try:
        if not content.isascii():
            content.decode("utf-8")
        records, rest = _split(content)
        with gc_paused():
            return {key: msgspec.json.decode(part) for key, part in rest.items()} | records
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return _parse_plainly(content)


def _split(content: bytes) -> tuple[dict[str, JsonRecords], dict[str, msgspec.Raw]]:
    """Returns the annotations, where they are a list, and the text of all other keys."""
    try:
        usual = _USUAL.decode(content)
    except msgspec.ValidationError:
        parts = _ANY_KEYS.decode(content)
        if memoryview(parts.get("annotations", b"-"))[0] != ord("["):
            return {}, parts
        return {"annotations": JsonRecords(_LIST.decode(parts.pop("annotations")))}, parts
    rest = {key: getattr(usual, key) for key in usual.__struct_fields__ if key != "annotations"}
    return {"annotations": JsonRecords(usual.annotations)}, {key: part for key, part in rest.items() if bytes(part)}


def _parse_plainly(content: bytes) -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        raise InvalidDatasetError(f"expected a COCO file in JSON, but it does not parse: {error}") from error
