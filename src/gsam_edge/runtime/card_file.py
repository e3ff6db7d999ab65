"""The card as a file of its own, for artefacts whose other files have no place for it."""

import json
from collections.abc import Mapping

from gsam_edge.runtime.card import ArtefactError

CARD_FILE = "card.json"


def pack_properties(properties: Mapping[str, str]) -> bytes:
    """Returns the content of `CARD_FILE`: `Card.to_properties`, and what else the artefact says of itself, as JSON."""
    return json.dumps(properties, ensure_ascii=False, indent=1, sort_keys=True).encode()


def unpack_properties(content: bytes) -> dict[str, str]:
    """The inverse of `pack_properties`.

    Raises:
        ArtefactError: if the content is no JSON object of texts.
    """
    try:
        properties = json.loads(content)
    except ValueError as error:
        raise ArtefactError(f"{CARD_FILE}: expected JSON, got {len(content)} bytes: {error}") from error
    if not isinstance(properties, dict) or not all(isinstance(value, str) for value in properties.values()):
        raise ArtefactError(f"{CARD_FILE}: expected a JSON object of texts, got {type(properties).__name__}")
    return properties
