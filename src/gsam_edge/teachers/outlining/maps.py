"""Soft masks of given boxes, on the grid of a student's prototypes."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from gsam_edge.teachers.maps import MASK_STRIDE
from gsam_edge.teachers.outlining.model import Features, PromptableModel, boxes_to_input

# As many boxes as the decoder is asked about at once, to limit memory; results do not depend on it.
_BOXES_PER_PASS = 32


@torch.no_grad()
def mask_maps(
    model: PromptableModel,
    features: Features,
    boxes: NDArray[np.float32],
    canvas_hw: tuple[int, int],
    *,
    multimask: bool,
) -> dict[str, Tensor]:
    """Returns `mask_logits` of the object in each box, see `teachers.maps.TeacherMaps`.

    They are the decoder's own, before it draws an edge: how sure it is of each place. A square canvas fills the model's
    input, so that its logits cover the canvas; they are resampled to cells of four pixels of the canvas.

    Args:
        model: the model.
        features: of the canvas, [1, ...]; not read where there are no boxes.
        boxes: float32 [N, 4], corners in pixels of the canvas; N may be 0.
        canvas_hw: height and width of the canvas in pixels, equal.
        multimask: whether the mask of a box is the one of three whose predicted IoU is highest.
    """
    cells = (canvas_hw[0] // MASK_STRIDE, canvas_hw[1] // MASK_STRIDE)
    on_input = boxes_to_input(model, boxes, canvas_hw)
    drawn = [torch.zeros(0, *cells)]
    for first in range(0, len(on_input), _BOXES_PER_PASS):
        logits, iou = model.decode(features, on_input[first : first + _BOXES_PER_PASS], multimask=multimask)
        best = iou.argmax(1)
        chosen = logits[torch.arange(len(best), device=best.device), best].float()  # [n, m, m]
        resampled = functional.interpolate(chosen[:, None], cells, mode="bilinear", antialias=True)[:, 0]
        drawn.append(resampled.cpu())
    return {"mask_logits": torch.cat(drawn)}
