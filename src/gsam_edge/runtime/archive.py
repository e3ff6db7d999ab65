"""An artefact of several files as one zip.

Nothing in it is compressed, so that it holds no more than its own size, and all times are the same, so that equal files
give equal bytes.
"""

import json
import struct
from collections.abc import Collection, Mapping
from io import BytesIO
from zipfile import ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from gsam_edge.runtime.card import ArtefactError

#: The file that holds the card's properties, where the other files have no place for them.
CARD_FILE = "card.json"

_UNIX = 3
_READABLE = 0o100644  # a file that everybody may read: on a device, a service of its own user runs the student


def pack(files: Mapping[str, bytes]) -> bytes:
    """Returns a zip of files by name, in their order."""
    content = BytesIO()
    with ZipFile(content, "w", ZIP_STORED) as archive:
        for name, data in files.items():
            info = ZipInfo(name)  # of 1 January 1980, a zip's first day
            info.create_system = _UNIX  # on every system, so that the bytes are the same
            info.external_attr = _READABLE << 16
            archive.writestr(info, data)
    return content.getvalue()


def unpack(content: bytes, names: Collection[str]) -> dict[str, bytes]:
    """Returns the files of a zip that `pack` wrote, by name; nothing is written to disk.

    Raises:
        ArtefactError: if it is no zip, holds other files than `names`, or a compressed or damaged one.
    """
    try:
        with ZipFile(BytesIO(content)) as archive:
            infos = archive.infolist()
            found = sorted(info.filename for info in infos)
            if found != sorted(names):
                raise ArtefactError(f"artefact: expected a zip of the files {sorted(names)}, got {found}")
            if compressed := [info.filename for info in infos if info.compress_type != ZIP_STORED]:
                raise ArtefactError(f"artefact: expected files that are not compressed, got {compressed} compressed")
            if (size := sum(info.file_size for info in infos)) > len(content):
                raise ArtefactError(
                    f"artefact: expected files within its {len(content)} bytes, got {size} bytes of them"
                )
            return {name: archive.read(name) for name in names}
    # RuntimeError: it asks for a password; the others: numbers and names in it that make no sense
    except (BadZipFile, EOFError, RuntimeError, OSError, ValueError, OverflowError, struct.error) as error:
        raise ArtefactError(f"expected a zip, got {len(content)} bytes: {error}") from error


def pack_properties(properties: Mapping[str, str]) -> bytes:
    """Returns the content of `CARD_FILE`, JSON."""
    return json.dumps(properties, ensure_ascii=False, indent=1, sort_keys=True).encode()


def unpack_properties(content: bytes) -> dict[str, str]:
    """The inverse of `pack_properties`.

    Raises:
        ArtefactError: if the content is no JSON object of texts.
    """
    try:
        properties = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise ArtefactError(f"{CARD_FILE}: expected JSON, got {len(content)} bytes: {error}") from error
    if not isinstance(properties, dict) or not all(isinstance(value, str) for value in properties.values()):
        raise ArtefactError(f"{CARD_FILE}: expected a JSON object of texts, got {type(properties).__name__}")
    return properties
