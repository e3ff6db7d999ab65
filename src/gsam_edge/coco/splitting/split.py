"""Splits images into train, val and test, stratified over all classes of an image, with groups kept together."""

from collections.abc import Iterator, Sequence
from typing import Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

from gsam_edge.coco.annotations import Annotations
from gsam_edge.coco.errors import InvalidDatasetError
from gsam_edge.coco.images.values import image_values
from gsam_edge.coco.provenance import with_split_digest
from gsam_edge.coco.splitting.grouping import AUTO, NO_GROUPS, SOURCE_KEY, group_images

#: The key of image records that names a ready-made split, where `ready_made` is `auto`.
SPLIT_KEY = "split"

#: Common names of ready-made splits, to the names used here.
SPLIT_NAMES = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "dev"), "val"),
    **dict.fromkeys(("test", "testing"), "test"),
}

_ROUNDING = 1e-6


class SplitConfig(BaseModel):
    """How the images are split."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    train: float = Field(ge=0, le=1, description="share of the images for training")
    val: float = Field(ge=0, le=1, description="share of the images for choosing the best checkpoint")
    test: float | None = Field(
        default=None,
        ge=0,
        le=1,
        description="share of the images for the final measurement; None: what the others leave",
    )
    group_by: str = Field(
        min_length=1,
        description="dotted key of the image records, or file_name:REGULAR_EXPRESSION; images with an equal value stay "
        f"together, and near duplicates too. '{AUTO}': {SOURCE_KEY} where images have it; '{NO_GROUPS}': each image "
        "by itself, near duplicates too",
    )
    ready_made: str = Field(
        default=AUTO,
        min_length=1,
        description="dotted key of the image records, or file_name:REGULAR_EXPRESSION, that says train, val or test; "
        f"the ratios are then not used. '{AUTO}': the key {SPLIT_KEY!r} where images have it; '{NO_GROUPS}': none",
    )

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if abs(sum(self.ratios.values()) - 1) > _ROUNDING:
            shares = " + ".join(f"{ratio:.6g}" for ratio in self.ratios.values())
            raise ValueError(
                f"split: expected train + val + test = 1, got {shares} = {sum(self.ratios.values()):.6g}; a share that "
                "is not named keeps its value of the parameter file, and test without a value takes what is left"
            )
        return self

    @property
    def ratios(self) -> dict[str, float]:
        """Shares by the split's name."""
        left = 1 - self.train - self.val
        test = self.test if self.test is not None else max(0.0, round(left, 9))  # 1 - 0.8 - 0.2 is not 0 in floats
        return {"train": self.train, "val": self.val, "test": test}


def split(
    annotations: Annotations, config: SplitConfig, *, seed: int, near_duplicates: Sequence[Sequence[int]] = ()
) -> dict[str, Annotations]:
    """Returns the user's own splits, or else splits the images by iterative stratification.

    Sechidis, Tsoumakas and Vlahavas, "On the stratification of multi-label data" (2011): the rarest class is assigned
    first (equally rare ones by name), each time to the part that still lacks most of it. Whole groups of images are
    assigned; images without any object count as a class of their own. The outcome depends on the names of files and
    classes and on the seed, not on the order of the file.

    Args:
        annotations: checked annotations.
        config: ratios and groups.
        seed: for the order of equal groups.
        near_duplicates: groups of image ids that show the same image, see `near_duplicate_groups`.

    Returns:
        `train`, `val` and `test`: disjoint, together all images, the same classes and `split_digest` in each. A part
        has no images only where its ratio is 0 or, for ready-made splits, where no image names it.

    Raises:
        InvalidDatasetError: if no image has the key of `group_by`, a part with a ratio above 0 would stay empty, or
            ready-made splits leave images out, have unknown names, or hold no images for training.
    """
    made = ready_made_splits(annotations, config)
    if made is not None:
        return with_split_digest({name: annotations.subset(made[name]) for name in config.ratios})
    grouping = group_images(annotations, config.group_by, near_duplicates)
    wanted = [name for name, ratio in config.ratios.items() if ratio > 0]
    if len(grouping.groups) < len(wanted):
        what = "images" if len(grouping.groups) == len(annotations.images) else "groups of images"
        what += f" by {grouping.key!r}" if grouping.key else ""
        found = f"{len(grouping.groups)} ({grouping.why})"
        raise InvalidDatasetError(
            f"split: expected at least {len(wanted)} {what}, for {', '.join(wanted)}, got {found}"
        )
    ratios = np.array([config.ratios[name] for name in wanted])
    parts = _stratify(_presence(annotations, grouping.groups), ratios, seed)
    ids: dict[str, list[int]] = {name: [] for name in config.ratios}
    for group, part in zip(grouping.groups, parts.tolist(), strict=True):
        ids[wanted[part]] += group
    return with_split_digest({name: annotations.subset(ids[name]) for name in ids})


def ready_made_splits(annotations: Annotations, config: SplitConfig) -> dict[str, list[int]] | None:
    """Returns image ids by the user's own splits `train`, `val` and `test`; None where there are none.

    Raises:
        InvalidDatasetError: if some images are in none of them, a name is unknown, or no image is for training.
    """
    key = SPLIT_KEY if config.ready_made == AUTO else config.ready_made
    images = annotations.images
    if config.ready_made == NO_GROUPS or (config.ready_made == AUTO and not any(SPLIT_KEY in i for i in images)):
        return None
    values = image_values(images, key, where="split.ready_made")
    ids: dict[str, list[int]] = {name: [] for name in config.ratios}
    for image, value in zip(images, values, strict=True):
        name = SPLIT_NAMES.get(str(value).lower())
        if name is None:
            raise InvalidDatasetError(
                f"split.ready_made: expected train, val or test for every image by {key!r}, got {value!r} for "
                f"{image['file_name']!r}; set split.ready_made=none to have the images split"
            )
        ids[name].append(image["id"])
    if not ids["train"]:
        counts = ", ".join(f"{name} {len(members)}" for name, members in ids.items())
        raise InvalidDatasetError(f"split.ready_made: expected images to train on by {key!r}, got {counts}")
    return ids


def _presence(annotations: Annotations, groups: Sequence[Sequence[int]]) -> NDArray[np.int32]:
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


def _stratify(presence: NDArray[np.int32], ratios: NDArray[np.float64], seed: int) -> NDArray[np.int64]:
    """Assigns a part to each group, int64 [G] in 0..P-1, by `_presence` [G, L] and ratios [P]; no part stays empty."""
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
