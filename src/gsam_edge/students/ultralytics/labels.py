"""Labels of all images in Ultralytics' format, and the facts about each object that its augmentation does not carry."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gsam_edge.coco.errors import InvalidDatasetError
from gsam_edge.students.images import LabelledImages, LabelWeights
from gsam_edge.students.ultralytics.own_boxes import box_differs_from_mask
from gsam_edge.students.ultralytics.polygons import outlines
from gsam_edge.vision import Detections
from gsam_edge.vision.boxes import box_area, clip_xyxy, xyxy_to_cxcywh
from gsam_edge.vision.masks import masks_to_xyxy


@dataclass(frozen=True)
class LabelTable:
    """Facts about every labelled object besides its position; augmentation carries the row number.

    Attributes:
        class_ids: int64 [R].
        has_mask: bool [R].
        own_box: bool [R], whether the object's box is not its mask's (see `box_differs_from_mask`).
        class_weight: float32 [R] in 0..1; this and the following as in `LabelWeights`.
        box_weight: float32 [R] in 0..1.
        mask_weight: float32 [R] in 0..1.
        ignored: bool [R].
        is_pseudo: bool [R], whether no person gave the label.
    """

    class_ids: Tensor
    has_mask: Tensor
    own_box: Tensor
    class_weight: Tensor
    box_weight: Tensor
    mask_weight: Tensor
    ignored: Tensor
    is_pseudo: Tensor


@dataclass(frozen=True)
class TrainingLabels:
    """Labels in Ultralytics' format, and the table whose rows they refer to.

    Attributes:
        records: one label mapping per image.
        table: see `LabelTable`.
        pseudo: indices of the images whose labels no person gave.
        without_area: labelled objects left out because their box has no area in the image.
    """

    records: list[dict[str, Any]]
    table: LabelTable
    pseudo: frozenset[int]
    without_area: int


def collect_labels(data: LabelledImages) -> TrainingLabels:
    """Collects the labels of all images with their table.

    Raises:
        InvalidDatasetError: if no object is left that is not ignored, or the labels of every image are a machine's.
        ValueError: if a class id or a name is unknown, or an image has not as many weights as objects.
    """
    _check_names(data)
    num_classes = len(data.class_names)
    records: list[dict[str, Any]] = []
    class_ids: list[NDArray[np.int64]] = []
    has_mask: list[bool] = []
    own_box: list[NDArray[np.bool_]] = []
    weights: list[LabelWeights] = []
    pseudo: list[bool] = []
    without_area = 0
    for name, objects in data.labels.items():
        _check_classes(name, objects, num_classes)
        own = data.weights.get(name, LabelWeights.full(len(objects)))
        if len(own) != len(objects):
            raise ValueError(f"weights of {name}: expected {len(objects)}, one per labelled object, got {len(own)}")
        height, width = data.image_hw[name]
        xyxy = clip_xyxy(objects.xyxy, (height, width))
        sized = box_area(xyxy) > 0
        without_area += int((~sized).sum())
        kept, xyxy = objects.select(sized), xyxy[sized]
        masks = kept.crop()
        scale = np.array([width, height, width, height], np.float32)
        first_row = len(has_mask)
        records.append(
            {
                "im_file": name,
                "shape": (height, width),
                "cls": np.arange(first_row, first_row + len(kept), dtype=np.float32)[:, None],
                "bboxes": xyxy_to_cxcywh(xyxy / scale),
                "segments": [polygon / scale[:2] for polygon in outlines(masks, xyxy)],
                "normalized": True,
                "bbox_format": "xywh",
            }
        )
        class_ids.append(kept.class_ids)
        has_mask += [False] * len(kept) if masks is None else (box_area(masks_to_xyxy(masks)) > 0).tolist()
        own_box.append(box_differs_from_mask(xyxy, masks))
        weights.append(own.select(sized))
        pseudo += [name in data.pseudo] * len(kept)
    if all(own.ignored.all() for own in weights):
        raise InvalidDatasetError(
            f"student: expected a labelled object in {len(data.labels)} training images, got "
            + (f"{len(has_mask)}, all too unsure to be learnt (ignored)" if has_mask else "none")
        )
    table = LabelTable(
        class_ids=torch.from_numpy(np.concatenate(class_ids)),
        has_mask=torch.tensor(has_mask),
        own_box=torch.from_numpy(np.concatenate(own_box)),
        class_weight=torch.from_numpy(np.concatenate([own.classes for own in weights])),
        box_weight=torch.from_numpy(np.concatenate([own.boxes for own in weights])),
        mask_weight=torch.from_numpy(np.concatenate([own.masks for own in weights])),
        ignored=torch.from_numpy(np.concatenate([own.ignored for own in weights])),
        is_pseudo=torch.tensor(pseudo),
    )
    machines = frozenset(index for index, record in enumerate(records) if record["im_file"] in data.pseudo)
    return TrainingLabels(records, table, machines, without_area)


def _check_names(data: LabelledImages) -> None:
    unknown = sorted((data.pseudo | data.weights.keys()) - data.labels.keys())
    if unknown:
        raise ValueError(f"student: expected weights and pseudo-labels of labelled images, got {unknown[:5]}")
    if data.labels.keys() <= data.pseudo:
        raise InvalidDatasetError(
            f"student: expected an image with labels that a person gave, got {len(data.labels)} without; label some"
        )


def _check_classes(name: str, objects: Detections, num_classes: int) -> None:
    wrong = [int(i) for i in objects.class_ids if not 0 <= i < num_classes]
    if wrong:
        raise ValueError(f"labels of {name}: expected class ids 0..{num_classes - 1}, got {wrong}")
