"""What Grounding DINO's encoder says about every place of an image, on the grid of a YOLO head.

In all shapes: S image tokens of the encoder's levels, A cells of the grid (`teachers.maps`), C classes, D channels.
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional
from torchvision.ops import box_convert

from gsam_edge.teachers.grounding_dino.model import GroundingDino, class_probabilities
from gsam_edge.teachers.maps import MAP_STRIDES


@torch.no_grad()
def encoder_maps(
    grounding_dino: GroundingDino, canvas: NDArray[np.uint8], class_names: Sequence[str]
) -> dict[str, Tensor]:
    """Returns `scores`, `boxes` and `features` of the encoder's tokens, see `teachers.maps.TeacherMaps`.

    The encoder's proposals, from which the model chooses its queries, are scores and boxes of every token. Tokens of
    stride 8, 16 and 32 are the cells of the grid where the model's input is as large as the canvas; from an input of
    another size, which the model's own configuration asks for, the nearest token speaks for a cell (its score stays
    with its box), and features are interpolated. The library gives no proposal at the very edge of a large input:
    there scores and boxes are NaN.

    With several prompts (many classes) the box is that of the prompt with the highest score, and the features are the
    mean of the prompts'.

    Args:
        grounding_dino: the model, with its adapter.
        canvas: RGB, uint8 [side, side, 3].
        class_names: by class id.

    Raises:
        ValueError: if the canvas does not fill the model's input, as one that is not square may not.
    """
    scores, boxes, features = [], [], []
    for prompt in grounding_dino.prompts(class_names):
        inputs = grounding_dino.inputs([canvas], [prompt.text])
        if not inputs["pixel_mask"].all():
            raise ValueError(f"canvas: expected one that fills the input, as a square does, got {list(canvas.shape)}")
        input_hw = (inputs["pixel_values"].shape[2], inputs["pixel_values"].shape[3])
        outputs = grounding_dino.model.model(**inputs)
        score = class_probabilities(outputs.enc_outputs_class[0].float(), prompt, len(class_names))  # [S, C]
        coordinates = outputs.enc_outputs_coord_logits[0].float()  # [S, 4], cxcywh before the sigmoid
        silent = ~coordinates.isfinite().all(1, keepdim=True)  # [S, 1]
        box = box_convert(coordinates.sigmoid(), "cxcywh", "xyxy")
        grids = (input_hw, (canvas.shape[0], canvas.shape[1]))
        scores.append(on_grid(score.masked_fill(silent, torch.nan), *grids, mode="nearest-exact"))
        boxes.append(on_grid(box.masked_fill(silent, torch.nan), *grids, mode="nearest-exact"))
        features.append(on_grid(outputs.encoder_last_hidden_state_vision[0].float(), *grids, mode="bilinear"))
    each = torch.stack(scores)  # [P prompts, A, C]; a class is in one prompt, NaN in the others
    best = each.nan_to_num(-1).amax(-1).argmax(0)  # [A]
    chosen = torch.stack(boxes)[best, torch.arange(len(best), device=best.device)]
    merged = torch.where(each.isnan().all(0), torch.nan, each.nan_to_num(-1).amax(0))
    maps = {"scores": merged, "boxes": chosen, "features": torch.stack(features).mean(0)}
    return {name: values.cpu() for name, values in maps.items()}


def on_grid(
    values: Tensor,
    input_hw: tuple[int, int],
    canvas_hw: tuple[int, int],
    *,
    mode: Literal["nearest-exact", "bilinear"],
) -> Tensor:
    """Returns values [S, K] of the encoder's tokens as those of the grid's cells [A, K].

    Args:
        values: of levels of stride 8, 16, 32 and, in some models, 64, each row by row; those of 64 are left out.
        input_hw: height and width of the model's input in pixels, which shows the whole canvas.
        canvas_hw: height and width of the canvas in pixels, multiples of 32.
        mode: how a level is resampled that has another number of cells than the grid's.
    """
    levels, first = [], 0
    for stride in MAP_STRIDES:
        height, width = (-(-side // stride) for side in input_hw)
        level = values[first : first + height * width].T.reshape(1, -1, height, width)
        first += height * width
        cells = (canvas_hw[0] // stride, canvas_hw[1] // stride)
        if (height, width) != cells:
            level = functional.interpolate(level, cells, mode=mode)
        levels.append(level.flatten(2)[0].T)
    return torch.cat(levels)
