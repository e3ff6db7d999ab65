"""Which data an artefact was made from: only the test split of the same split never taught it."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace

from gsam_edge.coco.annotations import SPLIT, Annotations
from gsam_edge.coco.errors import InvalidDatasetError


def with_split_digest(parts: Mapping[str, Annotations]) -> dict[str, Annotations]:
    """The parts of one split, each with the digest of all of it: which image went where, of which file."""
    names = {name: sorted(image["file_name"] for image in part.images) for name, part in parts.items()}
    sources = sorted({part.source or "" for part in parts.values()})
    digest = hashlib.sha256(json.dumps([sources, names], sort_keys=True).encode()).hexdigest()
    return {name: replace(part, info={**part.info, SPLIT: digest}) for name, part in parts.items()}


def require_made_from(
    annotations: Annotations, *, what: str, class_names: Sequence[str], split_digest: str | None, remedy: str
) -> None:
    """Refuses an artefact that was made from other classes, or from another split of the images.

    Args:
        annotations: a part of the data that the artefact is to be used on.
        what: the artefact, for the message.
        class_names: its classes, by class id.
        split_digest: `Annotations.split_digest` of what it was made from.
        remedy: what to do about it, for the message.

    Raises:
        InvalidDatasetError: if either is another.
    """
    if tuple(class_names) != annotations.class_names:
        raise InvalidDatasetError(
            f"{what}: expected the classes of the data, {list(annotations.class_names)}, got {list(class_names)}; "
            f"{remedy}"
        )
    if split_digest != annotations.split_digest:
        raise InvalidDatasetError(
            f"{what}: expected one made from the present splits of the data, got one made from another version of "
            f"annotations.json or before the images were split anew, so that images of the test split may have "
            f"taught it; {remedy}"
        )
