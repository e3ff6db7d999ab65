"""Assigns groups of images to parts so that every part gets its share of every class."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from gsam_edge.coco.annotations import Annotations


def presence_of(annotations: Annotations, groups: Sequence[Sequence[int]]) -> NDArray[np.int32]:
    """Counts the images of each group, [G, C + 2]: with each class, by name, without objects, and in all."""
    row_of_image = {image["id"]: row for row, image in enumerate(annotations.images)}
    rows = np.array([row_of_image[image_id] for group in groups for image_id in group])
    by_name = sorted(range(annotations.num_classes), key=annotations.class_names.__getitem__)
    shown = annotations.image_class_counts[:, by_name] > 0
    labels = np.column_stack([shown, ~shown.any(axis=1), np.ones(len(shown), bool)]).astype(np.int32)
    group_of_row = np.repeat(np.arange(len(groups)), [len(group) for group in groups])
    is_first = np.diff(group_of_row, prepend=-1) > 0
    presence = labels[rows[is_first]]
    np.add.at(presence, group_of_row[~is_first], labels[rows[~is_first]])
    return presence


def stratify(presence: NDArray[np.int32], ratios: NDArray[np.float64], seed: int) -> NDArray[np.int64]:
    """Assigns a part to each group, int64 [G] in 0..P-1, by `presence_of` [G, L] and ratios [P]; none stays empty."""
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(presence))
    chances = iter(rng.random((len(presence), len(ratios))).tolist())
    lacking = ratios[:, None] * presence.sum(axis=0)  # [P, L] images of each label that a part should still get
    shows = np.asfortranarray(presence[:, :-1] > 0)
    remaining = shows.sum(axis=0)
    part_of_group = np.full(len(presence), -1, np.int64)
    empty = set(range(len(ratios)))
    while (part_of_group < 0).any():
        label = int(np.where(remaining > 0, remaining, len(presence) + 1).argmin())
        members = order[((part_of_group < 0) & shows[:, label])[order]]
        left = int((part_of_group < 0).sum())
        gives = np.column_stack([presence[members, label], presence[members, -1]]).tolist()
        part_of_group[members] = _share_out(gives, lacking[:, [label, -1]].tolist(), chances, empty, left)
        for part in range(len(ratios)):
            lacking[part] -= presence[members[part_of_group[members] == part]].sum(axis=0)
        remaining -= shows[members].sum(axis=0)
    return part_of_group


def _share_out(
    gives: list[list[int]], lacking: list[list[float]], chances: Iterator[list[float]], empty: set[int], left: int
) -> list[int]:
    """Assigns each group of one label to the part that lacks most of the label, then most images, then by chance.

    Args:
        gives: for each group, how many images of the label and how many in all it has.
        lacking: for each part, how many of both it still lacks; updated.
        chances: for each group a random number for each part.
        empty: parts that have no group yet; updated.
        left: number of groups without a part; when they are as few as the empty parts, only those get groups.
    """
    parts = []
    for (labelled, images), chance in zip(gives, chances, strict=False):
        allowed = empty if left <= len(empty) else range(len(lacking))
        part = max(allowed, key=lambda p, chance=chance: (*lacking[p], chance[p]))
        lacking[part][0] -= labelled
        lacking[part][1] -= images
        empty.discard(part)
        left -= 1
        parts.append(part)
    return parts
