"""Splits images into train, val and test, stratified over all classes of an image, with groups kept together."""

from collections.abc import Mapping, MutableMapping, Sequence
from typing import Any, Self

import numpy as np
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidatorFunctionWrapHandler,
    field_validator,
    model_validator,
)

from gsam_edge.coco.annotations import Annotations
from gsam_edge.coco.errors import InvalidDatasetError
from gsam_edge.coco.images.values import image_values
from gsam_edge.coco.provenance import HELD_BACK, with_split_digest
from gsam_edge.coco.splitting.grouping import AUTO, NO_GROUPS, SOURCE_KEY, group_images
from gsam_edge.coco.splitting.keeping import KeptSplits
from gsam_edge.coco.splitting.labels import Labels, images_that_keep_labels
from gsam_edge.coco.splitting.stratification import presence_of, stratify

#: The key of image records that names a ready-made split, where `ready_made` is `auto`.
SPLIT_KEY = "split"

#: Common names of ready-made splits, to the names used here.
SPLIT_NAMES = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "dev"), "val"),
    **dict.fromkeys(("test", "testing"), "test"),
    HELD_BACK: HELD_BACK,
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
        description="dotted key of the image records, or file_name:REGULAR_EXPRESSION, that says train, val, test or "
        f"{HELD_BACK}; the ratios are then not used. '{AUTO}': the key {SPLIT_KEY!r} where images have it; "
        f"'{NO_GROUPS}': none",
    )
    labels: Labels = Field(
        description="training images whose labels are used: 'all', a count {count: 20} or a share {share: 0.1}; the "
        "labels of the others are held back"
    )

    @field_validator("labels", mode="wrap")
    @classmethod
    def _one_of_three(cls, labels: Any, validated: ValidatorFunctionWrapHandler) -> Labels:
        """Says in one sentence what may be given: of each of the three forms pydantic would say what it lacks."""
        try:
            valid: Labels = validated(labels)
        except ValidationError as error:
            raise ValueError(
                "expected all, {count: N} with a whole number from 1 on, or {share: S} with a number above 0 and up to "
                f"1, got {labels!r}; on the command line: split.labels.count=20"
            ) from error
        return valid

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
    annotations: Annotations,
    config: SplitConfig,
    *,
    seed: int,
    near_duplicates: Sequence[Sequence[int]] = (),
    earlier: MutableMapping[str, dict[str, Any]] | None = None,
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
        earlier: keeps each split; one of the same images with the same shares, groups and seed is taken over, however
            their labels changed (see `keeping`).

    Returns:
        `train`, `val`, `test` and `held_back`, the images whose labels are not used: ready-made ones, and those of the
        training images that `config.labels` leaves: disjoint, together all images, the same classes and `split_digest`
        in each. A part has no images only where its ratio is 0 or, for ready-made splits, where no image names it.

    Raises:
        InvalidDatasetError: if no image has the key of `group_by`, a part with a ratio above 0 would stay empty,
            ready-made splits leave images out, have unknown names, or hold no images for training, or labels are to be
            kept of more images than there are or of fewer than belong together.
    """
    ready_made = ready_made_splits(annotations, config)

    def all_parts() -> dict[str, list[int]]:
        if ready_made is not None:
            return ready_made
        return _stratified(annotations, config, seed=seed, near_duplicates=near_duplicates)

    def label_parts() -> dict[str, list[int]]:
        train = annotations.subset(ids["train"])
        used = images_that_keep_labels(
            train, config.labels, group_by=config.group_by, near_duplicates=near_duplicates, seed=seed
        )
        return {"train": used, HELD_BACK: sorted(set(ids["train"]) - set(used))}

    if earlier is None:
        ids = all_parts()
        labelled = label_parts()
    else:
        own = None if ready_made is None else _named(annotations, ready_made)
        kept = KeptSplits(
            annotations,
            earlier,
            groups=group_images(annotations, config.group_by, near_duplicates).groups,
            config={"ready_made": own, "ratios": config.ratios, "seed": seed},
        )
        ids = kept.keep("images", annotations.image_by_id, all_parts)
        # Apart from the images: validation and test split are the same whatever labels are used.
        labelled = kept.keep({"labels": config.model_dump()["labels"]}, ids["train"], label_parts)
    unused = {*ids.get(HELD_BACK, ()), *labelled[HELD_BACK]}
    members = {**ids, "train": labelled["train"], HELD_BACK: sorted(unused)}
    return with_split_digest({name: annotations.subset(members[name]) for name in members})


def _named(annotations: Annotations, ids: Mapping[str, Sequence[int]]) -> dict[str, list[str]]:
    """Returns file names by part, in an order that does not depend on the ids."""
    names = {image["id"]: image["file_name"] for image in annotations.images}
    return {part: sorted(names[image_id] for image_id in members) for part, members in ids.items()}


def _stratified(
    annotations: Annotations, config: SplitConfig, *, seed: int, near_duplicates: Sequence[Sequence[int]]
) -> dict[str, list[int]]:
    """Returns image ids by split, see `split`."""
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
    parts = stratify(presence_of(annotations, grouping.groups), ratios, seed)
    ids: dict[str, list[int]] = {name: [] for name in config.ratios}
    for group, part in zip(grouping.groups, parts.tolist(), strict=True):
        ids[wanted[part]] += group
    return ids


def ready_made_splits(annotations: Annotations, config: SplitConfig) -> dict[str, list[int]] | None:
    """Returns image ids by the user's own splits `train`, `val`, `test` and `held_back`; None where there are none.

    Raises:
        InvalidDatasetError: if some images are in none of them, a name is unknown, or no image is for training.
    """
    key = SPLIT_KEY if config.ready_made == AUTO else config.ready_made
    images = annotations.images
    if config.ready_made == NO_GROUPS or (config.ready_made == AUTO and not any(SPLIT_KEY in i for i in images)):
        return None
    values = image_values(images, key, where="split.ready_made")
    ids: dict[str, list[int]] = {name: [] for name in (*config.ratios, HELD_BACK)}
    for image, value in zip(images, values, strict=True):
        name = SPLIT_NAMES.get(str(value).lower())
        if name is None:
            raise InvalidDatasetError(
                f"split.ready_made: expected train, val or test (or {HELD_BACK}) for every image by {key!r}, got "
                f"{value!r} for {image['file_name']!r}; set split.ready_made=none to have the images split"
            )
        ids[name].append(image["id"])
    if not ids["train"]:
        counts = ", ".join(f"{name} {len(members)}" for name, members in ids.items())
        raise InvalidDatasetError(f"split.ready_made: expected images to train on by {key!r}, got {counts}")
    return ids
