"""An artefact of several files as one: a ZIP whose members are stored as they are."""

import struct
from collections.abc import Mapping, Sequence
from io import BytesIO
from zipfile import ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from gsam_edge.runtime.card import ArtefactError

#: The first moment that a ZIP can name: the same members are the same bytes whenever they are packed.
_MOMENT = (1980, 1, 1, 0, 0, 0)
_PLAIN_FILE = 0o644 << 16
_UNIX = 3


def pack(members: Mapping[str, bytes]) -> bytes:
    """Returns a ZIP of the members, in their order."""
    packed = BytesIO()
    with ZipFile(packed, "w", ZIP_STORED) as archive:
        for name, content in members.items():
            entry = ZipInfo(name, _MOMENT)
            entry.external_attr, entry.create_system = _PLAIN_FILE, _UNIX
            archive.writestr(entry, content)
    return packed.getvalue()


def unpack(content: bytes, names: Sequence[str]) -> dict[str, bytes]:
    """Reads a ZIP that `pack` could have written; nothing touches the disk, and no member grows by unpacking.

    Args:
        content: the ZIP.
        names: the members that it must have, in order, and no other.

    Raises:
        ArtefactError: if it is no ZIP, has other members, or one that is compressed, encrypted or damaged.
    """
    try:
        with ZipFile(BytesIO(content)) as archive:
            entries = archive.infolist()
            found = [entry.filename for entry in entries]
            if found != list(names):
                raise ArtefactError(f"archive: expected the members {list(names)}, got {found[:8]!r:.200}")
            stored = all(
                entry.compress_type == ZIP_STORED and entry.compress_size == entry.file_size for entry in entries
            )
            size = sum(entry.file_size for entry in entries)
            if not stored or size > len(content):
                raise ArtefactError(
                    f"archive: expected members that are stored as they are, in {len(content)} bytes together, got "
                    f"compressed ones or {size} bytes"
                )
            return {entry.filename: archive.read(entry) for entry in entries}
    except (BadZipFile, EOFError, NotImplementedError, OSError, RuntimeError, ValueError, struct.error) as error:
        raise ArtefactError(f"expected a ZIP with {list(names)}, got {len(content)} bytes: {error}") from error
