"""Safetensors files that say their own digest, so that a damaged number is noticed.

The format checks that the header fits the file's length and nothing else: a bit that flips in the numbers would be
another weight. The digest stands in the header's metadata, which every reader of the format takes and ignores.
"""

import hashlib
import json
from typing import Any

from gsam_edge.vision.errors import UserError

_METADATA, _DIGEST = "__metadata__", "sha256"


class DamagedTensorsError(UserError):
    """A safetensors file whose content is not what was written."""


def sealed(content: bytes) -> bytes:
    """Returns a safetensors file with the SHA-256 of its header and its numbers in its metadata.

    Equal files give equal ones.

    Args:
        content: the file, as safetensors made it.
    """
    header, numbers = _parts(content)
    header[_METADATA] = {**header.get(_METADATA, {}), _DIGEST: _digest(header, numbers)}
    text = _text(header)
    text += b" " * (-len(text) % 8)  # the format's own padding: numbers begin at a multiple of 8 bytes
    return b"".join((len(text).to_bytes(8, "little"), text, numbers))


def require_intact(content: bytes) -> None:
    """Compares a file with the digest in it; one without, as others write them, passes.

    Args:
        content: a file that safetensors has read.

    Raises:
        DamagedTensorsError: if they differ.
    """
    header, numbers = _parts(content)
    metadata = header.get(_METADATA) or {}
    told = metadata.pop(_DIGEST, None)
    if told is None:
        return
    header = {key: value for key, value in header.items() if key != _METADATA or value}
    found = _digest(header, numbers)
    if found != told:
        raise DamagedTensorsError(
            f"expected the content that was written, of SHA-256 {told:.12}, got one of {found:.12}: the file was "
            "damaged since; take another copy of it, or make it anew"
        )


def _parts(content: bytes) -> tuple[dict[str, Any], memoryview]:
    """Returns the header and the bytes of all numbers."""
    end = 8 + int.from_bytes(content[:8], "little")
    return json.loads(content[8:end]), memoryview(content)[end:]


def _digest(header: dict[str, Any], numbers: memoryview) -> str:
    digest = hashlib.sha256(_text(header))
    digest.update(numbers)
    return digest.hexdigest()


def _text(header: dict[str, Any]) -> bytes:
    return json.dumps(header, sort_keys=True, separators=(",", ":")).encode()
