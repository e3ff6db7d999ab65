"""A student's answers in the end-to-end layout of Ultralytics, so that its `YOLO()` reads an exported file.

Ultralytics takes the outputs by their place. With `end2end` in the metadata, the first holds a row an object,
[B, N, 6 + M]: corners in canvas pixels, score, class id and M mask coefficients; the second, of a model that segments,
holds prototypes [B, M, h, w]. A mask is where the sum of the prototypes, weighted by the coefficients, is above 0
(`ultralytics.nn.autobackend`, `ultralytics.utils.nms`, 8.4).
"""

from typing import TYPE_CHECKING

from gsam_edge.runtime.card import Card

if TYPE_CHECKING:
    from torch import Tensor

#: Sides of Ultralytics' canvas are multiples of it; a student's are at least that.
_STRIDE = 32
#: Ultralytics' names of the tasks: without masks, and with them.
DETECT, SEGMENT = "detect", "segment"


def rows(boxes: "Tensor", scores: "Tensor", class_ids: "Tensor") -> "Tensor":
    """Returns the rows [B, N, 6] of boxes [B, N, 4], scores [B, N] and class ids [B, N], in the boxes' dtype."""
    import torch

    return torch.cat([boxes, scores[..., None], class_ids[..., None].to(boxes.dtype)], -1)


def metadata(card: Card, task: str) -> dict[str, str]:
    """Returns the properties that Ultralytics reads, as text: it evaluates them as Python literals.

    `dynamic` is false although a file takes any number of images: it would mean images of any size, too.
    """
    return {
        "task": task,
        "names": repr(dict(enumerate(card.class_names))),
        "imgsz": repr([card.image_size, card.image_size]),
        "stride": str(_STRIDE),
        "batch": "1",
        "channels": "3",
        "end2end": "True",
        "args": repr({"nms": True, "dynamic": False}),
    }
