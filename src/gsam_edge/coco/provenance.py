"""Checks which data an artefact was made from: only the test images of the same split were not used to train it."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from gsam_edge.coco.annotations import SPLIT, Annotations
from gsam_edge.coco.errors import InvalidDatasetError
from gsam_edge.coco.images.facts import ImageFacts

#: The part of a split whose images lie among those for training and whose labels are not used.
HELD_BACK = "held_back"


def images_digest(images: Sequence[Mapping[str, Any]], facts: Mapping[int, ImageFacts]) -> str:
    """Returns the digest of the images of a dataset: their names, and their bytes or, where not read, their sizes.

    Args:
        images: COCO image records, in any order.
        facts: image ids to what is known of the decoded files.
    """
    told = sorted(
        (image["file_name"], facts[image["id"]].sha256 if image["id"] in facts else (image["width"], image["height"]))
        for image in images
    )
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()


def with_split_digest(parts: Mapping[str, Annotations]) -> dict[str, Annotations]:
    """Adds to each part the digest of the whole split: the images, and which of them is in which part.

    Labels are no part of it: corrected ones leave what was made from the split usable. Where the digest of the images
    is not known, that of the source file stands in for it.
    """
    names = {name: sorted(image["file_name"] for image in part.images) for name, part in parts.items()}
    sources = sorted({part.images_digest or part.source or "" for part in parts.values()})
    digest = hashlib.sha256(json.dumps([sources, names], sort_keys=True).encode()).hexdigest()
    return {name: replace(part, info={**part.info, SPLIT: digest}) for name, part in parts.items()}


def require_made_from(
    annotations: Annotations, *, what: str, class_names: Sequence[str], split_digest: str | None, remedy: str
) -> None:
    """Checks that an artefact was made from the same classes and the same split of the images.

    Args:
        annotations: a part of the data that the artefact is to be used on.
        what: the artefact, for the message.
        class_names: its classes, by class id.
        split_digest: `Annotations.split_digest` of what it was made from.
        remedy: what to do about it, for the message.

    Raises:
        InvalidDatasetError: if either differs.
    """
    if tuple(class_names) != annotations.class_names:
        raise InvalidDatasetError(
            f"{what}: expected the classes of the data, {list(annotations.class_names)}, got {list(class_names)}; "
            f"{remedy}"
        )
    if split_digest != annotations.split_digest:
        raise InvalidDatasetError(
            f"{what}: expected one made from the present splits of the data, got one made from other images or before "
            f"they were split again, so that it may have been trained on images of the test split; {remedy}"
        )


def require_one_split(parts: Mapping[str, Annotations]) -> None:
    """Checks that parts of the data, by their names in the catalog, come from one split of the images.

    Raises:
        InvalidDatasetError: if one differs from the first.
    """
    (first, expected), *others = parts.items()
    for name, part in others:
        if part.split_digest != expected.split_digest:
            raise InvalidDatasetError(
                f"{name}: expected a part of the same split of the images as {first}, got one of another, so that an "
                "image may be in both; run the pipelines data_validation, teacher_finetune and distillation again"
            )
