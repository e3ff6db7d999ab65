"""Labelled images as prompts of SAM 3's training loss."""

from collections.abc import Collection, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from gsam_edge.coco import Annotations
from gsam_edge.teachers.outlining.features import Shown
from gsam_edge.teachers.sam3.loss import Objects
from gsam_edge.vision import Detections
from gsam_edge.vision.boxes import xyxy_to_cxcywh


class Batch(NamedTuple):
    """Images, each asked for one or more classes: B prompts in all.

    Attributes:
        shown: the images.
        rows: int64 [B], the image of each prompt.
        class_ids: int64 [B], the class that it is asked for.
        objects: the objects of that class in it, B items.
    """

    shown: list[Shown]
    rows: Tensor
    class_ids: Tensor
    objects: list[Objects]


def draw_classes(
    rng: np.random.Generator,
    present: Collection[int],
    absent: Collection[int],
    *,
    at_most: int,
    absent_probability: float,
) -> list[int]:
    """Draws the classes that an image is asked for in one step.

    Args:
        rng: random generator.
        present: ids of the classes in the image.
        absent: ids of those that are not in it.
        at_most: classes to draw; fewer where there are fewer.
        absent_probability: how often a class is drawn from `absent`, from which the model learns that a class can be
            absent. Where one kind is used up, the other is drawn from.

    Returns:
        Different class ids, at least one if there are any.
    """
    kinds = [rng.permutation(sorted(kind)).tolist() for kind in (present, absent)]
    drawn: list[int] = []
    while len(drawn) < at_most and any(kinds):
        of_absent = rng.random() < absent_probability
        drawn.append((kinds[of_absent] or kinds[not of_absent]).pop())
    return drawn


def askable_classes(annotations: Annotations) -> dict[int, set[int]]:
    """Returns, by image id, the class ids that an image can be asked for; images without any are left out.

    Of a class that an image holds as a crowd only (`iscrowd`), it is wrong to teach that it is absent, and there is no
    object to teach.
    """
    askable: dict[int, set[int]] = {}
    for record in annotations.images:
        with_crowds, single = (annotations.truth(record["id"], crowds=crowds, masks=False) for crowds in (True, False))
        crowds_only = set(with_crowds.class_ids.tolist()) - set(single.class_ids.tolist())
        if classes := set(range(len(annotations.class_names))) - crowds_only:
            askable[record["id"]] = classes
    return askable


def objects_of(truth: Detections, class_id: int, image_hw: tuple[int, int], mask_size: int | None) -> Objects:
    """Returns the objects of one class as targets.

    Args:
        truth: all objects of the image; an empty mask means that the object has none.
        class_id: the class.
        image_hw: height and width of the image.
        mask_size: side of the drawn masks; None where masks are not taught.
    """
    of_class = truth.select(truth.class_ids == class_id)
    height, width = image_hw
    fractions = xyxy_to_cxcywh(of_class.xyxy) / np.array([width, height, width, height], np.float32)
    masks = None
    if mask_size is not None and (cropped := of_class.crop()) is not None:
        masks = torch.zeros(len(of_class), mask_size, mask_size)
        for row in range(len(of_class)):
            # The image is stretched to a square, and so are its masks; one at a time, since each is of its size.
            full = torch.from_numpy(cropped[[row]].whole())[None].float()
            resized = functional.interpolate(full, (mask_size, mask_size), mode="bilinear", antialias=True)
            masks[row] = resized[0, 0].clamp(0, 1)
    return Objects(torch.from_numpy(fractions), masks)


def labelled_batch(shown: list[Shown], prompts: Sequence[tuple[int, int, Objects]], device: torch.device) -> Batch:
    """Puts prompts (row of the image, class id, objects) together on a device."""
    rows, class_ids, objects = zip(*prompts, strict=True)
    return Batch(
        shown,
        torch.tensor(rows, device=device),
        torch.tensor(class_ids, device=device),
        [Objects(one.boxes.to(device), None if one.masks is None else one.masks.to(device)) for one in objects],
    )
