"""The teachers' maps of the plain images of a batch.

Shapes: see `students.maps`.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gsam_edge.students.maps import ImageMaps, PlainTargets
from gsam_edge.students.ultralytics.labels import TrainingLabels
from gsam_edge.training.errors import TrainingError
from gsam_edge.vision.boxes import cxcywh_to_xyxy


class BatchMaps:
    """Looks up the maps of the plain images of a batch and mirrors them as their images are.

    Args:
        maps: of one image at a time.
        labels: the objects of all images; their rows are those of a batch's objects.
    """

    def __init__(self, maps: ImageMaps, labels: TrainingLabels) -> None:
        self._maps = maps
        self._records = {record["im_file"]: record for record in labels.records}

    def channels(self) -> int:
        """Returns D, channels of the features; 0 where none are asked for. The first image is asked for that."""
        features = self._of(next(iter(self._records))).get("features")
        return 0 if features is None else features.shape[1]

    def targets(self, batch: Mapping[str, Any], levels_hw: Sequence[tuple[int, int]], progress: float) -> PlainTargets:
        """Returns the targets of the plain images of a batch, at least one, on the batch's device.

        Args:
            batch: Ultralytics' batch with `im_file`, `plain` and `flipped` of the B images, and of the objects of all
                images `batch_idx`, `bboxes` (cxcywh as fractions of the canvas), `row` (int64 [N]) of the table of
                labels, `mask_weight` and `ignored`; `pseudo` bool [B].
            levels_hw: lines and columns of the anchors of each level.
            progress: share of the training that is done, 0..1.

        Raises:
            TrainingError: if the student has other anchors than the maps have cells.
        """
        device = batch["bboxes"].device
        plain = [number for number, is_plain in enumerate(batch["plain"]) if is_plain]
        each: list[dict[str, Tensor]] = []
        objects: list[Tensor] = []  # of each image, their places among the objects of the batch
        for number in plain:
            name = batch["im_file"][number]
            mine = (batch["batch_idx"] == number).nonzero()[:, 0]
            objects.append(mine)
            maps = dict(self._of(name))
            if "mask_logits" in maps:
                first = int(self._records[name]["cls"][0, 0]) if len(mine) else 0
                maps["mask_logits"] = maps["mask_logits"][(batch["row"][mine] - first).cpu()]
            each.append(mirrored(maps, levels_hw, *batch["flipped"][number]))
        together = {
            name: (torch.cat if name == "mask_logits" else torch.stack)([maps[name] for maps in each]).to(device)
            for name in each[0]
        }
        rows = torch.cat(objects)
        image = torch.repeat_interleave(
            torch.arange(len(plain), device=device), torch.tensor([len(mine) for mine in objects], device=device)
        )
        drawn_by_teacher = batch["pseudo"].to(device)[batch["batch_idx"][rows].long()] & ~batch["ignored"][rows]
        centre, size = batch["bboxes"][rows, :2], batch["bboxes"][rows, 2:]
        return PlainTargets(
            progress=progress,
            scores=together.get("scores"),
            boxes=together.get("boxes"),
            features=together.get("features"),
            mask_logits=together.get("mask_logits"),
            object_image=image,
            object_boxes=torch.cat([centre - size / 2, centre + size / 2], 1),
            object_weights=batch["mask_weight"][rows] * drawn_by_teacher,
        )

    def _of(self, name: str) -> Mapping[str, Tensor]:
        record = self._records[name]
        height, width = record["shape"]
        xyxy: NDArray[np.float32] = cxcywh_to_xyxy(record["bboxes"]) * np.array([width, height] * 2, np.float32)
        return self._maps.of(name, xyxy.astype(np.float32))


def mirrored(
    maps: Mapping[str, Tensor], levels_hw: Sequence[tuple[int, int]], left_right: bool, top_bottom: bool
) -> dict[str, Tensor]:
    """Returns the maps of an image as those of the mirrored image.

    Args:
        maps: `scores`, `boxes`, `features` [A, ...] and `mask_logits` [n, h, w], those that there are.
        levels_hw: lines and columns of the cells of each level.
        left_right: whether left became right.
        top_bottom: whether top became bottom.

    Raises:
        TrainingError: if a map has not as many cells as the levels.
    """
    cells = [height * width for height, width in levels_hw]
    result: dict[str, Tensor] = {}
    for name, values in maps.items():
        if name == "mask_logits":
            axes = [axis for axis, flipped in ((1, top_bottom), (2, left_right)) if flipped]
            result[name] = values.flip(axes)
            continue
        if len(values) != sum(cells):
            raise TrainingError(
                f"distillation losses: expected a student with the {len(values)} anchors of stride 8, 16 and 32 that "
                f"the teacher's map has, got one with {sum(cells)}; set the weights of logit and feature under "
                "distillation.losses to 0, or choose another student.architecture"
            )
        axes = [axis for axis, flipped in ((0, top_bottom), (1, left_right)) if flipped]
        levels = zip(torch.split(values, cells), levels_hw, strict=True)
        turned = torch.cat([level.reshape(*hw, -1).flip(axes).flatten(0, 1) for level, hw in levels])
        result[name] = _mirrored_boxes(turned, left_right, top_bottom) if name == "boxes" else turned
    return result


def _mirrored_boxes(boxes: Tensor, left_right: bool, top_bottom: bool) -> Tensor:
    """Returns boxes [A, 4], corners as fractions of the canvas, as seen on the mirrored canvas."""
    left, top, right, bottom = boxes.unbind(1)
    if left_right:
        left, right = 1 - right, 1 - left
    if top_bottom:
        top, bottom = 1 - bottom, 1 - top
    return torch.stack([left, top, right, bottom], 1)
