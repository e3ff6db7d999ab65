"""Keeps the split of the images while their labels are corrected.

Images are split by what their labels show, so that corrected labels would move images between the parts, and all that
was made from the earlier split would have to be made anew. A split is therefore kept under the digest of what it is a
split of: the images and the shares, never the labels.
"""

import hashlib
import json
from collections.abc import Mapping, MutableMapping, Sequence
from typing import Any

from gsam_edge.coco.annotations import Annotations


def split_key(
    annotations: Annotations,
    groups: Sequence[Sequence[int]],
    ready_made: Mapping[str, Sequence[int]] | None,
    config: Mapping[str, Any],
    seed: int,
) -> str:
    """Returns the digest of everything but labels that decides on a split; of the classes only the names.

    Args:
        annotations: checked annotations.
        groups: ids of the images that stay together.
        ready_made: the user's own splits, where there are any.
        config: shares and labels that are used.
        seed: the seed.
    """
    names = {image["id"]: image["file_name"] for image in annotations.images}

    def named(sets: Sequence[Sequence[int]]) -> list[list[str]]:
        return sorted(sorted(names[image_id] for image_id in members) for members in sets)

    own = None if ready_made is None else {name: named([ids]) for name, ids in ready_made.items()}
    whole = [annotations.images_digest, named(groups), own, config, seed, sorted(annotations.class_names)]
    return hashlib.sha256(json.dumps(whole, sort_keys=True).encode()).hexdigest()


def kept_split(
    annotations: Annotations, key: str, earlier: MutableMapping[str, dict[str, Any]]
) -> dict[str, list[int]] | None:
    """Returns the image ids of each part of an earlier split; None where there is none, or none of these images."""
    stored = earlier.get(key)
    if stored is None:
        return None
    id_of = {image["file_name"]: image["id"] for image in annotations.images}
    named = [name for names in stored.values() for name in names]
    if sorted(named) != sorted(id_of):
        return None
    return {part: [id_of[name] for name in names] for part, names in stored.items()}


def keep_split(
    annotations: Annotations,
    key: str,
    members: Mapping[str, Sequence[int]],
    earlier: MutableMapping[str, dict[str, Any]],
) -> None:
    """Stores the image ids of each part by file name, under which they are found when ids were numbered anew."""
    names = {image["id"]: image["file_name"] for image in annotations.images}
    earlier[key] = {part: sorted(names[image_id] for image_id in ids) for part, ids in members.items()}
