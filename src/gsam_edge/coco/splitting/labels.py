"""Which training images keep their labels, for studies of how many labels a task needs."""

from collections.abc import Sequence
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from gsam_edge.coco.annotations import Annotations
from gsam_edge.coco.errors import InvalidDatasetError
from gsam_edge.coco.splitting.grouping import group_images
from gsam_edge.coco.splitting.stratification import presence_of, stratify

_HALVES = np.array([0.5, 0.5])


class LabelCount(BaseModel):
    """A number of training images that keep their labels."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    count: int = Field(ge=1, description="training images that keep their labels")


class LabelShare(BaseModel):
    """A share of the training images that keep their labels."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    share: float = Field(
        gt=0, le=1, description="share of the training images that keep their labels; at least one does"
    )


Labels: TypeAlias = Literal["all"] | LabelCount | LabelShare


def images_that_keep_labels(
    train: Annotations, labels: Labels, *, group_by: str, near_duplicates: Sequence[Sequence[int]], seed: int
) -> list[int]:
    """Returns the ids of the training images whose labels are used.

    Groups of images (see `group_images`) are kept or held back whole. First come images that show every class between
    them, the rarest class first, each time the image that shows most classes that are missing. The others are halved
    by iterative stratification again and again (see `split`), and the halves taken in their order. The images of a
    number of labels so contain those of every smaller number with the same seed. Where groups hold several images this
    is not always so: one that no longer fits is passed over for others that do, and where none does, fewer images than
    asked for keep their labels.

    Args:
        train: the whole training split.
        labels: which labels are used.
        group_by: see `group_images`.
        near_duplicates: groups of image ids that show the same image.
        seed: for the choice among equals.

    Raises:
        InvalidDatasetError: if more labels are asked for than there are images, or the smallest group has more images
            than labels are asked for.
    """
    image_ids = [image["id"] for image in train.images]
    if labels == "all":
        return image_ids
    count = labels.count if isinstance(labels, LabelCount) else max(1, round(labels.share * len(image_ids)))
    if count > len(image_ids):
        raise InvalidDatasetError(
            f"split.labels.count: expected at most {len(image_ids)}, the images of the training split, got {count}"
        )
    grouping = group_images(train, group_by, near_duplicates)
    presence = presence_of(train, grouping.groups)
    taken = _taken(presence, count, seed)
    if not taken:
        raise InvalidDatasetError(
            f"split.labels: expected at least as many images as belong together, {presence[:, -1].min()} in the "
            f"smallest group ({grouping.why}), got {count}; use more labels, or set split.group_by=none"
        )
    return [image_id for row in sorted(taken) for image_id in grouping.groups[row]]


def _taken(presence: NDArray[np.int32], count: int, seed: int) -> list[int]:
    """Returns the rows of groups that have `count` images together, or the most that fit, by `presence_of` [G, L]."""
    order = np.random.default_rng(seed).permutation(len(presence))
    sizes = presence[:, -1]
    first = _first_of_each_class(presence[:, :-2] > 0, order)
    taken = _that_fit(first, sizes, count)
    others = np.setdiff1d(np.arange(len(presence)), first)
    taken += _stratified(others, presence, count - int(sizes[taken].sum()), seed)
    left = order[~np.isin(order, taken)]
    return taken + _that_fit(left.tolist(), sizes, count - int(sizes[taken].sum()))


def _first_of_each_class(shows: NDArray[np.bool_], order: NDArray[np.int64]) -> list[int]:
    """Returns rows that show every class between them, by which classes [G, C] each group shows."""
    frequency, missing = shows.sum(axis=0), shows.any(axis=0)
    rows = []
    while missing.any():
        rarest = int(np.where(missing, frequency, len(shows) + 1).argmin())
        showing = order[shows[order, rarest]]
        rows.append(int(showing[(shows[showing] & missing).sum(axis=1).argmax()]))
        missing &= ~shows[rows[-1]]
    return rows


def _stratified(rows: NDArray[np.int64], presence: NDArray[np.int32], count: int, seed: int) -> list[int]:
    """Returns rows with at most `count` images; those of a smaller count are among them."""
    taken: list[int] = []
    while len(rows) > 1:
        half = stratify(presence[rows], _HALVES, seed)
        first, second = rows[half == 0], rows[half == 1]
        images = int(presence[first, -1].sum())
        if images > count:
            rows = first
            continue
        taken += first.tolist()
        count -= images
        rows = second
    return taken + _that_fit(rows.tolist(), presence[:, -1], count)


def _that_fit(rows: Sequence[int], sizes: NDArray[np.int32], count: int) -> list[int]:
    """Returns the rows, in this order, that still fit into a number of images."""
    fitting = []
    for row in rows:
        if sizes[row] <= count:
            fitting.append(row)
            count -= int(sizes[row])
    return fitting
