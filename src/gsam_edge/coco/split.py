"""Train, validation and test: stratified over all classes of an image, groups of images kept together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

from gsam_edge.coco.annotations import Annotations
from gsam_edge.coco.errors import DatasetError

#: Where exporters name the photograph that an image was made from; Roboflow writes this.
SOURCE_KEY = "extra.name"

#: `group_by` values that are no key.
AUTO, NO_GROUPS = "auto", "none"

_ROUNDING = 1e-6


class SplitConfig(BaseModel):
    """How the images are shared out."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    train: float = Field(ge=0, le=1, description="share of the images for training")
    val: float = Field(ge=0, le=1, description="share of the images for choosing the best checkpoint")
    test: float = Field(ge=0, le=1, description="share of the images for the final measurement")
    group_by: str = Field(
        min_length=1,
        description="dotted key of the image records; images with an equal value stay together. "
        f"'{AUTO}': {SOURCE_KEY} where images have it; '{NO_GROUPS}': each image by itself",
    )

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if abs(self.train + self.val + self.test - 1) > _ROUNDING:
            total = self.train + self.val + self.test
            raise ValueError(
                f"split: expected train + val + test = 1, got {self.train} + {self.val} + {self.test} = {total:g}"
            )
        return self

    @property
    def ratios(self) -> dict[str, float]:
        """Shares by the split's name."""
        return {"train": self.train, "val": self.val, "test": self.test}


@dataclass(frozen=True)
class Grouping:
    """Images that must not be parted.

    Attributes:
        groups: image ids by group, in the order of their file names.
        key: the dotted key whose equal values keep images together, None where each stands by itself.
        without_key: how many images do not carry the key and so stand by themselves.
        why: the choice of the key, in a sentence.
    """

    groups: Sequence[Sequence[int]]
    key: str | None
    without_key: int
    why: str


def split(annotations: Annotations, config: SplitConfig, *, seed: int) -> dict[str, Annotations]:
    """Shares the images out by iterative stratification.

    Sechidis, Tsoumakas and Vlahavas, "On the stratification of multi-label data" (2011): the rarest class is shared out
    first, each time to the part that still lacks most of it. What is shared out here is a group of images; images
    without any object count as a class of their own. The outcome depends on the file names and the seed, not on the
    order of the file.

    Args:
        annotations: checked annotations.
        config: ratios and groups.
        seed: of the order in which equals are shared out.

    Returns:
        `train`, `val` and `test`: disjoint, together all images, the same classes in each. A part has no images where
        its ratio is 0, and only there.

    Raises:
        DatasetError: if no image carries the key of `group_by`, or a part with a ratio above 0 would stay empty.
    """
    grouping = group_images(annotations, config.group_by)
    wanted = [name for name, ratio in config.ratios.items() if ratio > 0]
    if len(grouping.groups) < len(wanted):
        what = "images" if grouping.key is None else f"groups of images by {grouping.key!r}"
        found = len(grouping.groups)
        raise DatasetError(f"split: expected at least {len(wanted)} {what}, for {', '.join(wanted)}, got {found}")
    ratios = np.array([config.ratios[name] for name in wanted])
    parts = _stratify(_presence(annotations, grouping.groups), ratios, seed)
    ids: dict[str, list[int]] = {name: [] for name in config.ratios}
    for group, part in zip(grouping.groups, parts, strict=True):
        ids[wanted[part]] += group
    return {name: annotations.subset(ids[name]) for name in ids}


def group_images(annotations: Annotations, group_by: str) -> Grouping:
    """Finds the images that belong together.

    Args:
        annotations: checked annotations.
        group_by: a dotted key, `auto` or `none`, see `SplitConfig`.

    Raises:
        DatasetError: if a key was named that no image carries.
    """
    key, why = _group_key(annotations, group_by)
    groups: dict[tuple[str, str], list[int]] = {}
    without_key = 0
    for image in sorted(annotations.images, key=lambda image: image["file_name"]):
        value = None if key is None else _value(image, key)
        without_key += key is not None and value is None
        name = ("file", image["file_name"]) if value is None else ("key", value)
        groups.setdefault(name, []).append(image["id"])
    return Grouping(list(groups.values()), key, without_key, why)


def _group_key(annotations: Annotations, group_by: str) -> tuple[str | None, str]:
    if group_by == NO_GROUPS:
        return None, "each image by itself, as asked"
    key = SOURCE_KEY if group_by == AUTO else group_by
    carriers = sum(_value(image, key) is not None for image in annotations.images)
    total = len(annotations.images)
    if carriers:
        return key, f"{carriers} of {total} images carry {key}: those of one source stay together"
    if group_by == AUTO:
        return None, f"each image by itself: none carries {key}"
    known = ", ".join(sorted({name for image in annotations.images for name in image}))
    raise DatasetError(
        f"split.group_by: expected a key that images carry, got {key!r}, which none of {total} has; they have {known}"
    )


def _value(image: Mapping[str, Any], key: str) -> str | None:
    """The image's value under a dotted key as text, None where there is none."""
    value: Any = image
    for name in key.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return None if value is None else repr(value)


def _presence(annotations: Annotations, groups: Sequence[Sequence[int]]) -> NDArray[np.int64]:
    """[G, C + 2]: images of a group that show each class, those without objects, and all of them."""
    presence = np.zeros((len(groups), annotations.num_classes + 2), np.int64)
    for row, group in enumerate(groups):
        presence[row, -1] = len(group)
        for image_id in group:
            shown = {annotations.class_id_of_category[r["category_id"]] for r in annotations.objects_of_image[image_id]}
            presence[row, list(shown) or [-2]] += 1
    return presence


def _stratify(presence: NDArray[np.int64], ratios: NDArray[np.float64], seed: int) -> NDArray[np.int64]:
    """The part of each group, int64 [G] in 0..P-1, by `_presence` [G, L] and ratios [P]; no part stays empty."""
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(presence))
    lacking = ratios[:, None] * presence.sum(axis=0)  # [P, L] images of each label that a part should still get
    part_of_group = np.full(len(presence), -1, np.int64)
    is_empty = np.ones(len(ratios), bool)
    left = len(presence)
    while left:
        is_open = part_of_group < 0
        remaining = (presence[is_open, :-1] > 0).sum(axis=0)
        label = int(np.where(remaining > 0, remaining, len(presence) + 1).argmin())
        for group in order[(is_open & (presence[:, label] > 0))[order]]:
            allowed = is_empty if left <= is_empty.sum() else np.ones(len(ratios), bool)
            # Of the allowed parts the one that lacks most of this label, then most images, then by chance.
            part = np.lexsort((rng.random(len(ratios)), lacking[:, -1], lacking[:, label], allowed))[-1]
            part_of_group[group], is_empty[part] = part, False
            lacking[part] -= presence[group]
            left -= 1
    return part_of_group
