"""Applies the health policies: removes images and objects, or repairs objects."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from gsam_edge.coco.annotations import BBOX_SOURCE, Annotations
from gsam_edge.coco.checks.findings import Tally
from gsam_edge.coco.complete import complete
from gsam_edge.coco.errors import InvalidDatasetError
from gsam_edge.coco.health.cases import Cases
from gsam_edge.coco.health.table import HealthConfig

_DEEDS = ("drop", "fix")


@dataclass(frozen=True)
class PolicyOutcome:
    """The remaining annotations, and counts of what was done.

    Attributes:
        annotations: without what was dropped, with what was fixed.
        images: counts of what became of the images.
        objects: counts of what became of the objects; those of dropped images are dropped.
    """

    annotations: Annotations
    images: Tally
    objects: Tally


def apply_policies(annotations: Annotations, cases: Mapping[str, Cases], config: HealthConfig) -> PolicyOutcome:
    """Drops and fixes what the policies say; without such policies, the annotations are the same value.

    A class whose objects are all dropped is removed, too.

    Args:
        annotations: checked and completed annotations.
        cases: what was found, by code.
        config: the policies.

    Raises:
        InvalidDatasetError: if no object is left but crowds.
    """
    chosen = {policy: [found for code, found in cases.items() if config.policy(code) == policy] for policy in _DEEDS}
    lost_images = frozenset().union(*(found.image_ids for found in chosen["drop"]))
    is_lost = np.isin(annotations.columns.image_id, list(lost_images))
    for found in chosen["drop"]:
        is_lost[found.rows] = True
    is_fixed = np.zeros(len(is_lost), bool)
    for found in chosen["fix"]:
        is_fixed[found.rows] = True
    is_fixed &= ~is_lost
    if (is_lost | annotations.columns.is_crowd).all():
        raise InvalidDatasetError(
            f"health: expected at least one single object to be left, got none of {len(is_lost)} after dropping "
            f"{', '.join(code for code in cases if config.policy(code) == 'drop')}"
        )
    images = Tally(len(annotations.images), len(annotations.images) - len(lost_images), 0, len(lost_images))
    fixed, lost = int(is_fixed.sum()), int(is_lost.sum())
    objects = Tally(len(is_lost), len(is_lost) - fixed - lost, fixed, lost)
    if fixed:
        annotations = _with_boxes_of_masks(annotations, np.flatnonzero(is_fixed))
    if lost or lost_images:
        annotations = _without(annotations, lost_images, is_lost)
    return PolicyOutcome(annotations, images, objects)


def _with_boxes_of_masks(annotations: Annotations, rows: NDArray[np.int64]) -> Annotations:
    boxless = [{k: v for k, v in annotations.objects[row].items() if k != "bbox"} for row in rows.tolist()]
    mended = complete(annotations.with_objects(rows, boxless)).annotations
    # Not marked as computed, so that a dataset with labelled boxes still counts as one.
    records = [{k: v for k, v in mended.objects[row].items() if k != BBOX_SOURCE} for row in rows.tolist()]
    return mended.with_objects(rows, records)


def _without(annotations: Annotations, image_ids: frozenset[int], is_lost: NDArray[np.bool_]) -> Annotations:
    kept = annotations.taking_objects(np.flatnonzero(~is_lost))
    images = tuple(image for image in kept.images if image["id"] not in image_ids)
    gone = set(annotations.columns.category_id[is_lost].tolist()) - set(kept.columns.category_id.tolist())
    return replace(kept, images=images, categories=tuple(c for c in kept.categories if c["id"] not in gone))
