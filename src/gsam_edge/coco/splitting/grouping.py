"""Groups images that belong in one split: those of one source, and near duplicates."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gsam_edge.coco.annotations import Annotations
from gsam_edge.coco.images.values import image_values

#: Key under which exporters, such as Roboflow, name the photograph that an image was made from.
SOURCE_KEY = "extra.name"

#: Values of `group_by` that are not keys.
AUTO, NO_GROUPS = "auto", "none"


@dataclass(frozen=True)
class Grouping:
    """Groups of images that must stay in one split.

    Attributes:
        groups: image ids by group, in the order of their file names.
        key: the key whose equal values keep images together, None where none does.
        without_key: how many images do not have that key.
        near_duplicates: how many groups of near duplicates were kept together.
        why: the reason in a sentence.
    """

    groups: Sequence[Sequence[int]]
    key: str | None
    without_key: int
    near_duplicates: int
    why: str


def group_images(annotations: Annotations, group_by: str, near_duplicates: Sequence[Sequence[int]] = ()) -> Grouping:
    """Groups the images that share a value of the key or are near duplicates.

    Args:
        annotations: checked annotations.
        group_by: a reference of `image_values`; `auto`: `extra.name` where images have it; `none`: each image by
            itself, near duplicates too.
        near_duplicates: groups of image ids, see `near_duplicate_groups`; ids of other images are ignored.

    Raises:
        InvalidDatasetError: if no image has the named key.
    """
    order = sorted(range(len(annotations.images)), key=lambda row: annotations.images[row]["file_name"])
    images = [annotations.images[row] for row in order]
    image_ids = [image["id"] for image in images]
    if group_by == NO_GROUPS:
        return Grouping([[image_id] for image_id in image_ids], None, 0, 0, "each image by itself, as asked")
    key = SOURCE_KEY if group_by == AUTO else group_by
    values = image_values(images, key, where="split.group_by", required=group_by != AUTO)
    row_of_image = {image_id: row for row, image_id in enumerate(image_ids)}
    copies = [[row_of_image[i] for i in group if i in row_of_image] for group in near_duplicates]
    copies = [rows for rows in copies if len(rows) > 1]
    by_value: dict[str, list[int]] = {}
    for row, value in enumerate(values):
        if value is not None:
            by_value.setdefault(repr(value), []).append(row)
    groups: dict[int, list[int]] = {}
    for image_id, label in zip(image_ids, _joined(len(images), [*by_value.values(), *copies]), strict=True):
        groups.setdefault(label, []).append(image_id)
    carriers = sum(map(len, by_value.values()))
    together = (
        [f"{carriers} of {len(images)} images carry {key}: those of one source stay together"] if carriers else []
    )
    together += [f"near duplicates stay together (groups: {len(copies)})"] if copies else []
    why = "; ".join(together) or f"each image by itself: none carries {key}, no near duplicates are known"
    return Grouping(
        list(groups.values()), key if carriers else None, len(images) - carriers if carriers else 0, len(copies), why
    )


def related_images(
    annotations: Annotations, group_by: str, near_duplicates: Sequence[Sequence[int]]
) -> list[list[int]]:
    """Returns groups of two images or more that belong together (see `group_images`), also where `group_by` is none."""
    grouping = group_images(annotations, AUTO if group_by == NO_GROUPS else group_by, near_duplicates)
    return [list(group) for group in grouping.groups if len(group) > 1]


def _joined(count: int, sets: Sequence[Sequence[int]]) -> list[int]:
    """Returns a label for each of `count` rows; rows that share a set, directly or through others, share a label."""
    if not sets:
        return list(range(count))
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    first = np.repeat([rows[0] for rows in sets], [len(rows) for rows in sets]).astype(np.int64)
    other = np.array([row for rows in sets for row in rows], np.int64)
    edges = coo_array((np.ones(len(first), bool), (first, other)), shape=(count, count))
    return connected_components(edges, directed=False)[1].tolist()
